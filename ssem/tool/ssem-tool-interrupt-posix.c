/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* A signal such as Ctrl-C may end this process while it waits for units. On this machine, the
 * others notice at once. On a network they notice only when the lease of this process has run out.
 * Until then, units may be given to it in vain. So such a wait ends in good order: a thread takes
 * the signal, and closes the semaphore, which ends the wait and leaves the queue.
 *
 * At the end of the wait the thread gets WAKE, which a child of this process may send, too.
 */
static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static pthread_t thread;
static gboolean has_thread;
static sigset_t before;
static atomic_bool is_over;
static int caught; /* written by the thread; read after its end */

#define WAKE SIGCHLD

static void *
close_at_signal (void *data)
{
  SsemInstance *semaphore = data;
  sigset_t awaited;
  int number;
  gsize i;

  sigemptyset (&awaited);
  sigaddset (&awaited, WAKE);
  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaddset (&awaited, numbers[i]);

  do
    {
      if (sigwait (&awaited, &number) == 0 && number != WAKE)
        {
          caught = number;
          ssem_backend_close (semaphore);
          return NULL;
        }
    }
  while (!atomic_load (&is_over));

  return NULL;
}

gboolean
tool_interrupt_begin (SsemInstance *semaphore)
{
  sigset_t blocked;
  int error;
  gsize i;

  if (!ssem_backend_can (semaphore->table, SSEM_CAPABILITY_LOSS))
    return TRUE;

  sigemptyset (&blocked);
  sigaddset (&blocked, WAKE);
  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      struct sigaction action;

      /* What the caller ignores, as nohup does, stays ignored. */
      if (sigaction (numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset (&blocked, numbers[i]);
    }
  pthread_sigmask (SIG_BLOCK, &blocked, &before);
  error = pthread_create (&thread, NULL, close_at_signal, semaphore);
  has_thread = error == 0;
  if (!has_thread)
    {
      pthread_sigmask (SIG_SETMASK, &before, NULL);
      tool_print_error (_("Could not start a thread: %s"), g_strerror (error));
    }

  return has_thread;
}

int
tool_interrupt_end (void)
{
  if (!has_thread)
    return 0;

  atomic_store (&is_over, TRUE);
  pthread_kill (thread, WAKE);
  pthread_join (thread, NULL);
  has_thread = FALSE;
  pthread_sigmask (SIG_SETMASK, &before, NULL);

  return caught;
}
