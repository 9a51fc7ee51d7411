/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* What the first argument says. */

typedef struct
{
  const char *name;
  ToolHandler handler;
  const char *summary;
} Command;

static const Command commands[] = {
  { "run", tool_run, N_("Hold units of a semaphore while a command runs") },
  { "list", tool_list, N_("List the semaphores") },
  { "show", tool_show, N_("Show who holds units of a semaphore and who waits") },
  { "watch", tool_watch, N_("Show the semaphores as they change") },
  { "reset", tool_reset, N_("Set the value of a semaphore") },
  { "remove", tool_remove, N_("Remove a semaphore that a crash has left") },
  { "clean", tool_clean, N_("Remove all semaphores that crashes have left") },
};

static void
print_help (void)
{
  gsize i;

  g_print ("%s\n  ssem %s\n\n%s\n\n%s\n", _("Usage:"), _("COMMAND [OPTION…] [ARGUMENT…]"),
           _("Semaphores that processes share by a key, from the shell."), _("Commands:"));
  for (i = 0; i < G_N_ELEMENTS (commands); i++)
    g_print ("  %-8s  %s\n", commands[i].name, _(commands[i].summary));
  g_print ("\n%s\n", _("“ssem COMMAND --help” tells more about a command."));
}

int
tool_dispatch (int    argc,
               char **argv)
{
  const char *name = argc > 1 ? argv[1] : NULL;
  gsize i;

  if (name == NULL)
    {
      tool_print_error ("%s", _("A command is missing"));
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

  for (i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (g_str_equal (name, commands[i].name))
        return commands[i].handler (argc - 1, argv + 1);
    }

  tool_print_error (_("There is no command “%s”"), name);
  return tool_fail_usage (NULL);
}
