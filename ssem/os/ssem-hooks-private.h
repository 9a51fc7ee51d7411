/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Functions that the library calls at the end of the process or of a thread. Any part of the
 * library adds its own, as many as there are. Hooks run in the order in which they were added, so a
 * part adds its hook after the parts that it builds on. What was added stays forever.
 */

/* Runs @hook when the program calls exit () or returns from main (). The hook must allocate and
 * free nothing, because a signal handler may have called exit (). No hook runs where that handler
 * has interrupted a stretch of its own thread that takes locks (see ssem-thread-private.h): it
 * would wait for a lock of its own thread. */
void ssem_hooks_add_exit       (void (*hook) (void));

/* Runs @hook at the end of each thread that has called ssem_hooks_watch_thread () since the hooks
 * ran in it last: destructors of the program may use the library after that. */
void ssem_hooks_add_thread_end (void (*hook) (void));
void ssem_hooks_watch_thread   (void);

G_END_DECLS
