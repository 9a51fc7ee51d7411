/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-json-private.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

/* Adds @number; null if it is negative, which means unknown. */
static void
add_number (JsonBuilder *builder,
            const char  *name,
            gint64       number)
{
  json_builder_set_member_name (builder, name);
  if (number >= 0)
    json_builder_add_int_value (builder, number);
  else
    json_builder_add_null_value (builder);
}

/* Adds @text; null if it is NULL, which means unknown. */
static void
add_string (JsonBuilder *builder,
            const char  *name,
            const char  *text)
{
  json_builder_set_member_name (builder, name);
  if (text != NULL)
    json_builder_add_string_value (builder, text);
  else
    json_builder_add_null_value (builder);
}

static void
add_process (JsonBuilder     *builder,
             SsemProcessInfo *process)
{
  GDateTime *since = ssem_process_info_get_since (process);
  g_autoptr(GDateTime) utc = since != NULL ? g_date_time_to_utc (since) : NULL;
  g_autofree char *text = utc != NULL ? g_date_time_format_iso8601 (utc) : NULL;
  int pid = ssem_process_info_get_pid (process);

  json_builder_begin_object (builder);
  add_number (builder, "pid", pid != 0 ? pid : -1);
  add_string (builder, "command", ssem_process_info_get_command (process));
  add_number (builder, "units", ssem_process_info_get_units (process));
  add_string (builder, "since", text);
  json_builder_end_object (builder);
}

static void
add_processes (JsonBuilder *builder,
               const char  *name,
               GPtrArray   *processes)
{
  guint i;

  json_builder_set_member_name (builder, name);
  if (processes == NULL)
    {
      json_builder_add_null_value (builder);
      return;
    }

  json_builder_begin_array (builder);
  for (i = 0; i < processes->len; i++)
    add_process (builder, processes->pdata[i]);
  json_builder_end_array (builder);
}

JsonNode *
tool_info_to_json (SsemSemaphoreInfo *info)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_string (builder, "key", ssem_semaphore_info_get_key (info));
  add_string (builder, "backend", tool_backend_name (ssem_semaphore_info_get_backend (info)));
  add_number (builder, "value", ssem_semaphore_info_get_value (info));
  add_number (builder, "initial-value", ssem_semaphore_info_get_initial_value (info));
  add_number (builder, "units-held", ssem_semaphore_info_get_units_held (info));
  add_number (builder, "attached", ssem_semaphore_info_get_n_attached (info));
  add_number (builder, "waiting", ssem_semaphore_info_get_n_waiters (info));
  json_builder_set_member_name (builder, "leftover");
  json_builder_add_boolean_value (builder, ssem_semaphore_info_is_leftover (info));
  add_processes (builder, "holders", ssem_semaphore_info_get_holders (info));
  add_processes (builder, "waiters", ssem_semaphore_info_get_waiters (info));
  json_builder_end_object (builder);

  return json_builder_get_root (builder);
}

JsonNode *
tool_infos_to_json (GPtrArray *infos)
{
  g_autoptr(JsonArray) array = json_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  guint i;

  for (i = 0; i < infos->len; i++)
    json_array_add_element (array, tool_info_to_json (infos->pdata[i]));
  json_node_set_array (node, array);

  return node;
}

void
tool_print_json (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, TRUE);
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);
  guint i;

  /* Unsafe characters occur only inside JSON strings, where their escape sequence is equivalent. */
  for (i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *shown = ssem_display_text (lines[i]);

      tool_print_utf8 (shown);
    }
}
