/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/backend/ssem-hazard-private.h"
#include "ssem/os/ssem-process-arguments-private.h"

/* This process holds the units, and waits until the command has ended. If the units are lost
 * meanwhile, it ends the command.
 *
 * A leftover semaphore starts again with the value of --count. A semaphore in use keeps its count.
 */

#define DEFAULT_KILL_AFTER_USEC (5 * G_USEC_PER_SEC)

/* Prints a message if the semaphore in use has another count than the user asked for. */
static void
warn_of_other_count (SsemInstance            *semaphore,
                     const SsemBackendTarget *target,
                     int                      n_count)
{
  g_autoptr(SsemSnapshot) info = NULL;
  int n_initial;

  info = ssem_backend_inspect (semaphore->table, &target->configuration, target->key, NULL);
  n_initial = info != NULL ? info->initial_value : -1;

  /* -1: a Qt program made the semaphore, and the count is unknown. */
  if (n_initial >= 0 && n_initial != n_count)
    tool_print_error (_("“%s” is in use with a count of %d; --count %d is ignored"), target->key,
                      n_initial, n_count);
}

static SsemInstance *
open_semaphore (const ToolRun            *options,
                const SsemBackendTarget  *target,
                GError                  **error)
{
  const SsemBackendTable *table = ssem_backend_choose (target->backend, error);
  SsemInstance *semaphore;

  if (table == NULL)
    return NULL;

  ssem_hazard_init ();
  semaphore = ssem_backend_open (table, &target->configuration, target->key,
                                 options->n_count > 0 ? options->n_count : options->n_units,
                                 SSEM_ACCESS_MODE_JOIN,
                                 ssem_backend_can (table, SSEM_CAPABILITY_UNDO), error);
  if (semaphore != NULL && options->n_count > 0 && !options->waiting.is_quiet)
    warn_of_other_count (semaphore, target, options->n_count);

  return semaphore;
}

/* Makes the command the shell with the script after -c. Prints a message if this fails. */
static gboolean
read_script (ToolRun *options)
{
  char **arguments = options->command;

  if (arguments[1] == NULL || arguments[2] != NULL)
    {
      if (arguments[1] == NULL)
        tool_print_error ("%s", _("Missing script after -c"));
      else
        tool_print_error (_("Unexpected argument “%s”"), arguments[2]);
      tool_fail_usage ("run");
      return FALSE;
    }
  options->command = options->shell;

  return tool_get_shell (arguments[1], options->shell);
}

gboolean
tool_run_parse (int       argc,
                char    **argv,
                ToolRun  *options,
                int      *status)
{
  g_autofree char *count = NULL;
  g_autofree char *units = NULL;
  g_autofree char *kill_after = NULL;
  GOptionEntry entries[] = {
    { "count", 'c', 0, G_OPTION_ARG_STRING, &count,
      N_("Create the semaphore with this many units, unless it is in use"), N_("NUMBER") },
    { "units", 'u', 0, G_OPTION_ARG_STRING, &units,
      N_("Hold this many units (default: 1)"), N_("NUMBER") },
    tool_wait_entries[0],
    tool_wait_entries[1],
    tool_wait_entries[2],
    tool_wait_entries[3],
    { "kill-after", 'k', 0, G_OPTION_ARG_STRING, &kill_after,
      N_("Kill the command if the units are lost and it does not end in this time (default: 5)"),
      N_("TIME") },
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };
  gboolean is_literal;

  *status = TOOL_RUN_FAILED;
  *options = (ToolRun) {
    .n_units = 1,
    .kill_after_usec = DEFAULT_KILL_AFTER_USEC,
  };
  if (!tool_parse (&argc, &argv, N_("KEY [--] COMMAND [ARGUMENT…] | KEY -c SCRIPT"),
                   N_("Runs a command while holding units, and exits with the status of the command."),
                   entries, TRUE, status))
    return FALSE;

  if (!tool_parse_waiting (&options->waiting) ||
      (units != NULL && !tool_parse_units (units, "--units", 1, &options->n_units)) ||
      (count != NULL && !tool_parse_units (count, "--count", 1, &options->n_count)) ||
      (kill_after != NULL &&
       !tool_parse_time (kill_after, "--kill-after", &options->kill_after_usec)))
    return FALSE;
  if (count != NULL && options->n_count < options->n_units)
    {
      tool_print_error (_("--units (%d) is greater than --count (%d)"), options->n_units,
                        options->n_count);
      return FALSE;
    }

  options->command = argv + 1;
  if (tool_native_key == NULL && argc > 1)
    options->key = *options->command++;
  is_literal = options->command > argv + 1 && g_strcmp0 (*options->command, "--") == 0;
  if (is_literal)
    options->command++;
  if ((tool_native_key == NULL && options->key == NULL) || *options->command == NULL)
    {
      tool_print_error ("%s", _("Missing key or command"));
      tool_fail_usage (argv[0]);
      return FALSE;
    }

  return is_literal || !g_str_equal (*options->command, "-c") || read_script (options);
}

int
tool_run (int    argc,
          char **argv)
{
  g_autoptr(GError) error = NULL;
  g_auto(ToolSemaphore) named = { .text = NULL };
  ToolGuard guard = { .semaphore = NULL };
  gboolean has_run;
  int failure = 0, status;
  ToolRun options;

  if (!tool_run_parse (argc, argv, &options, &status))
    return status;

  /* The units are for the command, so others see its name instead of `ssem`. */
  ssem_process_arguments_register (options.command);
  if (tool_semaphore_read (&named, options.key, &error))
    guard.semaphore = open_semaphore (&options, &named.target, &error);
  if (guard.semaphore == NULL)
    {
      tool_print_error ("%s", error->message);
      return TOOL_RUN_FAILED;
    }
  status = TOOL_RUN_FAILED;
  if (!tool_take_units (guard.semaphore, named.text, options.n_units, &options.waiting,
                        &guard.fencing_token, &status))
    return status;

  guard.kill_after_usec = options.kill_after_usec;
  has_run = tool_run_command (options.command, &guard, &status);

  if (!guard.is_lost)
    failure = tool_give_units (guard.semaphore, named.text, options.n_units);
  tool_close_semaphore (guard.semaphore);

  if (guard.is_lost || failure == SSEM_FAILURE_LOST)
    return TOOL_RUN_LOST;

  return has_run ? tool_exit_like (status) : status;
}
