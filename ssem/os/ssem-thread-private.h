/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Starts a thread of the library, which ends by itself. The thread gets no signals, because they
 * belong to the program. Returns FALSE and sets the error where the system has no more threads. */
gboolean ssem_thread_start (const char   *name,
                            GThreadFunc   func,
                            gpointer      data,
                            GError      **error);

/* Returns a pointer that identifies the calling thread among the threads that live now. */
gpointer ssem_thread_self (void);

/* Keeps pthread_cancel () from ending the thread in the middle of a function, with locks taken or
 * announcements made that would stay forever. Every call of the library that may reach a
 * cancellation point has SSEM_THREAD_SHIELD among its declarations: see pthreads (7). */
int      ssem_thread_shield   (void);
void     ssem_thread_unshield (const int    *state);
#define SSEM_THREAD_SHIELD \
  const int shield __attribute__ ((cleanup (ssem_thread_unshield), unused)) = ssem_thread_shield ()

/* Begin and end a stretch of code that takes locks of the library, of the process or of a file.
 * pthread_cancel () does not end the thread there. A signal handler that calls exit () there would
 * wait for a lock of its own thread, so no exit hook runs then. Stretches may be nested. Both
 * functions are safe in a signal handler. */
int      ssem_thread_disable_cancel (void);
void     ssem_thread_restore_cancel (int          state);

/* The same for the time that the thread has one lock, in a call that is shielded already. */
void     ssem_thread_lock           (GMutex *lock);
void     ssem_thread_unlock         (GMutex *lock);

/* Returns whether this thread is inside such a stretch, or may find a lock taken forever. That can
 * only be so where a signal handler has interrupted the thread: in the handler, and in what exit ()
 * calls from there. On Windows it speaks of all threads: see ssem-thread-win32.c. */
gboolean ssem_thread_may_hold_locks (void);

G_END_DECLS
