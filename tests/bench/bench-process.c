/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include "bench-run.h"

#include <errno.h>
#include <glib-unix.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_USEC 200

struct _BenchCrowd
{
  int n;
  pid_t *pids;
  int ready[2];
  int orders[2];
  gboolean is_dead;
};

gint64
bench_now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return (gint64) now.tv_sec * 1000000000 + now.tv_nsec;
}

gpointer
bench_shared_new (gsize size)
{
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    bench_fail ("mmap: %s", g_strerror (errno));

  return memory;
}

void
bench_shared_free (gpointer memory,
                   gsize    size)
{
  munmap (memory, size);
}

/* Those that it had before it was pinned. */
static const cpu_set_t *
processors (void)
{
  static cpu_set_t all;

  if (CPU_COUNT (&all) == 0 && sched_getaffinity (0, sizeof all, &all) != 0)
    bench_fail ("sched_getaffinity: %s", g_strerror (errno));

  return &all;
}

int
bench_n_processors (void)
{
  return CPU_COUNT (processors ());
}

void
bench_pin_to (int index)
{
  cpu_set_t one;
  int cpu;

  for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
    {
      if (CPU_ISSET (cpu, processors ()) && index-- == 0)
        break;
    }

  CPU_ZERO (&one);
  CPU_SET (cpu, &one);
  if (sched_setaffinity (0, sizeof one, &one) != 0)
    bench_fail ("sched_setaffinity: %s", g_strerror (errno));
}

void
bench_wait_asleep (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);

  for (;;)
    {
      g_autofree char *line = NULL;
      const char *state = NULL;

      /* The name before it is in parentheses, and may hold any character. */
      if (g_file_get_contents (path, &line, NULL, NULL))
        state = strrchr (line, ')');
      if (state == NULL || g_str_has_prefix (state, ") Z"))
        bench_fail ("a helper process is gone");
      if (g_str_has_prefix (state, ") S"))
        return;

      g_usleep (POLL_USEC);
    }
}

static void
open_pipe (int fds[2])
{
  g_autoptr(GError) error = NULL;

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, &error))
    bench_fail ("%s", error->message);
}

/* One byte means one ready helper, or one order. */
static void
read_bytes (int fd,
            int n)
{
  char bytes[256];

  while (n > 0)
    {
      gssize n_read = read (fd, bytes, MIN (n, (int) sizeof bytes));

      if (n_read == 0 || (n_read < 0 && errno != EINTR))
        bench_fail ("read: %s", g_strerror (errno));
      if (n_read > 0)
        n -= (int) n_read;
    }
}

static void
write_byte (int fd)
{
  while (write (fd, "", 1) != 1)
    {
      if (errno != EINTR)
        bench_fail ("write: %s", g_strerror (errno));
    }
}

BenchCrowd *
bench_crowd_new (int              n,
                 BenchHelperFunc  func,
                 gpointer         data)
{
  BenchCrowd *self = g_new0 (BenchCrowd, 1);
  int i;

  self->n = n;
  self->pids = g_new0 (pid_t, n);
  open_pipe (self->ready);
  open_pipe (self->orders);

  for (i = 0; i < n; i++)
    {
      pid_t pid = fork ();

      if (pid < 0)
        bench_fail ("fork: %s", g_strerror (errno));
      if (pid == 0)
        {
          prctl (PR_SET_PDEATHSIG, SIGKILL);
          func (self, i, data);
          _exit (EXIT_SUCCESS);
        }
      self->pids[i] = pid;
    }

  return self;
}

void
bench_crowd_wait_ready (BenchCrowd *self)
{
  read_bytes (self->ready[0], self->n);
}

void
bench_crowd_order (BenchCrowd *self)
{
  int i;

  for (i = 0; i < self->n; i++)
    write_byte (self->orders[1]);
}

pid_t
bench_crowd_pid (BenchCrowd *self,
                 int         index)
{
  return self->pids[index];
}

void
bench_crowd_kill (BenchCrowd *self)
{
  int i;

  if (self->is_dead)
    return;

  self->is_dead = TRUE;
  for (i = 0; i < self->n; i++)
    kill (self->pids[i], SIGKILL);
  for (i = 0; i < self->n; i++)
    {
      while (waitpid (self->pids[i], NULL, 0) < 0 && errno == EINTR)
        ;
    }
}

void
bench_crowd_free (BenchCrowd *self)
{
  bench_crowd_kill (self);
  close (self->ready[0]);
  close (self->ready[1]);
  close (self->orders[0]);
  close (self->orders[1]);
  g_free (self->pids);
  g_free (self);
}

void
bench_helper_ready (BenchCrowd *self)
{
  write_byte (self->ready[1]);
}

void
bench_helper_await (BenchCrowd *self)
{
  read_bytes (self->orders[0], 1);
}
