/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* usage: etcd-worker [storm ...]
 *
 * Without arguments it reads a command from each line of its standard input: words, separated by
 * spaces. It answers with a line of JSON, as tests/semaphores.py expects: {"done": VALUE}, or
 * {"refused": [DOMAIN, CODE, MESSAGE]}. When units are lost it says {"lost": NAME} by itself. Each
 * line has the monotonic time, too, in microseconds: {..., "at": TIME}.
 *
 * The commands run in a thread of their own, and one that begins with "beside" in another one. The main thread iterates the main context, in which
 * "lost" is emitted: so that comes while a command blocks, too.
 */

typedef struct
{
  const char *name;
  int n_arguments;
  /* Returns the answer, as JSON, or NULL with @error set. */
  char *(* run) (char   **arguments,
                 GError **error);
} Command;

static GHashTable *semaphores; /* of the thread for the commands: name, object */
static GMutex output_lock;     /* a line is written as a whole */

static void G_GNUC_PRINTF (1, 2)
say (const char *format,
     ...)
{
  gint64 now_usec = g_get_monotonic_time ();
  va_list args;

  va_start (args, format);
  g_mutex_lock (&output_lock);
  putchar ('{');
  vprintf (format, args);
  printf (", \"at\": %" G_GINT64_FORMAT "}\n", now_usec);
  fflush (stdout);
  g_mutex_unlock (&output_lock);
  va_end (args);
}

static char *
quote (const char *text)
{
  GString *quoted = g_string_new ("\"");

  for (const char *c = text; *c != '\0'; c++)
    {
      if (*c == '"' || *c == '\\')
        g_string_append_printf (quoted, "\\%c", *c);
      else if (g_ascii_iscntrl (*c))
        g_string_append_printf (quoted, "\\u%04x", (guchar) *c);
      else
        g_string_append_c (quoted, *c);
    }
  g_string_append_c (quoted, '"');

  return g_string_free (quoted, FALSE);
}

static SsemSystemSemaphore *
find (const char *name)
{
  SsemSystemSemaphore *semaphore = g_hash_table_lookup (semaphores, name);

  if (semaphore == NULL)
    g_error ("There is no semaphore “%s”", name);

  return semaphore;
}

static char *
done (gboolean is_done)
{
  return is_done ? g_strdup ("true") : NULL;
}

static void
lost_cb (SsemSystemSemaphore *semaphore,
         GError              *error,
         gpointer             data)
{
  say ("\"lost\": \"%s\"", (const char *) data);
}

void
worker_watch_lost (SsemSystemSemaphore *semaphore,
                   GCallback            func,
                   gpointer             data)
{
  g_signal_connect (semaphore, "lost", func, data);
}

/* --- Commands --- */

/* open NAME KEY INITIAL MODE UNDO */
static char *
open_cb (char   **arguments,
         GError **error)
{
  SsemSystemSemaphore *semaphore =
    g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                    "key", arguments[1],
                    "initial-value", atoi (arguments[2]),
                    "mode", (SsemAccessMode) atoi (arguments[3]),
                    "undo", atoi (arguments[4]) != 0,
                    NULL);
  char *name;

  if (semaphore == NULL)
    return NULL;
  name = g_strdup (arguments[0]);
  g_object_set_data_full (G_OBJECT (semaphore), "name", name, g_free);
  worker_watch_lost (semaphore, G_CALLBACK (lost_cb), name);
  g_hash_table_insert (semaphores, g_strdup (name), semaphore);

  return done (TRUE);
}

/* close NAME */
static char *
close_cb (char   **arguments,
          GError **error)
{
  return done (g_hash_table_remove (semaphores, arguments[0]));
}

/* acquire NAME N TIMEOUT: microseconds; answers with the fencing token */
static char *
acquire_cb (char   **arguments,
            GError **error)
{
  SsemSystemSemaphore *semaphore = find (arguments[0]);
  int n = atoi (arguments[1]);
  gint64 timeout_usec = g_ascii_strtoll (arguments[2], NULL, 10);

  if (!ssem_system_semaphore_acquire_timeout (semaphore, n, timeout_usec, NULL, error))
    return NULL;

  return g_strdup_printf ("%" G_GUINT64_FORMAT,
                          ssem_system_semaphore_get_fencing_token (semaphore));
}

/* try NAME N */
static char *
try_cb (char   **arguments,
        GError **error)
{
  return done (ssem_system_semaphore_try_acquire (find (arguments[0]), atoi (arguments[1]),
                                                  error));
}

/* release NAME N */
static char *
release_cb (char   **arguments,
            GError **error)
{
  return done (ssem_system_semaphore_release (find (arguments[0]), atoi (arguments[1]), error));
}

/* value NAME */
static char *
value_cb (char   **arguments,
          GError **error)
{
  int value = ssem_system_semaphore_get_value (find (arguments[0]), error);

  return value < 0 ? NULL : g_strdup_printf ("%d", value);
}

/* set-key NAME KEY INITIAL MODE */
static char *
set_key_cb (char   **arguments,
            GError **error)
{
  return done (ssem_system_semaphore_set_key (find (arguments[0]), arguments[1],
                                              atoi (arguments[2]),
                                              (SsemAccessMode) atoi (arguments[3]), error));
}

/* reset KEY VALUE */
static char *
reset_cb (char   **arguments,
          GError **error)
{
  return done (ssem_semaphore_reset (arguments[0], atoi (arguments[1]), SSEM_BACKEND_ETCD, error));
}

/* remove KEY */
static char *
remove_cb (char   **arguments,
           GError **error)
{
  return done (ssem_semaphore_remove_leftover (arguments[0], SSEM_BACKEND_ETCD, error));
}

/* list: [[KEY, VALUE, HELD, WAITING], ...] */
static char *
list_cb (char   **arguments,
         GError **error)
{
  g_autoptr(GPtrArray) infos = ssem_semaphore_info_list (SSEM_BACKEND_ETCD, error);
  GString *text;

  if (infos == NULL)
    return NULL;

  text = g_string_new ("[");
  for (guint i = 0; i < infos->len; i++)
    {
      SsemSemaphoreInfo *info = infos->pdata[i];
      g_autofree char *key = quote (ssem_semaphore_info_get_key (info));

      g_string_append_printf (text, "%s[%s, %d, %d, %d]", i > 0 ? ", " : "", key,
                              ssem_semaphore_info_get_value (info),
                              (int) ssem_semaphore_info_get_units_held (info),
                              ssem_semaphore_info_get_n_waiters (info));
    }
  g_string_append_c (text, ']');

  return g_string_free (text, FALSE);
}

static const Command commands[] = {
  { "open", 5, open_cb },
  { "close", 1, close_cb },
  { "acquire", 3, acquire_cb },
  { "try", 2, try_cb },
  { "release", 2, release_cb },
  { "value", 1, value_cb },
  { "set-key", 4, set_key_cb },
  { "reset", 2, reset_cb },
  { "remove", 1, remove_cb },
  { "list", 0, list_cb },
};

static void
run_command (char **words)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *answer = NULL;
  g_autofree char *message = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, words[0]) == 0 &&
        g_strv_length (words) == 1 + (guint) commands[i].n_arguments)
      {
        answer = commands[i].run (words + 1, &error);
        if (answer != NULL)
          {
            say ("\"done\": %s", answer);
            return;
          }
        message = quote (error->message);
        say ("\"refused\": [\"%s\", %d, %s]", g_quark_to_string (error->domain), error->code,
             message);
        return;
      }

  g_error ("There is no such command: %s", words[0]);
}

static gpointer
run_beside (gpointer data)
{
  g_auto(GStrv) words = data;

  run_command (words);

  return NULL;
}

static void
join (gpointer thread)
{
  g_thread_join (thread);
}

static gpointer
run_commands (gpointer data)
{
  GMainLoop *loop = data;
  g_autoptr(GPtrArray) threads = g_ptr_array_new_with_free_func (join);
  char line[8192];

  semaphores = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      g_auto(GStrv) words = g_strsplit (g_strstrip (line), " ", -1);

      if (g_str_equal (words[0], "beside"))
        g_ptr_array_add (threads, g_thread_new ("beside", run_beside, g_strdupv (words + 1)));
      else
        run_command (words);
    }
  g_ptr_array_set_size (threads, 0);
  g_hash_table_unref (semaphores);
  g_main_loop_quit (loop);

  return NULL;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = NULL;

  /* Whatever happens to the test, nothing of it stays. */
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (argc > 1 && strcmp (argv[1], "storm") == 0)
    return worker_storm (argc - 2, argv + 2);

  loop = g_main_loop_new (NULL, FALSE);
  GThread *thread = g_thread_new ("commands", run_commands, loop);
  g_main_loop_run (loop);
  g_thread_join (thread);

  return EXIT_SUCCESS;
}
