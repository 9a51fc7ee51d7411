/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

#include <stdio.h>
#include <string.h>

/* --- Information about semaphores --- */

const char *
tool_backend_name (SsemBackend backend)
{
  return ssem_backend_find (backend)->name;
}

SsemSnapshot *
tool_find_info (const ToolSemaphore  *semaphore,
                GError              **error)
{
  SsemBackendTarget target = semaphore->target;
  SsemSnapshot *info;
  GError *failure = NULL;
  int i;

  info = ssem_backend_query (&target, &failure);
  if (target.backend == SSEM_BACKEND_DEFAULT &&
      g_error_matches (failure, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
    {
      for (i = 0; ssem_backends[i] != NULL && info == NULL; i++)
        {
          target.backend = ssem_backends[i]->id;
          info = ssem_backend_query (&target, NULL);
        }
    }

  if (info != NULL)
    g_clear_error (&failure);
  else
    g_propagate_error (error, failure);

  return info;
}

static gboolean
is_linked_in (const SsemBackendTable *table)
{
  int i = 0;

  while (ssem_backends[i] != NULL && ssem_backends[i] != table)
    i++;

  return ssem_backends[i] != NULL;
}

GPtrArray *
tool_list_infos (guint   *n_skipped,
                 GError **error)
{
  const SsemBackendTable *table;
  SsemBackend backend = tool_backend;

  /* Where the environment names a backend on a network, its semaphores are the ones that the user's
   * programs share. */
  if (backend == SSEM_BACKEND_DEFAULT)
    {
      table = ssem_backend_choose (SSEM_BACKEND_DEFAULT, error);
      if (table == NULL)
        return NULL;
      if (tool_address != NULL || !is_linked_in (table))
        backend = table->id;
    }

  return ssem_backend_list_snapshots (backend, tool_address, n_skipped, error);
}

void
tool_print_skipped (guint n)
{
  if (n > 0)
    tool_print_error (_("Skipped semaphores of other users: %u. To include them, run ssem as their "
                        "owner, for example with sudo"), n);
}

/* --- Text of a terminal --- */

static int
get_char_width (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;

  return g_unichar_iswide (c) ? 2 : 1;
}

static int
get_width (const char *text)
{
  int width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    width += get_char_width (g_utf8_get_char (text));

  return width;
}

char *
tool_fit_width (const char *text,
                int         width)
{
  GString *fitted = g_string_new (NULL);
  gboolean is_truncated = get_width (text) > width;
  int room = is_truncated ? width - 1 : width;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if (get_char_width (c) > room)
        break;
      g_string_append_unichar (fitted, c);
      room -= get_char_width (c);
    }
  if (is_truncated && width > 0)
    g_string_append (fitted, "…");

  return g_string_free (fitted, FALSE);
}

char *
tool_display_key (const SsemSnapshot *info)
{
  if (info->key != NULL)
    return tool_key_to_text (info->key);
  if (info->native_key != NULL)
    return tool_native_key_to_text (info->native_key);

  /* Translators: stands for the unknown key of a semaphore. */
  return g_strdup (_("(unknown)"));
}

char *
tool_native_key_to_text (const char *native_key)
{
  GString *text = g_string_new (NULL);
  const char *p;

  for (p = native_key; *p != '\0'; p = g_utf8_next_char (p))
    {
      g_autofree char *letter = g_strndup (p, (gsize) (g_utf8_next_char (p) - p));
      g_autofree char *shown = ssem_display_text (letter);
      const char *byte;

      /* A native key may have any character encoded. A space at the end would be lost. */
      if (g_str_equal (shown, letter) && *p != ' ')
        g_string_append (text, letter);
      else
        for (byte = letter; *byte != '\0'; byte++)
          g_string_append_printf (text, "%%%02X", (guint8) *byte);
    }

  return g_string_free (text, FALSE);
}

void
tool_print_utf8 (const char *text)
{
  fputs (text, stdout);
  fputc ('\n', stdout);
}

/* --- Tables --- */

#define MAX_COLUMNS 7

/* A command may have a whole script in its arguments. */
#define MAX_COMMAND_WIDTH 72

/* Appends the rows with their cells aligned: 'l' left or 'r' right, a character for each column.
 * The last column is not padded. */
static void
append_table (GString    *text,
              const char *indent,
              GPtrArray  *rows,
              const char *alignment)
{
  int widths[MAX_COLUMNS] = { 0 };
  int n_columns = (int) strlen (alignment);
  guint row;
  int i;

  for (row = 0; row < rows->len; row++)
    {
      for (i = 0; i < n_columns; i++)
        widths[i] = MAX (widths[i], get_width (((char **) rows->pdata[row])[i]));
    }

  for (row = 0; row < rows->len; row++)
    {
      char **cells = rows->pdata[row];

      g_string_append (text, indent);
      for (i = 0; i < n_columns; i++)
        {
          int n_spaces = widths[i] - get_width (cells[i]);

          if (alignment[i] == 'r')
            g_string_append_printf (text, "%*s", n_spaces, "");
          g_string_append (text, cells[i]);
          if (i == n_columns - 1)
            break;
          if (alignment[i] == 'l')
            g_string_append_printf (text, "%*s", n_spaces, "");
          g_string_append (text, "  ");
        }
      g_string_append_c (text, '\n');
    }
}

static GPtrArray *
new_rows (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
}

/* Appends a row of the strings, and takes ownership of them. */
static void
add_row (GPtrArray *rows,
         ...) G_GNUC_NULL_TERMINATED;

static void
add_row (GPtrArray *rows,
         ...)
{
  g_autoptr(GPtrArray) cells = g_ptr_array_new ();
  va_list texts;
  char *text;

  va_start (texts, rows);
  while ((text = va_arg (texts, char *)) != NULL)
    g_ptr_array_add (cells, text);
  va_end (texts);
  g_ptr_array_add (cells, NULL);
  g_ptr_array_add (rows, g_ptr_array_free (g_steal_pointer (&cells), FALSE));
}

static char *
format_number (gint64 number)
{
  /* Translators: stands for an unknown number. */
  return number >= 0 ? g_strdup_printf ("%" G_GINT64_FORMAT, number) : g_strdup (_("?"));
}

char *
tool_format_list (GPtrArray *infos)
{
  g_autoptr(GPtrArray) rows = new_rows ();
  GString *text = g_string_new (NULL);
  guint i;

  /* Translators: column titles: free units, held units, waiting threads, and processes that have
   * the semaphore open. */
  add_row (rows, g_strdup (_("FREE")), g_strdup (_("HELD")), g_strdup (_("WAITING")),
           g_strdup (_("OPEN")), g_strdup (_("BACKEND")), g_strdup (_("STATE")),
           g_strdup (_("KEY")), NULL);
  for (i = 0; i < infos->len; i++)
    {
      const SsemSnapshot *info = infos->pdata[i];

      /* Translators: the state of a semaphore: no process uses a semaphore that is left over. */
      add_row (rows,
               format_number (info->value),
               format_number (ssem_snapshot_get_units_held (info)),
               format_number (info->n_waiters),
               format_number (info->n_attached),
               g_strdup (tool_backend_name (info->backend)),
               g_strdup (info->is_leftover ? _("left over") : _("in use")),
               tool_display_key (info), NULL);
    }
  append_table (text, "", rows, "rrrrlll");

  return g_string_free (text, FALSE);
}

static gboolean
has_hosts (GArray *processes)
{
  guint i = 0;

  while (i < processes->len && g_array_index (processes, SsemSnapshotProcess, i).host == NULL)
    i++;

  return i < processes->len;
}

static void
append_processes (GString    *text,
                  const char *title,
                  GArray     *processes)
{
  g_autoptr(GPtrArray) rows = new_rows ();
  guint i;

  if (processes == NULL || processes->len == 0)
    return;

  g_string_append_printf (text, "\n%s\n", title);
  /* Translators: column titles of a table of processes; the last one is the name of a machine. */
  add_row (rows, g_strdup (_("PID")), g_strdup (_("UNITS")), g_strdup (_("SINCE")),
           g_strdup (_("COMMAND")), g_strdup (_("HOST")), NULL);
  for (i = 0; i < processes->len; i++)
    {
      const SsemSnapshotProcess *process = &g_array_index (processes, SsemSnapshotProcess, i);
      const char *command = process->command;
      g_autoptr(GDateTime) since = NULL;

      if (process->since_usec >= 0)
        since = g_date_time_new_from_unix_local (process->since_usec / G_USEC_PER_SEC);
      add_row (rows,
               format_number (process->pid != 0 ? process->pid : -1),
               format_number (process->units),
               since != NULL ? g_date_time_format (since, "%Y-%m-%d %H:%M:%S") : g_strdup (_("?")),
               tool_fit_width (command != NULL ? command : _("?"), MAX_COMMAND_WIDTH),
               ssem_display_text (process->host != NULL ? process->host : g_get_host_name ()),
               NULL);
    }
  append_table (text, "  ", rows, has_hosts (processes) ? "rrlll" : "rrll");
}

char *
tool_format_info (const SsemSnapshot *info)
{
  g_autoptr(GPtrArray) rows = new_rows ();
  GString *text = g_string_new (NULL);

  /* Translators: stands for the unknown key of a semaphore. */
  add_row (rows, g_strdup (_("Key")),
           info->key != NULL ? tool_key_to_text (info->key) : g_strdup (_("(unknown)")), NULL);
  if (info->native_key != NULL)
    add_row (rows, g_strdup (_("Native key")), tool_native_key_to_text (info->native_key), NULL);
  add_row (rows, g_strdup (_("Backend")),
           g_strdup (tool_backend_name (info->backend)), NULL);
  add_row (rows, g_strdup (_("State")),
           g_strdup (info->is_leftover ? _("left over") : _("in use")), NULL);
  add_row (rows, g_strdup (_("Free units")),
           format_number (info->value), NULL);
  add_row (rows, g_strdup (_("Held units")),
           format_number (ssem_snapshot_get_units_held (info)), NULL);
  add_row (rows, g_strdup (_("Initial value")),
           format_number (info->initial_value), NULL);
  add_row (rows, g_strdup (_("Attached processes")),
           format_number (info->n_attached), NULL);
  add_row (rows, g_strdup (_("Waiting threads")),
           format_number (info->n_waiters), NULL);
  append_table (text, "", rows, "ll");

  append_processes (text, _("Holders:"), info->holders);
  append_processes (text, _("Waiters:"), info->waiters);

  return g_string_free (text, FALSE);
}
