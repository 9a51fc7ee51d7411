/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-thread-private.h"

#include "ssem-thread-slot-private.h"

#include <pthread.h>
#include <signal.h>

/* Enough for what the library's threads call, and for the frames of a sanitizer. */
#define STACK_SIZE (512 * 1024)

_Thread_local gpointer ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

/* How many nested stretches that take locks the thread is in. A signal handler of the thread
 * restores the number, so it need not be atomic. */
static _Thread_local volatile sig_atomic_t n_stretches;

gpointer
ssem_thread_self (void)
{
  return ssem_thread_slots_;
}

int
ssem_thread_shield (void)
{
  int state;

  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);

  return state;
}

void
ssem_thread_unshield (const int *state)
{
  pthread_setcancelstate (*state, NULL);
}

int
ssem_thread_disable_cancel (void)
{
  int state = ssem_thread_shield ();

  n_stretches++;

  return state;
}

void
ssem_thread_restore_cancel (int state)
{
  n_stretches--;
  ssem_thread_unshield (&state);
}

void
ssem_thread_lock (GMutex *lock)
{
  n_stretches++;
  g_mutex_lock (lock);
}

void
ssem_thread_unlock (GMutex *lock)
{
  g_mutex_unlock (lock);
  n_stretches--;
}

gboolean
ssem_thread_may_hold_locks (void)
{
  return n_stretches > 0;
}

typedef struct
{
  const char *name;
  GThreadFunc func;
  gpointer data;
} Start;

#ifdef __linux__

static void
name_own_thread (const char *name)
{
  pthread_setname_np (pthread_self (), name);
}

#else

static void
name_own_thread (const char *name)
{
}

#endif

static gpointer
run_thread (gpointer data)
{
  Start start = *(Start *) data;

  g_free (data);
  name_own_thread (start.name);

  return start.func (start.data);
}

/* Not g_thread_try_new (): its stack is as large as RLIMIT_STACK, for which there may be no room.
 * GLib before 2.76 also takes a lock there that a child of fork () may find taken. */
static int
create_thread (gpointer data)
{
  pthread_attr_t attributes;
  sigset_t all, before;
  pthread_t thread;
  int result;

  result = pthread_attr_init (&attributes);
  if (result != 0)
    return result;

  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize (&attributes, STACK_SIZE);

  /* A new thread inherits the signal mask. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  result = pthread_create (&thread, &attributes, run_thread, data);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  pthread_attr_destroy (&attributes);

  return result;
}

gboolean
ssem_thread_start (const char   *name,
                   GThreadFunc   func,
                   gpointer      data,
                   GError      **error)
{
  Start *start = g_new (Start, 1);
  int result;

  *start = (Start) { .name = name, .func = func, .data = data };
  result = create_thread (start);
  if (result == 0)
    return TRUE;

  g_free (start);
  g_set_error_literal (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, g_strerror (result));

  return FALSE;
}
