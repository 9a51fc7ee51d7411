/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <stdio.h>
#include <string.h>

/* --- Information about semaphores --- */

const char *
tool_backend_name (SsemBackend backend)
{
  g_autoptr(GEnumClass) backends = g_type_class_ref (SSEM_TYPE_BACKEND);

  return g_enum_get_value (backends, backend)->value_nick;
}

SsemSemaphoreInfo *
tool_find_info (const char  *key,
                GError     **error)
{
  g_autoptr(GEnumClass) backends = g_type_class_ref (SSEM_TYPE_BACKEND);
  SsemSemaphoreInfo *info;
  GError *failure = NULL;
  guint i;

  info = ssem_semaphore_info_query (key, tool_backend, &failure);
  if (tool_backend == SSEM_BACKEND_DEFAULT &&
      g_error_matches (failure, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
    {
      for (i = 0; i < backends->n_values && info == NULL; i++)
        {
          if (backends->values[i].value != SSEM_BACKEND_DEFAULT)
            info = ssem_semaphore_info_query (key, backends->values[i].value, NULL);
        }
    }

  if (info != NULL)
    g_clear_error (&failure);
  else
    g_propagate_error (error, failure);

  return info;
}

GPtrArray *
tool_list_infos (GError **error)
{
  return ssem_semaphore_info_list (tool_backend, error);
}

void
tool_print_skipped (void)
{
  guint n = ssem_semaphore_info_count_others (tool_backend);

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
tool_display_key (SsemSemaphoreInfo *info)
{
  const char *key = ssem_semaphore_info_get_key (info);

  /* Translators: stands for the unknown key of a semaphore. */
  return key != NULL ? tool_key_to_text (key) : g_strdup (_("(unknown)"));
}

void
tool_print_utf8 (const char *text)
{
  fputs (text, stdout);
  fputc ('\n', stdout);
}

/* --- Tables --- */

#define MAX_COLUMNS 7

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
      SsemSemaphoreInfo *info = infos->pdata[i];

      /* Translators: the state of a semaphore: no process uses a semaphore that is left over. */
      add_row (rows,
               format_number (ssem_semaphore_info_get_value (info)),
               format_number (ssem_semaphore_info_get_units_held (info)),
               format_number (ssem_semaphore_info_get_n_waiters (info)),
               format_number (ssem_semaphore_info_get_n_attached (info)),
               g_strdup (tool_backend_name (ssem_semaphore_info_get_backend (info))),
               g_strdup (ssem_semaphore_info_is_leftover (info) ? _("left over") : _("in use")),
               tool_display_key (info), NULL);
    }
  append_table (text, "", rows, "rrrrlll");

  return g_string_free (text, FALSE);
}

static void
append_processes (GString    *text,
                  const char *title,
                  GPtrArray  *processes)
{
  g_autoptr(GPtrArray) rows = new_rows ();
  guint i;

  if (processes == NULL || processes->len == 0)
    return;

  g_string_append_printf (text, "\n%s\n", title);
  add_row (rows, g_strdup (_("PID")), g_strdup (_("UNITS")), g_strdup (_("SINCE")),
           g_strdup (_("COMMAND")), NULL);
  for (i = 0; i < processes->len; i++)
    {
      SsemProcessInfo *process = processes->pdata[i];
      GDateTime *since = ssem_process_info_get_since (process);
      const char *command = ssem_process_info_get_command (process);
      int pid = ssem_process_info_get_pid (process);

      add_row (rows,
               format_number (pid != 0 ? pid : -1),
               format_number (ssem_process_info_get_units (process)),
               since != NULL ? g_date_time_format (since, "%Y-%m-%d %H:%M:%S") : g_strdup (_("?")),
               g_strdup (command != NULL ? command : _("?")), NULL);
    }
  append_table (text, "  ", rows, "rrll");
}

char *
tool_format_info (SsemSemaphoreInfo *info)
{
  g_autoptr(GPtrArray) rows = new_rows ();
  GString *text = g_string_new (NULL);

  add_row (rows, g_strdup (_("Key")), tool_display_key (info), NULL);
  add_row (rows, g_strdup (_("Backend")),
           g_strdup (tool_backend_name (ssem_semaphore_info_get_backend (info))), NULL);
  add_row (rows, g_strdup (_("State")),
           g_strdup (ssem_semaphore_info_is_leftover (info) ? _("left over") : _("in use")), NULL);
  add_row (rows, g_strdup (_("Free units")),
           format_number (ssem_semaphore_info_get_value (info)), NULL);
  add_row (rows, g_strdup (_("Held units")),
           format_number (ssem_semaphore_info_get_units_held (info)), NULL);
  add_row (rows, g_strdup (_("Initial value")),
           format_number (ssem_semaphore_info_get_initial_value (info)), NULL);
  add_row (rows, g_strdup (_("Attached processes")),
           format_number (ssem_semaphore_info_get_n_attached (info)), NULL);
  add_row (rows, g_strdup (_("Waiting threads")),
           format_number (ssem_semaphore_info_get_n_waiters (info)), NULL);
  append_table (text, "", rows, "ll");

  append_processes (text, _("Holders:"), ssem_semaphore_info_get_holders (info));
  append_processes (text, _("Waiters:"), ssem_semaphore_info_get_waiters (info));

  return g_string_free (text, FALSE);
}
