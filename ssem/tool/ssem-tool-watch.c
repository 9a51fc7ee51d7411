/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem-tool-terminal-private.h"

#include <string.h>

/* Lists the semaphores at regular intervals. On a terminal, `watch` redraws the table in its place.
 * In a pipe, and with --json, it prints a line for each semaphore at the start, and for each that
 * appears, changes or disappears. */

/* Control sequences of terminals; see console_codes(4). */
#define CLEAR_ALL      "\033[H\033[2J"
#define GO_HOME        "\033[H"
#define CLEAR_LINE     "\033[K"
#define CLEAR_BELOW    "\033[J"

/* The maximum is the limit of g_timeout_add (). */
#define DEFAULT_INTERVAL_USEC G_USEC_PER_SEC
#define MIN_INTERVAL_USEC     (G_USEC_PER_SEC / 100)
#define MAX_INTERVAL_USEC     (G_MAXUINT * G_GINT64_CONSTANT (1000))

typedef struct
{
  GMainLoop *loop;
  char **keys;        /* the keys to show; empty: all, unless there is a native key */
  ToolSemaphore native; /* of --native-key; without a text if the option is absent */
  gboolean on_terminal;
  gboolean as_json;
  GHashTable *lines;  /* in a pipe: format_name () -> Line */
  int status;
} Watch;

static gboolean
is_selected (Watch              *self,
             const SsemSnapshot *info)
{
  const char *key = info->key;

  if (*self->keys == NULL && self->native.text == NULL)
    return TRUE;

  return key != NULL && g_strv_contains ((const char *const *) self->keys, key);
}

/* Adds the semaphore of --native-key, if there is one now and it is not listed already. The list
 * does not contain a semaphore in another directory. */
static gboolean
add_native (Watch      *self,
            GPtrArray  *infos,
            GError    **error)
{
  g_autoptr(GError) failure = NULL;
  SsemSnapshot *info = tool_find_info (&self->native, &failure);
  guint i;

  if (g_error_matches (failure, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
    return TRUE;
  if (info == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }

  for (i = 0; i < infos->len; i++)
    {
      if (g_strcmp0 (((SsemSnapshot *) infos->pdata[i])->native_key, info->native_key) == 0)
        g_ptr_array_remove_index (infos, i--);
    }
  g_ptr_array_add (infos, info);

  return TRUE;
}

static GPtrArray *
list_selected (Watch   *self,
               GError **error)
{
  guint n_skipped, i;
  g_autoptr(GPtrArray) infos = tool_list_infos (&n_skipped, error);

  if (infos == NULL)
    return NULL;

  for (i = infos->len; i > 0; i--)
    {
      if (!is_selected (self, infos->pdata[i - 1]))
        g_ptr_array_remove_index (infos, i - 1);
    }
  if (self->native.text != NULL && !add_native (self, infos, error))
    return NULL;

  return g_steal_pointer (&infos);
}

/* --- On a terminal --- */

static void
draw_table (Watch     *self,
            GPtrArray *infos)
{
  g_autofree char *table = tool_format_list (infos);
  g_autoptr(GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *title = g_date_time_format (now, "ssem watch  %Y-%m-%d %H:%M:%S\n\n");
  g_autofree char *text = g_strconcat (title, table, NULL);
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr(GString) screen = g_string_new (GO_HOME);
  int n_rows, n_columns, i;

  tool_terminal_get_size (&n_rows, &n_columns);

  /* Text in the last column or in the last row would scroll the screen. */
  for (i = 0; lines[i] != NULL && lines[i + 1] != NULL && i < n_rows - 1; i++)
    {
      g_autofree char *line = tool_fit_width (lines[i], n_columns - 1);

      g_string_append_printf (screen, "%s" CLEAR_LINE "\r\n", line);
    }
  g_string_append (screen, CLEAR_BELOW);
  g_print ("%s", screen->str);
}

/* --- In a pipe, or as JSON --- */

typedef struct
{
  char *text; /* the line printed last, without the time */
  char *gone; /* the line to print when the semaphore is gone */
} Line;

static void
line_free (gpointer data)
{
  Line *line = data;

  g_free (line->text);
  g_free (line->gone);
  g_free (line);
}

/* Returns the backend and the key, a unique name for the semaphore. For an unknown key, as of
 * semaphores of Qt programs, the native key takes its place. Returns NULL if there is neither: such
 * lines could not be told apart. */
static char *
format_name (const SsemSnapshot *info)
{
  g_autofree char *text = NULL;

  if (info->key == NULL && info->native_key == NULL)
    return NULL;

  text = tool_display_key (info);

  return g_strdup_printf ("%s %s", tool_backend_name (info->backend), text);
}

static char *
format_number (gint64 number)
{
  return number >= 0 ? g_strdup_printf ("%" G_GINT64_FORMAT, number) : g_strdup ("?");
}

static char *
format_line (const SsemSnapshot *info,
             const char         *name)
{
  gint64 held = ssem_snapshot_get_units_held (info);
  g_autofree char *held_text = format_number (held);
  g_autofree char *waiting_text = format_number (info->n_waiters);

  /* Programs read this line, so it is not translated. */
  return g_strdup_printf ("free=%d held=%s waiting=%s %s %s",
                          info->value, held_text, waiting_text,
                          info->is_leftover ? "left-over" : "in-use", name);
}

static Line *
new_line (const Watch        *self,
          const SsemSnapshot *info,
          const char         *name)
{
  Line *line = g_new0 (Line, 1);

  if (self->as_json)
    {
      line->text = tool_change_to_json (info, FALSE);
      line->gone = tool_change_to_json (info, TRUE);
    }
  else
    {
      line->text = format_line (info, name);
      line->gone = g_strconcat ("gone ", name, NULL);
    }

  return line;
}

static void
print_line (const Watch *self,
            const char  *line,
            gboolean     is_gone)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *text = NULL;

  /* The members of a line of JSON follow its brace. */
  if (self->as_json)
    text = g_strdup_printf ("{ \"time\" : \"%s\", \"gone\" : %s,%s", time,
                            is_gone ? "true" : "false", line + 1);
  else
    text = g_strconcat (time, " ", line, NULL);
  tool_print_utf8 (text);
}

static void
print_changes (Watch     *self,
               GPtrArray *infos)
{
  g_autoptr(GHashTable) lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, line_free);
  GHashTableIter iter;
  gpointer name, gone;
  guint i;

  for (i = 0; i < infos->len; i++)
    {
      const SsemSnapshot *info = infos->pdata[i];
      Line *line, *before;

      name = format_name (info);
      if (name == NULL)
        continue;

      line = new_line (self, info, name);
      before = g_hash_table_lookup (self->lines, name);
      if (before == NULL || !g_str_equal (before->text, line->text))
        print_line (self, line->text, FALSE);
      g_hash_table_insert (lines, name, line);
    }

  g_hash_table_iter_init (&iter, self->lines);
  while (g_hash_table_iter_next (&iter, &name, &gone))
    {
      if (!g_hash_table_contains (lines, name))
        print_line (self, ((Line *) gone)->gone, TRUE);
    }

  g_hash_table_unref (self->lines);
  self->lines = g_steal_pointer (&lines);
}

/* --- On a terminal and in a pipe --- */

static gboolean
update_cb (gpointer data)
{
  Watch *self = data;
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;

  if (self->status != TOOL_OK)
    return G_SOURCE_REMOVE;

  infos = list_selected (self, &error);
  if (infos == NULL)
    {
      if (self->on_terminal)
        g_print (TOOL_SHOW_CURSOR);
      self->status = tool_fail (error);
      g_main_loop_quit (self->loop);
      return G_SOURCE_REMOVE;
    }

  if (self->on_terminal)
    draw_table (self, infos);
  else
    print_changes (self, infos);

  if (!tool_flush ())
    {
      self->status = TOOL_FAILED;
      g_main_loop_quit (self->loop);
      return G_SOURCE_REMOVE;
    }

  return G_SOURCE_CONTINUE;
}

/* Redraws everything, because a terminal moves its text when its size changes. */
static gboolean
resized_cb (gpointer data)
{
  g_print (CLEAR_ALL);
  update_cb (data);

  return G_SOURCE_CONTINUE;
}

/* Ends the program when the reader of the pipe has closed it, as writing a line would. */
static gboolean
pipe_closed_cb (gpointer data)
{
  Watch *self = data;

  /* update_cb () may have failed for the same reason in this iteration of the loop. */
  if (self->status == TOOL_OK)
    self->status = tool_fail_to_write ();
  g_main_loop_quit (self->loop);

  return G_SOURCE_REMOVE;
}

static gboolean
terminate_cb (gpointer data)
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
      N_("Wait this long between updates (default: 1)"), N_("TIME") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &watch->as_json,
      N_("Print a line of JSON for each change"), NULL },
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };

  *status = TOOL_USAGE;
  watch->interval_usec = DEFAULT_INTERVAL_USEC;
  watch->as_json = FALSE;
  if (!tool_parse (&argc, &argv, N_("[KEY…]"),
                   N_("Shows the semaphores as they change, until it is interrupted."), entries,
                   FALSE, status) ||
      (interval != NULL && !tool_parse_time (interval, "--interval", &watch->interval_usec)))
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
  g_autoptr(GError) error = NULL;
  ToolTerminalEvents events;
  ToolWatch options;
  Watch watch = { 0 };
  int status;

  if (!tool_watch_parse (argc, argv, &options, &status))
    return status;

  if (tool_native_key != NULL && !tool_semaphore_read (&watch.native, NULL, &error))
    return tool_fail (error);

  loop = g_main_loop_new (NULL, FALSE);
  watch.loop = loop;
  keys = read_keys (options.keys);
  watch.keys = keys;
  watch.as_json = options.as_json;
  watch.on_terminal = tool_terminal_is_output () && !watch.as_json;
  watch.lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, line_free);

  events = (ToolTerminalEvents) { terminate_cb, resized_cb, pipe_closed_cb, &watch };
  tool_terminal_watch (&events, watch.on_terminal);
  if (watch.on_terminal)
    g_print (TOOL_HIDE_CURSOR CLEAR_ALL);
  g_timeout_add ((guint) (options.interval_usec / 1000), update_cb, &watch);
  if (update_cb (&watch))
    {
      g_main_loop_run (loop);
      if (watch.on_terminal && watch.status == TOOL_OK)
        g_print (TOOL_SHOW_CURSOR);
    }
  g_hash_table_unref (watch.lines);
  tool_semaphore_clear (&watch.native);

  return watch.status;
}
