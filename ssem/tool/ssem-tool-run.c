/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* This process holds the units, and waits until the command has ended.
 *
 * A leftover semaphore starts again with the value of --count. A semaphore in use keeps its count.
 */

/* Prints a message if the semaphore in use has another count than the user asked for. */
static void
warn_of_other_count (SsemSystemSemaphore *semaphore,
                     const char          *key,
                     int                  n_count)
{
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  int n_initial;

  info = ssem_semaphore_info_query (key, ssem_system_semaphore_get_backend (semaphore), NULL);
  n_initial = info != NULL ? ssem_semaphore_info_get_initial_value (info) : -1;

  /* -1: a Qt program made the semaphore, and the count is unknown. */
  if (n_initial >= 0 && n_initial != n_count)
    tool_print_error (_("“%s” is in use with a count of %d; --count %d is ignored"), key, n_initial,
                      n_count);
}

static SsemSystemSemaphore *
acquire (const ToolRun  *options,
         const char     *key,
         GCancellable   *cancellable,
         GError        **error)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                              "key", key,
                              "initial-value",
                              options->n_count > 0 ? options->n_count : options->n_units,
                              "mode", SSEM_ACCESS_MODE_JOIN,
                              "backend", tool_backend,
                              NULL);
  if (semaphore == NULL)
    return NULL;
  if (options->n_count > 0)
    warn_of_other_count (semaphore, key, options->n_count);
  if (!ssem_system_semaphore_acquire_timeout (semaphore, options->n_units, options->wait_usec,
                                              cancellable, error))
    return NULL;

  return g_steal_pointer (&semaphore);
}

gboolean
tool_run_parse (int       argc,
                char    **argv,
                ToolRun  *options,
                int      *status)
{
  g_autofree char *count = NULL;
  g_autofree char *units = NULL;
  g_autofree char *wait = NULL;
  g_autofree char *conflict = NULL;
  gboolean never_waits = FALSE;
  GOptionEntry entries[] = {
    { "count", 'c', 0, G_OPTION_ARG_STRING, &count,
      N_("Create the semaphore with this many units, unless it is in use"), N_("NUMBER") },
    { "units", 'u', 0, G_OPTION_ARG_STRING, &units,
      N_("Hold this many units (default: 1)"), N_("NUMBER") },
    { "wait", 'w', 0, G_OPTION_ARG_STRING, &wait,
      N_("Wait for the units at most this long (default: forever)"), N_("SECONDS") },
    { "nonblock", 'n', 0, G_OPTION_ARG_NONE, &never_waits,
      N_("Fail instead of waiting"), NULL },
    { "conflict-exit-code", 'E', 0, G_OPTION_ARG_STRING, &conflict,
      N_("Exit with this status if the units are not free in time (default: 124)"), N_("NUMBER") },
    G_OPTION_ENTRY_NULL,
  };
  guint64 number = TOOL_RUN_CONFLICT;

  *status = TOOL_RUN_FAILED;
  *options = (ToolRun) { .n_units = 1, .wait_usec = -1 };
  if (!tool_parse (&argc, &argv, _("KEY -- COMMAND [ARGUMENT…]"),
                   _("Runs a command while holding units, and exits with the status of the command."),
                   entries, TRUE, status))
    return FALSE;

  if (wait != NULL && never_waits)
    {
      tool_print_error ("%s", _("--wait and --nonblock cannot be used together"));
      return FALSE;
    }
  if (conflict != NULL && !g_ascii_string_to_unsigned (conflict, 10, 0, 255, &number, NULL))
    {
      tool_print_error (_("Invalid exit status “%s”: use a number from 0 to 255"), conflict);
      return FALSE;
    }
  options->conflict_status = (int) number;
  if (never_waits)
    options->wait_usec = 0;
  if ((units != NULL && !tool_parse_units (units, 1, &options->n_units)) ||
      (count != NULL && !tool_parse_units (count, 1, &options->n_count)) ||
      (wait != NULL && !tool_parse_seconds (wait, &options->wait_usec)))
    return FALSE;
  if (count != NULL && options->n_count < options->n_units)
    {
      tool_print_error (_("--units (%d) is greater than --count (%d)"), options->n_units,
                        options->n_count);
      return FALSE;
    }

  options->key = argv[1];
  options->command = argc > 1 ? argv + 2 : argv + 1;
  if (argc > 2 && g_str_equal (*options->command, "--"))
    options->command++;
  if (argc <= 1 || *options->command == NULL)
    {
      tool_print_error ("%s", _("Missing key or command"));
      tool_fail_usage (argv[0]);
      return FALSE;
    }

  return TRUE;
}

int
tool_run (int    argc,
          char **argv)
{
  g_autoptr(GCancellable) cancellable = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *key = NULL;
  int interrupted_status = TOOL_RUN_FAILED, status;
  gboolean has_run;
  ToolRun options;

  if (!tool_run_parse (argc, argv, &options, &status))
    return status;

  cancellable = tool_catch_interrupts (&interrupted_status);
  key = tool_key_from_argument (options.key);
  semaphore = acquire (&options, key, cancellable, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return interrupted_status;
  if (semaphore == NULL)
    {
      tool_print_error ("%s", error->message);
      return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
             g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
             ? options.conflict_status
             : TOOL_RUN_FAILED;
    }

  has_run = tool_run_command (options.command, &status);

  if (!ssem_system_semaphore_release (semaphore, options.n_units, &error))
    tool_print_error ("%s", error->message);
  g_clear_object (&semaphore);

  return has_run ? tool_exit_like (status) : status;
}
