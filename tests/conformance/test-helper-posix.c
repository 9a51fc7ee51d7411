/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-helper-posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME_SECONDS 300

static gboolean is_forked;
static atomic_int n_signals;

int __lsan_is_turned_off (void);

/* LeakSanitizer asks it. In the child of a process with threads it waits for threads that are not
 * there, and what only those knew of is no leak. */
int
__lsan_is_turned_off (void)
{
  return is_forked || is_elsewhere ();
}

static void
count_signal (int number)
{
  atomic_fetch_add (&n_signals, 1);
}

static void
set_timer (long interval_usec)
{
  static timer_t timer;
  static gboolean is_made;
  struct itimerspec when = { 0 };

  if (!is_made)
    {
      struct sigaction action = { .sa_handler = count_signal };
      struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

      /* Without SA_RESTART, so that every system call that can be interrupted is. */
      sigaction (SIGUSR1, &action, NULL);
      if (timer_create (CLOCK_MONOTONIC, &event, &timer) != 0)
        g_error ("timer_create: %s", g_strerror (errno));
      is_made = TRUE;
    }

  when.it_value.tv_nsec = when.it_interval.tv_nsec = interval_usec * 1000;
  timer_settime (timer, 0, &when, NULL);
}

gpointer
map_file (const char *path,
          gsize       size)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  gpointer memory;

  if (fd < 0 || ftruncate (fd, (off_t) size) != 0)
    g_error ("%s: %s", path, g_strerror (errno));
  memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert (memory != MAP_FAILED);
  close (fd);

  return memory;
}

void
unmap_file (gpointer memory,
            gsize    size)
{
  munmap (memory, size);
}

static void
fork_child (void)
{
  pid_t pid;

  pid = fork ();
  if (pid < 0)
    g_error ("fork: %s", g_strerror (errno));

  if (pid > 0)
    {
      close (3);
      close (4);
      answer ("ok %d", (int) pid);
      return;
    }

  alarm (LIFETIME_SECONDS);
  close (STDIN_FILENO);
  close (STDOUT_FILENO);
  forget_hammers ();
  is_forked = TRUE;
  commands_fd = 3;
  answer_fd = 4;
  answer ("ok");
}

/* A child with all that this process has, made without the C library. */
static void
fork_without_handlers (void)
{
  pid_t pid = (pid_t) syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

  if (pid < 0)
    g_error ("clone: %s", g_strerror (errno));
  if (pid == 0)
    {
      alarm (LIFETIME_SECONDS);
      for (;;)
        pause ();
    }
  answer ("ok %d", (int) pid);
}

void
begin_for_system (void)
{
  /* A test that fails takes its helpers with it, and no crash on purpose leaves a core file. */
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  alarm (LIFETIME_SECONDS);
  limit (RLIMIT_CORE, 0);
}

gboolean
obey_for_system (char  **words,
                 guint   n_words,
                 char  **argv)
{
  const char *command = words[0];
  int n = n_words > 1 ? atoi (words[1]) : 0;

  if (g_str_equal (command, "fork"))
    {
      fork_child ();
    }
  else if (g_str_equal (command, "raw-fork"))
    {
      fork_without_handlers ();
    }
  else if (g_str_equal (command, "wait") && n_words == 2)
    {
      int status;

      if (waitpid (n, &status, 0) == n)
        answer ("ok");
      else
        answer ("broken waitpid: %s", g_strerror (errno));
    }
  else if (g_str_equal (command, "exec"))
    {
      char *again[] = { argv[0], argv[1], (char *) "again", NULL };

      execv ("/proc/self/exe", again);
      answer ("broken execv: %s", g_strerror (errno));
    }
  else if (g_str_equal (command, "timer") && n_words == 2)
    {
      set_timer (n);
      answer ("ok %d", atomic_load (&n_signals));
    }
  else
    {
      return FALSE;
    }

  return TRUE;
}
