/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "forking.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct _Remover
{
  Fixture *fixture;
  GThread *thread;
  atomic_bool is_enough;
};

void
child_end (int status)
{
  if (status == 0)
    kill (getpid (), SIGKILL);
  _exit (status);
}

void
child_expect_well (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status))
    g_error ("The child ended with %d", WEXITSTATUS (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
}

pid_t
statue_fork (void)
{
  pid_t statue = fork ();
  int status;

  g_assert_cmpint (statue, >=, 0);
  if (statue == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      raise (SIGSTOP);
      _exit (1);
    }
  g_assert_cmpint (waitpid (statue, &status, WUNTRACED), ==, statue);
  g_assert_true (WIFSTOPPED (status));

  return statue;
}

void
statue_end (pid_t statue)
{
  g_assert_cmpint (kill (statue, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (statue, NULL, 0), ==, statue);
}

static gpointer
remove_again_and_again (gpointer data)
{
  Remover *self = data;

  while (!atomic_load (&self->is_enough))
    ssem_semaphore_remove_leftover (self->fixture->key, self->fixture->backend, NULL);

  return NULL;
}

Remover *
remover_start (Fixture *fixture)
{
  Remover *self = g_new0 (Remover, 1);

  self->fixture = fixture;
  self->thread = g_thread_new ("remover", remove_again_and_again, self);

  return self;
}

void
remover_stop (Remover *self)
{
  atomic_store (&self->is_enough, TRUE);
  g_thread_join (self->thread);
  g_free (self);
}
