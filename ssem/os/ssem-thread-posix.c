/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-thread-private.h"

#include "ssem-thread-slot-private.h"

#include <pthread.h>
#include <signal.h>

_Thread_local gpointer ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

/* How many stretches that take locks the thread is inside of. A signal handler of the thread leaves
 * it as it was, so it need not be atomic. */
static _Thread_local volatile sig_atomic_t n_stretches;

int
ssem_thread_disable_cancel (void)
{
  int state;

  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);
  n_stretches++;

  return state;
}

void
ssem_thread_restore_cancel (int state)
{
  n_stretches--;
  pthread_setcancelstate (state, NULL);
}

gboolean
ssem_thread_may_hold_locks (void)
{
  return n_stretches > 0;
}

gboolean
ssem_thread_start (const char   *name,
                   GThreadFunc   func,
                   gpointer      data,
                   GError      **error)
{
  GThread *thread;
  sigset_t all, before;

  /* A new thread has the mask of the one that makes it. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  thread = g_thread_try_new (name, func, data, error);
  pthread_sigmask (SIG_SETMASK, &before, NULL);

  if (thread != NULL)
    g_thread_unref (thread);

  return thread != NULL;
}
