/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <unistd.h>

static void
print_keys (GPtrArray *infos,
            gboolean   are_native)
{
  guint i;

  for (i = 0; i < infos->len; i++)
    {
      const SsemSnapshot *info = infos->pdata[i];
      g_autofree char *text = NULL;

      if (are_native && info->native_key != NULL)
        text = tool_native_key_to_text (info->native_key);
      else if (!are_native && info->key != NULL)
        text = tool_key_to_text (info->key);

      if (text != NULL)
        tool_print_utf8 (text);
    }
}

int
tool_list (int    argc,
           char **argv)
{
  gboolean as_json = FALSE, only_keys = FALSE, only_native_keys = FALSE;
  GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, N_("Print JSON"), NULL },
    { "keys", 0, 0, G_OPTION_ARG_NONE, &only_keys,
      N_("Print only the keys, one per line"), NULL },
    { "native-keys", 0, 0, G_OPTION_ARG_NONE, &only_native_keys,
      N_("Print only the native keys, one per line"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;
  int status = TOOL_USAGE;
  guint n_skipped;

  if (!tool_parse (&argc, &argv, "", N_("Lists your semaphores."), entries, FALSE,
                   &status) ||
      !tool_check_count (argc, argv, 0, 0))
    return status;

  infos = tool_list_infos (&n_skipped, &error);
  if (infos == NULL)
    return tool_fail (error);

  if (as_json)
    {
      g_autofree char *json = tool_infos_to_json (infos);

      tool_print_utf8 (json);
    }
  else if (only_keys || only_native_keys)
    {
      print_keys (infos, only_native_keys);
    }
  else
    {
      g_autofree char *text = infos->len > 0 ? tool_format_list (infos) : g_strdup ("");

      g_print ("%s", text);
      /* Without a terminal, the output has a line for each semaphore, so here none. */
      if (infos->len == 0 && isatty (STDOUT_FILENO))
        g_print ("%s\n", _("No semaphores"));
      /* The other formats are for programs, which have no use for this message. */
      tool_print_skipped (n_skipped);
    }

  return TOOL_OK;
}
