/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

#include <semaphore.h>

G_BEGIN_DECLS

/* A program that uses a POSIX semaphore without this library: the test program, which calls the C
 * library itself. */

void     stranger_use_names_of_system (Fixture    *fixture);
void     stranger_use_own_names       (Fixture    *fixture);
char    *stranger_make_key            (Fixture    *fixture);

/* Whether the system has a semaphore of that name. */
gboolean stranger_exists              (const char *name);

sem_t   *stranger_open                (const char *name);
sem_t   *stranger_create              (const char *name,
                                       guint       value);
int      stranger_value               (sem_t      *stranger);

G_END_DECLS
