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
  g_print ("\n%s\n", _("Run “ssem help COMMAND” for help on a command."));
}

/* Returns NULL after a message if there is no such subcommand. */
static const ToolSubcommand *
find_subcommand (const char *name)
{
  const ToolSubcommand *subcommand;

  for (subcommand = tool_subcommands; subcommand->name != NULL; subcommand++)
    {
      if (g_str_equal (name, subcommand->name))
        return subcommand;
    }
  tool_print_error (_("Unknown command “%s”"), name);
  tool_fail_usage (NULL);

  return NULL;
}

/* Prints the help of the command whose name is argv[1], or of `ssem` if there is none. */
static int
help (int    argc,
      char **argv)
{
  const ToolSubcommand *subcommand;

  if (argc > 2)
    {
      tool_print_error (_("Unexpected argument “%s”"), argv[2]);
      return tool_fail_usage (NULL);
    }
  if (argc < 2)
    {
      print_help ();
      return TOOL_OK;
    }

  subcommand = find_subcommand (argv[1]);
  if (subcommand == NULL)
    return TOOL_USAGE;

  return subcommand->handler (2, (char *[]) { argv[1], (char *) "--help", NULL });
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
  if (g_str_equal (name, "--help") || g_str_equal (name, "-h"))
    {
      print_help ();
      return TOOL_OK;
    }
  if (g_str_equal (name, "help"))
    return help (argc - 1, argv + 1);
  if (g_str_equal (name, "--version"))
    {
      g_print ("ssem %s\n", PACKAGE_VERSION);
      return TOOL_OK;
    }

  subcommand = find_subcommand (name);

  return subcommand != NULL ? subcommand->handler (argc - 1, argv + 1) : TOOL_USAGE;
}
