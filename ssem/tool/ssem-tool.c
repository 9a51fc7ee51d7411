/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <libintl.h>

int
main (int    argc,
      char **argv)
{
  char **arguments;
  int status;

  tool_reserve_streams ();
  arguments = tool_get_arguments (argv);
  tool_set_locale ();
  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  g_set_prgname ("ssem");

  if (!tool_fork_if_process_1 (&status))
    return status;

  status = tool_dispatch ((int) g_strv_length (arguments), arguments);
  if (status == TOOL_OK && !tool_flush ())
    status = TOOL_FAILED;

  return status;
}
