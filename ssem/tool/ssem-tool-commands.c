/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

static void
print_help (void)
{
  const ToolSubcommand *subcommand;

  g_print ("%s\n  ssem %s\n\n%s\n\n%s\n", _("Usage:"), _("COMMAND [OPTION…] [ARGUMENT…]"),
           _("Limits how many processes run at once, with semaphores shared by a key."),
           _("Commands:"));
  for (subcommand = tool_subcommands; subcommand->name != NULL; subcommand++)
    {
      if (subcommand->summary != NULL)
        g_print ("  %-8s  %s\n", subcommand->name, _(subcommand->summary));
    }
  g_print ("\n%s\n", _("Run “ssem COMMAND --help” for help on a command."));
}

int
tool_dispatch (int    argc,
               char **argv)
{
  const char *name = argc > 1 ? argv[1] : NULL;
  const ToolSubcommand *subcommand;

  if (name == NULL)
    {
      tool_print_error ("%s", _("Missing command"));
      return tool_fail_usage (NULL);
    }
  if (g_str_equal (name, "--help") || g_str_equal (name, "-h") || g_str_equal (name, "help"))
    {
      print_help ();
      return TOOL_OK;
    }
  if (g_str_equal (name, "--version"))
    {
      g_print ("ssem %s\n", PACKAGE_VERSION);
      return TOOL_OK;
    }

  for (subcommand = tool_subcommands; subcommand->name != NULL; subcommand++)
    {
      if (g_str_equal (name, subcommand->name))
        return subcommand->handler (argc - 1, argv + 1);
    }

  tool_print_error (_("Unknown command “%s”"), name);
  return tool_fail_usage (NULL);
}
