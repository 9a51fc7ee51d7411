/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

#include <sys/types.h>

G_BEGIN_DECLS

/* For tests that fork themselves, among their own threads. */

/* A child that stands still with all that it has inherited. It never ends by itself: the memory of
 * the threads that it has not got would count as lost. */
pid_t    statue_fork   (void);
void     statue_end    (pid_t    statue);

/* Ends a child that was forked among threads, by SIGKILL where @status is 0: at an orderly end the
 * memory of the threads that it has not got would count as lost. */
void     child_end     (int      status) G_GNUC_NORETURN;
/* Waits for it. All must have gone well. */
void     child_expect_well (pid_t child);

typedef struct _Remover Remover;

/* A thread that removes what may be left of the fixture's key, again and again until it is
 * stopped. */
Remover *remover_start (Fixture *fixture);
void     remover_stop  (Remover *self);

G_END_DECLS
