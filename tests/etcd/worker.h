/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A process that uses semaphores and tells what it saw: as it is asked, or in a storm. */

#pragma once

#include <ssem.h>

G_BEGIN_DECLS

/* Calls @func in the main thread's main context, each time that units of @semaphore are lost. */
void worker_watch_lost (SsemSystemSemaphore *semaphore,
                        GCallback            func,
                        gpointer             data);

/* Acquires and releases at random until the standard input ends, and appends what happens to a
 * file; see storm.c. Returns the exit status. */
int  worker_storm      (int                  argc,
                        char               **argv);

G_END_DECLS
