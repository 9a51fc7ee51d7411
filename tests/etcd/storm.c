/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* usage: etcd-worker storm LOG KEY TOTAL MOST HOLD_USEC SEED
 *
 * Acquires at most MOST of TOTAL units at once, holds them for up to HOLD_USEC, and releases them,
 * over and over, until the standard input ends; then it ends as a program ends. It pauses between,
 * often enough for times in which nobody waits: acquires that need no wait race with each other
 * only then. Appends a line for each event to LOG, with one write (): what a killed process has
 * seen is there, whole.
 *
 *   PID TIME open
 *   PID TIME acquire N         about to acquire
 *   PID TIME granted N TOKEN   the acquire has returned
 *   PID TIME failed CODE TEXT  it has returned with an error
 *   PID TIME release N         about to release
 *   PID TIME released          the release has returned
 *   PID TIME unreleased CODE TEXT
 *   PID TIME lost              the signal has come; the main thread writes this
 *   PID TIME end               in order
 *
 * TIME is in microseconds of the monotonic clock, which all processes of a machine share: the time
 * of "acquire" and "release" is before the call, that of the others after it. So from "granted" to
 * "release", "lost", or the kill, the process surely believes that it holds.
 */

#define PAUSE_FACTOR 10

typedef struct
{
  SsemSystemSemaphore *semaphore; /* of the storm's thread */
  GMainLoop *loop;
  int most;
  int hold_usec;
  GRand *rand;
} Storm;

static int log_fd = -1; /* constant after the start */
static int is_ending;   /* atomic */

static void G_GNUC_PRINTF (1, 2)
note (const char *format,
      ...)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  gint64 now_usec = g_get_monotonic_time ();
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_strdelimit (text, "\n", ' ');
  line = g_strdup_printf ("%d %" G_GINT64_FORMAT " %s\n", (int) getpid (), now_usec, text);
  if (write (log_fd, line, strlen (line)) != (gssize) strlen (line))
    g_error ("Could not write the log: %s", g_strerror (errno));
}

static void
lost_cb (SsemSystemSemaphore *semaphore,
         GError              *error,
         gpointer             data)
{
  note ("lost");
}

/* An error of our own domain has a code below 100; others are told apart from it. */
static int
code_of (const GError *error)
{
  return error->domain == SSEM_SYSTEM_SEMAPHORE_ERROR ? error->code : 100 + error->code;
}

static void
run_once (Storm *storm)
{
  g_autoptr(GError) error = NULL;
  int n = g_rand_int_range (storm->rand, 1, storm->most + 1);
  /* Some of the waits end early, while a hand-over may be on its way. */
  gint64 timeout_usec = g_rand_int_range (storm->rand, 0, 8) == 0 ? 3000 : -1;
  guint64 token;

  note ("acquire %d", n);
  if (!ssem_system_semaphore_acquire_timeout (storm->semaphore, n, timeout_usec, NULL, &error))
    {
      note ("failed %d %s", code_of (error), error->message);
      return;
    }
  token = ssem_system_semaphore_get_fencing_token (storm->semaphore);
  note ("granted %d %" G_GUINT64_FORMAT, n, token);

  if (g_rand_boolean (storm->rand))
    g_usleep (g_rand_int_range (storm->rand, 0, storm->hold_usec + 1));

  note ("release %d", n);
  if (ssem_system_semaphore_release (storm->semaphore, n, &error))
    note ("released");
  else
    note ("unreleased %d %s", code_of (error), error->message);

  if (g_rand_boolean (storm->rand))
    g_usleep (g_rand_int_range (storm->rand, 0, PAUSE_FACTOR * storm->hold_usec + 1));
}

static gpointer
run_storm (gpointer data)
{
  Storm *storm = data;

  while (!g_atomic_int_get (&is_ending))
    run_once (storm);
  g_clear_object (&storm->semaphore);
  note ("end");
  g_main_loop_quit (storm->loop);

  return NULL;
}

/* The other processes of the storm go on until they have their units, so every wait ends. */
static gboolean
input_ended_cb (GIOChannel   *channel,
                GIOCondition  condition,
                gpointer      data)
{
  g_atomic_int_set (&is_ending, TRUE);

  return G_SOURCE_REMOVE;
}

int
worker_storm (int    argc,
              char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GIOChannel) input = g_io_channel_unix_new (STDIN_FILENO);
  g_autoptr(GError) error = NULL;
  GThread *thread;
  Storm storm = { .loop = loop };

  if (argc != 6)
    g_error ("usage: etcd-worker storm LOG KEY TOTAL MOST HOLD_USEC SEED");
  log_fd = open (argv[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0)
    g_error ("Could not open %s: %s", argv[0], g_strerror (errno));

  storm.most = atoi (argv[3]);
  storm.hold_usec = atoi (argv[4]);
  storm.rand = g_rand_new_with_seed ((guint32) atoi (argv[5]));
  storm.semaphore = ssem_system_semaphore_new (argv[1], atoi (argv[2]), SSEM_ACCESS_MODE_OPEN,
                                               &error);
  if (storm.semaphore == NULL)
    {
      note ("unopened %d %s", code_of (error), error->message);
      return EXIT_FAILURE;
    }
  worker_watch_lost (storm.semaphore, G_CALLBACK (lost_cb), NULL);
  note ("open");

  g_io_add_watch (input, G_IO_IN | G_IO_HUP, input_ended_cb, NULL);
  thread = g_thread_new ("storm", run_storm, &storm);
  g_main_loop_run (loop);
  g_thread_join (thread);
  g_rand_free (storm.rand);

  return EXIT_SUCCESS;
}
