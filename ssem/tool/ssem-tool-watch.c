/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Looks at the semaphores again and again. On a terminal it draws the table anew in its place; in a
 * pipe it prints a line for each semaphore that is there at first, that changes, comes or goes. */

/* What a terminal does; see console_codes(4). */
#define CLEAR_ALL      "\033[H\033[2J"
#define GO_HOME        "\033[H"
#define CLEAR_LINE     "\033[K"
#define CLEAR_BELOW    "\033[J"
#define HIDE_CURSOR    "\033[?25l"
#define SHOW_CURSOR    "\033[?25h"

/* The signal's usual effect is back while its handler runs, and it is not blocked. */
#define STOPPED_FLAGS (SA_RESETHAND | SA_NODEFER | SA_RESTART)

#define DEFAULT_INTERVAL_USEC G_USEC_PER_SEC
#define MIN_INTERVAL_USEC     (G_USEC_PER_SEC / 100)
#define MAX_INTERVAL_USEC     (G_MAXUINT * G_GINT64_CONSTANT (1000)) /* as a timer counts */

typedef struct
{
  GMainLoop *loop;
  char **keys;        /* of those to show; empty for all */
  gboolean on_terminal;
  GHashTable *lines;  /* in a pipe: name_of () -> the line printed last */
  int status;
} Watch;

static gboolean
is_wanted (Watch             *self,
           SsemSemaphoreInfo *info)
{
  const char *key = ssem_semaphore_info_get_key (info);

  return *self->keys == NULL ||
         (key != NULL && g_strv_contains ((const char *const *) self->keys, key));
}

static GPtrArray *
look (Watch   *self,
      GError **error)
{
  g_autoptr(GPtrArray) infos = tool_list_all (error);
  guint i;

  if (infos == NULL)
    return NULL;

  for (i = infos->len; i > 0; i--)
    {
      if (!is_wanted (self, infos->pdata[i - 1]))
        g_ptr_array_remove_index (infos, i - 1);
    }

  return g_steal_pointer (&infos);
}

/* --- On a terminal --- */

/* At once, and past what is printed otherwise. */
static void
write_to_terminal (const char *text)
{
  gssize n_written = write (STDOUT_FILENO, text, strlen (text));

  /* A terminal that is gone has no cursor either. */
  (void) n_written;
}

static void
draw (Watch     *self,
      GPtrArray *infos)
{
  g_autofree char *table = tool_format_list (infos);
  g_autoptr(GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *title = g_date_time_format (now, "ssem watch  %Y-%m-%d %H:%M:%S\n\n");
  g_autofree char *text = g_strconcat (title, table, NULL);
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr(GString) picture = g_string_new (GO_HOME);
  struct winsize size = { 0 };
  int n_rows, n_columns, i;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    size = (struct winsize) { 0 };
  n_rows = size.ws_row > 0 ? size.ws_row : 24;
  n_columns = size.ws_col > 0 ? size.ws_col : 80;

  /* A line that is full, or the last of the screen, would move the others. */
  for (i = 0; lines[i] != NULL && lines[i + 1] != NULL && i < n_rows - 1; i++)
    {
      g_autofree char *line = tool_fit (lines[i], n_columns - 1, FALSE);

      g_string_append_printf (picture, "%s" CLEAR_LINE "\r\n", line);
    }
  g_string_append (picture, CLEAR_BELOW);
  g_print ("%s", picture->str);
}

/* Ctrl-Z stops this process as it does others, but first the shell gets its cursor back. Nothing
 * here takes a lock, because the signal comes at any place. */
static void
stopped_cb (int number)
{
  const struct sigaction again = { .sa_handler = stopped_cb, .sa_flags = STOPPED_FLAGS };
  int error = errno;

  write_to_terminal (SHOW_CURSOR);
  /* It has its usual effect again: the process stops in this call, until it is continued. */
  raise (number);
  sigaction (number, &again, NULL);
  write_to_terminal (HIDE_CURSOR);
  /* The terminal has been the shell's, and may have another size as well. */
  raise (SIGWINCH);
  errno = error;
}

/* GLib takes no such signal into its loop. */
static void
quit_cb (int number)
{
  raise (SIGTERM);
}

static void
heed_keys (void)
{
  const struct sigaction stopped = { .sa_handler = stopped_cb, .sa_flags = STOPPED_FLAGS };
  const struct sigaction quit = { .sa_handler = quit_cb, .sa_flags = SA_RESTART };
  struct sigaction before;

  sigaction (SIGQUIT, &quit, NULL);
  /* A shell without jobs lets its children ignore it: nobody would continue them. */
  if (sigaction (SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
    sigaction (SIGTSTP, &stopped, NULL);
}

/* --- In a pipe --- */

/* No other semaphore has it. NULL where the key is not known, as Qt's are; nobody could tell the
 * lines of these apart. */
static char *
name_of (SsemSemaphoreInfo *info)
{
  const char *key = ssem_semaphore_info_get_key (info);
  g_autofree char *text = key != NULL ? tool_key_to_text (key) : NULL;

  if (text == NULL)
    return NULL;

  return g_strdup_printf ("%s %s", tool_backend_name (ssem_semaphore_info_get_backend (info)), text);
}

static char *
describe (SsemSemaphoreInfo *info,
          const char        *name)
{
  gint64 held = ssem_semaphore_info_get_units_held (info);
  g_autofree char *held_text = held >= 0 ? g_strdup_printf ("%" G_GINT64_FORMAT, held)
                                         : g_strdup ("?");

  /* For programs: not translated. */
  return g_strdup_printf ("free=%d held=%s waiting=%d %s %s",
                          ssem_semaphore_info_get_value (info), held_text,
                          ssem_semaphore_info_get_n_waiters (info),
                          ssem_semaphore_info_is_leftover (info) ? "left-over" : "in-use", name);
}

static void
print_line (const char *line)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");

  g_autofree char *text = g_strconcat (time, " ", line, NULL);

  tool_print_utf8 (text);
}

static void
report (Watch     *self,
        GPtrArray *infos)
{
  g_autoptr(GHashTable) lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer name;
  guint i;

  for (i = 0; i < infos->len; i++)
    {
      SsemSemaphoreInfo *info = infos->pdata[i];
      char *line;

      name = name_of (info);
      if (name == NULL)
        continue;

      line = describe (info, name);
      if (g_strcmp0 (g_hash_table_lookup (self->lines, name), line) != 0)
        print_line (line);
      g_hash_table_insert (lines, name, line);
    }

  g_hash_table_iter_init (&iter, self->lines);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_autofree char *line = g_strconcat ("gone ", name, NULL);

      if (!g_hash_table_contains (lines, name))
        print_line (line);
    }

  g_hash_table_unref (self->lines);
  self->lines = g_steal_pointer (&lines);
}

/* --- Both --- */

static gboolean
look_cb (gpointer data)
{
  Watch *self = data;
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;

  if (self->status != TOOL_OK)
    return G_SOURCE_REMOVE;

  infos = look (self, &error);
  if (infos == NULL)
    {
      if (self->on_terminal)
        g_print (SHOW_CURSOR);
      self->status = tool_fail (error);
      g_main_loop_quit (self->loop);
      return G_SOURCE_REMOVE;
    }

  if (self->on_terminal)
    draw (self, infos);
  else
    report (self, infos);

  if (!tool_flush ())
    {
      self->status = TOOL_FAILED;
      g_main_loop_quit (self->loop);
      return G_SOURCE_REMOVE;
    }

  return G_SOURCE_CONTINUE;
}

/* The terminal has another size: what stands there has moved. */
static gboolean
resized_cb (gpointer data)
{
  g_print (CLEAR_ALL);
  look_cb (data);

  return G_SOURCE_CONTINUE;
}

/* Who reads has gone: it ends as a line that it printed would have ended it. */
static gboolean
reader_gone_cb (int          fd,
                GIOCondition condition,
                gpointer     data)
{
  Watch *self = data;

  raise (SIGPIPE);
  /* A line may have said so in the same turn of the loop. */
  if (self->status == TOOL_OK)
    self->status = tool_fail_to_write ();
  g_main_loop_quit (self->loop);

  return G_SOURCE_REMOVE;
}

static gboolean
end_cb (gpointer data)
{
  Watch *self = data;

  g_main_loop_quit (self->loop);

  return G_SOURCE_CONTINUE;
}

gboolean
tool_watch_parse (int         argc,
                  char      **argv,
                  ToolWatch  *watch,
                  int        *status)
{
  g_autofree char *interval = NULL;
  GOptionEntry entries[] = {
    { "interval", 'i', 0, G_OPTION_ARG_STRING, &interval,
      N_("How often to look: every second, unless given"), N_("SECONDS") },
    G_OPTION_ENTRY_NULL,
  };

  *status = TOOL_USAGE;
  watch->interval_usec = DEFAULT_INTERVAL_USEC;
  if (!tool_parse (&argc, &argv, _("[KEY…]"),
                   _("Shows the semaphores as they change, until it is interrupted."), entries,
                   FALSE, status) ||
      (interval != NULL && !tool_parse_seconds (interval, &watch->interval_usec)))
    return FALSE;
  watch->interval_usec = CLAMP (watch->interval_usec, MIN_INTERVAL_USEC, MAX_INTERVAL_USEC);
  watch->keys = argv + 1;

  return TRUE;
}

static GStrv
read_keys (char **arguments)
{
  g_autoptr(GStrvBuilder) keys = g_strv_builder_new ();

  for (; *arguments != NULL; arguments++)
    {
      g_autofree char *key = tool_key_from_argument (*arguments);

      g_strv_builder_add (keys, key);
    }

  return g_strv_builder_end (keys);
}

int
tool_watch (int    argc,
            char **argv)
{
  g_autoptr(GMainLoop) loop = NULL;
  g_auto(GStrv) keys = NULL;
  ToolWatch wishes;
  Watch watch = { 0 };
  int status;

  if (!tool_watch_parse (argc, argv, &wishes, &status))
    return status;

  loop = g_main_loop_new (NULL, FALSE);
  watch.loop = loop;
  keys = read_keys (wishes.keys);
  watch.keys = keys;
  watch.on_terminal = isatty (STDOUT_FILENO);
  watch.lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  g_unix_signal_add (SIGINT, end_cb, &watch);
  g_unix_signal_add (SIGTERM, end_cb, &watch);
  g_unix_signal_add (SIGHUP, end_cb, &watch);
  if (watch.on_terminal)
    {
      g_unix_signal_add (SIGWINCH, resized_cb, &watch);
      heed_keys ();
      g_print (HIDE_CURSOR CLEAR_ALL);
    }
  else
    {
      g_unix_fd_add (STDOUT_FILENO, G_IO_ERR | G_IO_HUP, reader_gone_cb, &watch);
    }
  g_timeout_add ((guint) (wishes.interval_usec / 1000), look_cb, &watch);
  if (look_cb (&watch))
    {
      g_main_loop_run (loop);
      if (watch.on_terminal && watch.status == TOOL_OK)
        g_print (SHOW_CURSOR);
    }
  g_hash_table_unref (watch.lines);

  return watch.status;
}
