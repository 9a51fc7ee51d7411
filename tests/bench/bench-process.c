/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <errno.h>
#include <glib-unix.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_USEC 200
#define REST_PATIENCE_NS G_GINT64_CONSTANT (5000000000)

struct _BenchHelpers
{
  int n;
  pid_t *pids;
  int ready[2];
  int orders[2];
};

gint64
bench_now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return (gint64) now.tv_sec * 1000000000 + now.tv_nsec;
}

gint64
bench_cpu_ns (pid_t pid)
{
  struct timespec used;
  clockid_t clock;
  int failure = clock_getcpuclockid (pid, &clock);

  /* The figures in /proc are in hundredths of a second: too coarse to add up for many processes. */
  if (failure != 0 || clock_gettime (clock, &used) != 0)
    bench_fail ("no processor time of a process: %s", g_strerror (failure != 0 ? failure : errno));

  return (gint64) used.tv_sec * 1000000000 + used.tv_nsec;
}

gint64
bench_rusage_ns (const struct rusage *used)
{
  gint64 seconds = (gint64) used->ru_utime.tv_sec + used->ru_stime.tv_sec;

  return 1000 * (G_USEC_PER_SEC * seconds + used->ru_utime.tv_usec + used->ru_stime.tv_usec);
}

void
bench_pin_to (int index)
{
  static cpu_set_t all; /* those that the process had before it was pinned */
  cpu_set_t one;
  int cpu;

  if (CPU_COUNT (&all) == 0 && sched_getaffinity (0, sizeof all, &all) != 0)
    bench_fail ("sched_getaffinity: %s", g_strerror (errno));

  for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
    {
      if (CPU_ISSET (cpu, &all) && index-- == 0)
        break;
    }

  CPU_ZERO (&one);
  CPU_SET (cpu, &one);
  if (sched_setaffinity (0, sizeof one, &one) != 0)
    bench_fail ("sched_setaffinity: %s", g_strerror (errno));
}

static void
await_sleep (pid_t  pid,
             gint64 deadline_ns)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);

  do
    {
      g_autofree char *line = NULL;
      const char *state = NULL;

      /* The name before the state is in parentheses, and may hold any character. */
      if (g_file_get_contents (path, &line, NULL, NULL))
        state = strrchr (line, ')');
      if (state == NULL || g_str_has_prefix (state, ") Z"))
        bench_fail ("a helper process is gone");
      if (g_str_has_prefix (state, ") S"))
        return;

      g_usleep (POLL_USEC);
    }
  while (bench_now_ns () < deadline_ns);
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

BenchHelpers *
bench_helpers_new (int              n,
                   BenchHelperFunc  func,
                   BenchContender  *contender)
{
  BenchHelpers *self = g_new0 (BenchHelpers, 1);
  pid_t parent = getpid ();
  int i;

  self->n = n;
  self->pids = g_new0 (pid_t, n);
  open_pipe (self->ready);
  open_pipe (self->orders);

  for (i = 0; i < n; i++)
    {
      self->pids[i] = fork ();
      if (self->pids[i] < 0)
        bench_fail ("fork: %s", g_strerror (errno));
      if (self->pids[i] == 0)
        {
          /* The signal comes with a later death of the parent only. */
          prctl (PR_SET_PDEATHSIG, SIGKILL);
          if (getppid () == parent)
            func (self, i, contender);
          _exit (0);
        }
    }
  read_bytes (self->ready[0], n);

  return self;
}

void
bench_helpers_order (BenchHelpers *self)
{
  int i;

  for (i = 0; i < self->n; i++)
    write_byte (self->orders[1]);
}

void
bench_helpers_await_sleep (BenchHelpers *self)
{
  int i;

  for (i = 0; i < self->n; i++)
    await_sleep (self->pids[i], G_MAXINT64);
}

void
bench_helpers_await_rest (BenchHelpers *self)
{
  gint64 deadline_ns = bench_now_ns () + REST_PATIENCE_NS;
  int i;

  for (i = 0; i < self->n; i++)
    await_sleep (self->pids[i], deadline_ns);
}

gint64
bench_helpers_cpu_ns (BenchHelpers *self)
{
  gint64 total = 0;
  int i;

  for (i = 0; i < self->n; i++)
    total += bench_cpu_ns (self->pids[i]);

  return total;
}

/* Returns the processor time that the process has used in its life. */
static gint64
reap (pid_t pid)
{
  struct rusage used = { 0 };

  while (wait4 (pid, NULL, 0, &used) < 0 && errno == EINTR)
    ;

  return bench_rusage_ns (&used);
}

gint64
bench_helpers_kill_last (BenchHelpers *self)
{
  pid_t pid = self->pids[--self->n];

  kill (pid, SIGKILL);

  return reap (pid);
}

void
bench_helpers_free (BenchHelpers *self)
{
  int i;

  for (i = 0; i < self->n; i++)
    kill (self->pids[i], SIGKILL);
  for (i = 0; i < self->n; i++)
    reap (self->pids[i]);
  for (i = 0; i < 2; i++)
    {
      close (self->ready[i]);
      close (self->orders[i]);
    }
  g_free (self->pids);
  g_free (self);
}

void
bench_helper_ready (BenchHelpers *self)
{
  write_byte (self->ready[1]);
}

void
bench_helper_await_order (BenchHelpers *self)
{
  read_bytes (self->orders[0], 1);
}

void
bench_helper_idle (BenchHelpers *self)
{
  bench_helper_ready (self);
  for (;;)
    pause ();
}

void
bench_helper_hold (BenchHelpers   *self,
                   int             index,
                   BenchContender *contender)
{
  contender->peer->acquire (contender->peer->open (contender->key, 1, TRUE));
  bench_helper_idle (self);
}
