/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "etcd-measure.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Measures on an etcd server, whose address is in the environment as for every program:
 *
 *   etcd-measure put PORT N             nanoseconds of a raw put
 *   etcd-measure soup PORT N            nanoseconds of a put with libsoup
 *   etcd-measure pair KEY N             nanoseconds of acquire + release
 *   etcd-measure hand-over KEY N        nanoseconds from the start of a release to the return of the
 *                                       acquire that waits for it in another process: the median
 *   etcd-measure hammer KEY PROCESSES UNITS USEC
 *                                       pairs a second, and the share of the process served least,
 *                                       in percent of an equal share, and the number of pairs
 *   etcd-measure hold KEY               acquires the unit, and says "ready"
 *   etcd-measure wait KEY               acquires, and says the time
 *
 * hammer says "ready" once every process has opened the semaphore, and begins at a line of input. It
 * measures from when there have been as many pairs as processes: by then all of them wait or hold
 * that are going to, with their watches. After its figures it waits for another line: so what lies
 * between is the pairs, and nothing else.
 * hold and wait stay until their input ends.
 *
 * Every process of a measurement is one: it has a session of its own. They are forked before the
 * library is used.
 */

/* What the processes of a measurement share. */
typedef struct
{
  atomic_int n_ready;
  atomic_int phase; /* see below */
  _Atomic gint64 release_ns;
  atomic_int n_done;
  atomic_llong n_pairs[];
} Shared;

enum
{
  PHASE_OPEN,
  PHASE_RUN,
  PHASE_STOP,
};

#define LOOK_EVERY_USEC 1000
#define MAX_OPENINGS 30
#define AT_ONCE 8 /* processes that open the semaphore */

gint64
etcd_now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static Shared *
shared_new (int n)
{
  Shared *shared = mmap (NULL, sizeof (Shared) + (gsize) n * sizeof (atomic_llong),
                         PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (shared == MAP_FAILED)
    g_error ("mmap: %s", g_strerror (errno));

  return shared;
}

static void
await_phase (Shared *shared,
             int     phase)
{
  while (atomic_load (&shared->phase) < phase)
    g_usleep (LOOK_EVERY_USEC);
}

/* --- Gates, at which a thousand processes can wait without taking time from each other --- */

typedef struct
{
  int read_fd;
  int write_fd;
} Gate;

static Gate
gate_new (void)
{
  int fds[2];

  if (pipe (fds) != 0)
    g_error ("pipe: %s", g_strerror (errno));

  return (Gate) { fds[0], fds[1] };
}

/* Each process that does not open the gate has to close it: it is open when the last one does. */
static void
gate_open (Gate *gate)
{
  close (gate->write_fd);
}

static void
gate_await (Gate *gate)
{
  char byte;

  while (read (gate->read_fd, &byte, 1) < 0 && errno == EINTR)
    ;
}

static void
await_line (void)
{
  char line[16];

  if (fgets (line, sizeof line, stdin) == NULL)
    exit (EXIT_FAILURE);
}

/* A server that is busy with others may not answer in time: each process tries again. */
static SsemSystemSemaphore *
open_semaphore (const char *key,
                int         units)
{
  for (int i = 0;; i++)
    {
      g_autoptr(GError) error = NULL;
      SsemSystemSemaphore *semaphore = ssem_system_semaphore_new (key, units,
                                                                  SSEM_ACCESS_MODE_OPEN, &error);

      if (semaphore != NULL)
        return semaphore;
      if (i == MAX_OPENINGS || error->domain != G_IO_ERROR)
        {
          fprintf (stderr, "%s\n", error->message);
          exit (EXIT_FAILURE);
        }
    }
}

static void
acquire (SsemSystemSemaphore *semaphore)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      exit (EXIT_FAILURE);
    }
}

static void
release (SsemSystemSemaphore *semaphore)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_release (semaphore, 1, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      exit (EXIT_FAILURE);
    }
}

/* Returns 0 in the child, which ends with its parent. */
static pid_t
fork_process (void)
{
  pid_t pid = fork ();

  if (pid < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (pid == 0)
    prctl (PR_SET_PDEATHSIG, SIGKILL);

  return pid;
}

static void
await_children (void)
{
  int status, n_bad = 0;

  while (wait (&status) > 0)
    n_bad += status != 0;
  if (n_bad > 0)
    {
      fprintf (stderr, "%d of the processes failed\n", n_bad);
      exit (EXIT_FAILURE);
    }
}

/* --- What is measured --- */

static void
measure_pair (const char *key,
              int         n)
{
  SsemSystemSemaphore *semaphore = open_semaphore (key, 1);
  gint64 start_ns = 0;

  for (int i = -10; i < n; i++)
    {
      if (i == 0)
        start_ns = etcd_now_ns ();
      acquire (semaphore);
      release (semaphore);
    }
  printf ("%.0f\n", (double) (etcd_now_ns () - start_ns) / n);
  g_object_unref (semaphore);
}

static int
compare_cb (const void *a,
            const void *b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return (left > right) - (left < right);
}

/* The child waits whenever the parent holds, and holds for a moment. The time of the release comes
 * through the shared memory; the parent releases once a waiter is seen. */
static void
measure_hand_over (const char *key,
                   int         n)
{
  g_autofree gint64 *times_ns = g_new0 (gint64, n);
  Shared *shared = shared_new (0);
  SsemSystemSemaphore *semaphore;

  if (fork_process () == 0)
    {
      semaphore = open_semaphore (key, 1);
      for (int i = 0; i < n; i++)
        {
          await_phase (shared, i + 1);
          acquire (semaphore);
          times_ns[i] = etcd_now_ns () - atomic_load (&shared->release_ns);
          release (semaphore);
          atomic_fetch_add (&shared->n_done, 1);
        }
      qsort (times_ns, n, sizeof *times_ns, compare_cb);
      printf ("%" G_GINT64_FORMAT "\n", times_ns[n / 2]);
      g_object_unref (semaphore);
      exit (EXIT_SUCCESS);
    }

  semaphore = open_semaphore (key, 1);
  for (int i = 0; i < n; i++)
    {
      g_autoptr(SsemSemaphoreInfo) info = NULL;

      acquire (semaphore);
      atomic_store (&shared->phase, i + 1);
      do
        {
          g_autoptr(GError) error = NULL;

          g_clear_pointer (&info, ssem_semaphore_info_unref);
          info = ssem_semaphore_info_query (key, SSEM_BACKEND_ETCD, &error);
          if (info == NULL)
            g_error ("%s", error->message);
        }
      while (ssem_semaphore_info_get_n_waiters (info) == 0);
      /* Now the waiter's watch has been asked for, too. */
      g_usleep (5 * LOOK_EVERY_USEC);
      atomic_store (&shared->release_ns, etcd_now_ns ());
      release (semaphore);
      while (atomic_load (&shared->n_done) <= i)
        g_usleep (LOOK_EVERY_USEC);
    }
  await_children ();
  g_object_unref (semaphore);
}

static void G_GNUC_NORETURN
hammer (Shared     *shared,
        int         index,
        const char *key,
        int         units,
        Gate        gates[2])
{
  SsemSystemSemaphore *semaphore = open_semaphore (key, units);

  atomic_fetch_add (&shared->n_ready, 1);
  gate_await (&gates[0]);
  while (atomic_load (&shared->phase) == PHASE_RUN)
    {
      acquire (semaphore);
      release (semaphore);
      atomic_fetch_add (&shared->n_pairs[index], 1);
    }
  atomic_fetch_add (&shared->n_done, 1);
  gate_await (&gates[1]);
  g_object_unref (semaphore);
  exit (EXIT_SUCCESS);
}

static void
count_pairs (Shared    *shared,
             int        n,
             long long *total,
             long long *least)
{
  *total = 0;
  *least = G_MAXINT64;
  for (int i = 0; i < n; i++)
    {
      long long n_pairs = atomic_load (&shared->n_pairs[i]);

      *total += n_pairs;
      *least = MIN (*least, n_pairs);
    }
}

/* One of the children has failed: the others would be waited for in vain. */
static void
check_children (void)
{
  int status;

  if (waitpid (-1, &status, WNOHANG) > 0)
    exit (EXIT_FAILURE);
}

static void
await_count (atomic_int *count,
             int         n)
{
  while (atomic_load (count) < n)
    {
      check_children ();
      g_usleep (LOOK_EVERY_USEC);
    }
}

/* Returns the number of pairs until then, and lets them be counted anew. */
static long long
warm_up (Shared *shared,
         int     n)
{
  long long total, least;

  do
    {
      check_children ();
      g_usleep (LOOK_EVERY_USEC);
      count_pairs (shared, n, &total, &least);
    }
  while (total < n);
  for (int i = 0; i < n; i++)
    atomic_store (&shared->n_pairs[i], 0);

  return total;
}

static void
measure_hammer (const char *key,
                int         n,
                int         units,
                int         usec)
{
  Shared *shared = shared_new (n);
  Gate gates[2] = { gate_new (), gate_new () };
  long long n_warm, total, least, all, ignored;
  gint64 start_ns, time_ns;

  for (int i = 0; i < n; i++)
    {
      if (fork_process () == 0)
        {
          gate_open (&gates[0]);
          gate_open (&gates[1]);
          hammer (shared, i, key, units, gates);
        }
      await_count (&shared->n_ready, i + 1 - AT_ONCE);
    }

  await_count (&shared->n_ready, n);
  puts ("ready");
  fflush (stdout);
  await_line ();
  atomic_store (&shared->phase, PHASE_RUN);
  gate_open (&gates[0]);
  n_warm = warm_up (shared, n);
  start_ns = etcd_now_ns ();
  g_usleep ((gulong) usec);
  count_pairs (shared, n, &total, &least);
  time_ns = etcd_now_ns () - start_ns;
  atomic_store (&shared->phase, PHASE_STOP);
  await_count (&shared->n_done, n);
  count_pairs (shared, n, &all, &ignored);

  printf ("%.3f %.3f %lld\n", (double) total * 1e9 / time_ns,
          total > 0 ? 100.0 * least * n / total : 0, n_warm + all);
  fflush (stdout);
  await_line ();
  gate_open (&gates[1]);
  await_children ();
}

static void
hold (const char *key,
      gboolean    is_waiting)
{
  SsemSystemSemaphore *semaphore = open_semaphore (key, 1);

  acquire (semaphore);
  if (is_waiting)
    printf ("%" G_GINT64_FORMAT "\n", etcd_now_ns ());
  else
    puts ("ready");
  fflush (stdout);
  await_line ();
}

int
main (int    argc,
      char **argv)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);

  if (argc == 4 && strcmp (argv[1], "put") == 0)
    printf ("%.0f\n", etcd_raw_put (atoi (argv[2]), atoi (argv[3])));
  else if (argc == 4 && strcmp (argv[1], "soup") == 0)
    printf ("%.0f\n", etcd_soup_put (atoi (argv[2]), atoi (argv[3])));
  else if (argc == 4 && strcmp (argv[1], "pair") == 0)
    measure_pair (argv[2], atoi (argv[3]));
  else if (argc == 4 && strcmp (argv[1], "hand-over") == 0)
    measure_hand_over (argv[2], atoi (argv[3]));
  else if (argc == 6 && strcmp (argv[1], "hammer") == 0)
    measure_hammer (argv[2], atoi (argv[3]), atoi (argv[4]), atoi (argv[5]));
  else if (argc == 3 && (strcmp (argv[1], "hold") == 0 || strcmp (argv[1], "wait") == 0))
    hold (argv[2], strcmp (argv[1], "wait") == 0);
  else
    g_error ("usage: etcd-measure put|soup|pair|hand-over|hammer|hold|wait ...");

  return EXIT_SUCCESS;
}
