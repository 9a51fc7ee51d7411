/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* The JSON is written directly, because a library for it would take long to load. */

/* Starts a new line for a value inside an object or an array. @name is NULL in an array. */
static void
add_line (GString    *json,
          int         depth,
          const char *name)
{
  char before = json->str[json->len - 1];

  if (before != '{' && before != '[')
    g_string_append_c (json, ',');
  g_string_append_printf (json, "\n%*s", 2 * depth, "");
  if (name != NULL)
    g_string_append_printf (json, "\"%s\" : ", name);
}

static void
end_lines (GString *json,
           int      depth,
           char     bracket)
{
  g_string_append_printf (json, "\n%*s%c", 2 * depth, "", bracket);
}

/* Adds @number; null if it is negative, which means unknown. */
static void
add_number (GString    *json,
            int         depth,
            const char *name,
            gint64      number)
{
  add_line (json, depth, name);
  if (number >= 0)
    g_string_append_printf (json, "%" G_GINT64_FORMAT, number);
  else
    g_string_append (json, "null");
}

/* Adds @text; null if it is NULL, which means unknown. */
static void
add_string (GString    *json,
            int         depth,
            const char *name,
            const char *text)
{
  g_autofree char *quoted = text != NULL ? tool_quote (text) : NULL;

  add_line (json, depth, name);
  g_string_append (json, quoted != NULL ? quoted : "null");
}

/* Adds null if @arguments is NULL: the process has registered no command. */
static void
add_arguments (GString  *json,
               int       depth,
               char    **arguments)
{
  if (arguments == NULL)
    {
      add_string (json, depth, "argv", NULL);
      return;
    }

  add_line (json, depth, "argv");
  g_string_append_c (json, '[');
  for (; *arguments != NULL; arguments++)
    add_string (json, depth + 1, NULL, *arguments);
  end_lines (json, depth, ']');
}

static void
add_process (GString                   *json,
             int                        depth,
             const SsemSnapshotProcess *process)
{
  g_autoptr(GDateTime) since = NULL;
  g_autofree char *text = NULL;

  if (process->since_usec >= 0)
    {
      g_autoptr(GDateTime) seconds = NULL;

      seconds = g_date_time_new_from_unix_utc (process->since_usec / G_USEC_PER_SEC);
      since = g_date_time_add (seconds, process->since_usec % G_USEC_PER_SEC);
      text = g_date_time_format_iso8601 (since);
    }

  add_line (json, depth, NULL);
  g_string_append_c (json, '{');
  add_string (json, depth + 1, "host", process->host);
  add_number (json, depth + 1, "pid", process->pid != 0 ? process->pid : -1);
  add_string (json, depth + 1, "command", process->command);
  add_arguments (json, depth + 1, process->arguments);
  add_number (json, depth + 1, "units", process->units);
  add_string (json, depth + 1, "since", text);
  end_lines (json, depth, '}');
}

static void
add_processes (GString    *json,
               int         depth,
               const char *name,
               GArray     *processes)
{
  guint i;

  add_line (json, depth, name);
  if (processes == NULL || processes->len == 0)
    {
      g_string_append (json, processes == NULL ? "null" : "[]");
      return;
    }

  g_string_append_c (json, '[');
  for (i = 0; i < processes->len; i++)
    add_process (json, depth + 1, &g_array_index (processes, SsemSnapshotProcess, i));
  end_lines (json, depth, ']');
}

static void
add_name (GString            *json,
          int                 depth,
          const SsemSnapshot *info)
{
  add_string (json, depth, "key", info->key);
  add_string (json, depth, "native-key", info->native_key);
  add_string (json, depth, "backend", tool_backend_name (info->backend));
}

static void
append_info (GString            *json,
             int                 depth,
             const SsemSnapshot *info)
{
  g_string_append_c (json, '{');
  add_name (json, depth + 1, info);
  add_number (json, depth + 1, "value", info->value);
  add_number (json, depth + 1, "initial-value", info->initial_value);
  add_number (json, depth + 1, "units-held", ssem_snapshot_get_units_held (info));
  add_number (json, depth + 1, "attached", info->n_attached);
  add_number (json, depth + 1, "waiting", info->n_waiters);
  add_line (json, depth + 1, "leftover");
  g_string_append (json, info->is_leftover ? "true" : "false");
  add_processes (json, depth + 1, "holders", info->holders);
  add_processes (json, depth + 1, "waiters", info->waiters);
  end_lines (json, depth, '}');
}

char *
tool_info_to_json (const SsemSnapshot *info)
{
  GString *json = g_string_new (NULL);

  append_info (json, 0, info);

  return g_string_free (json, FALSE);
}

char *
tool_infos_to_json (GPtrArray *infos)
{
  GString *json = g_string_new ("[");
  guint i;

  for (i = 0; i < infos->len; i++)
    {
      add_line (json, 1, NULL);
      append_info (json, 1, infos->pdata[i]);
    }
  if (infos->len > 0)
    end_lines (json, 0, ']');
  else
    g_string_append_c (json, ']');

  return g_string_free (json, FALSE);
}

char *
tool_change_to_json (const SsemSnapshot *info,
                     gboolean            is_gone)
{
  GString *json = g_string_new (NULL);
  g_auto(GStrv) lines = NULL;
  int i;

  if (is_gone)
    {
      g_string_append_c (json, '{');
      add_name (json, 1, info);
      end_lines (json, 0, '}');
    }
  else
    {
      append_info (json, 0, info);
    }

  /* Strings have their newlines escaped, so each newline here is between two values. */
  lines = g_strsplit (json->str, "\n", -1);
  for (i = 0; lines[i] != NULL; i++)
    g_strstrip (lines[i]);
  g_string_free (json, TRUE);

  return g_strjoinv (" ", lines);
}
