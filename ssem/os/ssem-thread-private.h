/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Starts a thread of the library's own, which ends by itself. Signals are the program's: the thread
 * gets none of them. FALSE with the error set when the system has no more threads. */
gboolean ssem_thread_start (const char   *name,
                            GThreadFunc   func,
                            gpointer      data,
                            GError      **error);

/* What no other thread that lives now answers. */
gpointer ssem_thread_self (void);

/* A call of the library that is not through in a few instructions begins with SSEM_THREAD_SHIELD,
 * which stands among the declarations: pthread_cancel () ends no thread in the middle of it, where
 * what it has announced or taken would stay so forever. */
int      ssem_thread_shield   (void);
void     ssem_thread_unshield (const int    *state);
#define SSEM_THREAD_SHIELD \
  const int shield __attribute__ ((cleanup (ssem_thread_unshield), unused)) = ssem_thread_shield ()

/* A thread that pthread_cancel () ends with one of our locks held leaves it locked forever, and a
 * signal handler that calls exit () in such a stretch would wait for a lock of its own thread. So
 * each stretch that takes locks of the library, of the process or of a file, is put between these
 * two. Stretches may lie inside each other. Both are safe in a signal handler. */
int      ssem_thread_disable_cancel (void);
void     ssem_thread_restore_cancel (int          state);

/* The same for the stretch in which it has one lock, of a call that is shielded already. */
void     ssem_thread_lock           (GMutex *lock);
void     ssem_thread_unlock         (GMutex *lock);

/* Whether this thread is inside such a stretch, which it can only ask where it has interrupted
 * itself: in a signal handler, and in what exit () calls from there. */
gboolean ssem_thread_may_hold_locks (void);

G_END_DECLS
