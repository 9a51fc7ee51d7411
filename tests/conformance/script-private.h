/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "script.h"

G_BEGIN_DECLS

typedef struct
{
  Fixture *fixture;
  GHashTable *processes; /* name -> Helper, owned by the fixture */
  const char *step;      /* for messages */
  int round;
  gboolean is_skipped;
} Script;

/* Ends the test, and says in which step. */
void  script_fail       (Script     *self,
                         const char *format,
                         ...) G_GNUC_NORETURN G_GNUC_PRINTF (2, 3);

/* Returns the value of a sum. */
int   script_get_number (Script     *self,
                         const char *text);
char *script_make_key   (Script     *self,
                         gboolean    is_other);
/* Returns an argument as the helper is to read it. */
char *script_expand     (Script     *self,
                         const char *word);

/* Fails unless @answer is what a step @expected; NULL stands for `ok`. */
void  script_expect     (Script     *self,
                         const char *expected,
                         const char *answer);

G_END_DECLS
