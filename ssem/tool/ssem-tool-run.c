/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* The units are this process's: it stays while the command runs, and waits for it.
 *
 * A semaphore that nobody uses, because a killed process left it over, starts with the count that is
 * asked for. One that is in use keeps its own count, and the user is told where that is another one.
 */

static void
warn_of_other_count (SsemSystemSemaphore *semaphore,
                     const char          *key,
                     int                  n_count)
{
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  int n_initial;

  info = ssem_semaphore_info_query (key, ssem_system_semaphore_get_backend (semaphore), NULL);
  n_initial = info != NULL ? ssem_semaphore_info_get_initial_value (info) : -1;

  /* Where a Qt program made it, nobody knows. */
  if (n_initial >= 0 && n_initial != n_count)
    tool_print_error (_("“%s” is in use with a count of %d; --count %d is ignored"), key, n_initial,
                      n_count);
}

static SsemSystemSemaphore *
acquire (const ToolRun  *wishes,
         const char     *key,
         GCancellable   *cancellable,
         GError        **error)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                              "key", key,
                              "initial-value",
                              wishes->n_count > 0 ? wishes->n_count : wishes->n_units,
                              "mode", SSEM_ACCESS_MODE_JOIN,
                              "backend", tool_backend,
                              NULL);
  if (semaphore == NULL)
    return NULL;
  if (wishes->n_count > 0)
    warn_of_other_count (semaphore, key, wishes->n_count);
  if (!ssem_system_semaphore_acquire_timeout (semaphore, wishes->n_units, wishes->wait_usec,
                                              cancellable, error))
    return NULL;

  return g_steal_pointer (&semaphore);
}

gboolean
tool_run_parse (int       argc,
                char    **argv,
                ToolRun  *wishes,
                int      *status)
{
  g_autofree char *count = NULL;
  g_autofree char *units = NULL;
  g_autofree char *wait = NULL;
  g_autofree char *conflict = NULL;
  gboolean never_waits = FALSE;
  GOptionEntry entries[] = {
    { "count", 'c', 0, G_OPTION_ARG_STRING, &count,
      N_("How many units the semaphore has, unless it is in use already"), N_("NUMBER") },
    { "units", 'u', 0, G_OPTION_ARG_STRING, &units,
      N_("How many units to hold: 1, unless given"), N_("NUMBER") },
    { "wait", 'w', 0, G_OPTION_ARG_STRING, &wait,
      N_("How long to wait for them: for ever, unless given"), N_("SECONDS") },
    { "nonblock", 'n', 0, G_OPTION_ARG_NONE, &never_waits,
      N_("Do not wait at all"), NULL },
    { "conflict-exit-code", 'E', 0, G_OPTION_ARG_STRING, &conflict,
      N_("How to end where the units did not come: 124, unless given"), N_("NUMBER") },
    G_OPTION_ENTRY_NULL,
  };
  guint64 number = TOOL_RUN_CONFLICT;

  *status = TOOL_RUN_FAILED;
  *wishes = (ToolRun) { .n_units = 1, .wait_usec = -1 };
  if (!tool_parse (&argc, &argv, _("KEY -- COMMAND [ARGUMENT…]"),
                   _("Holds units of a semaphore while a command runs, and ends as it does."),
                   entries, TRUE, status))
    return FALSE;

  if (wait != NULL && never_waits)
    {
      tool_print_error ("%s", _("--wait and --nonblock exclude each other"));
      return FALSE;
    }
  if (conflict != NULL && !g_ascii_string_to_unsigned (conflict, 10, 0, 255, &number, NULL))
    {
      tool_print_error (_("“%s” is not a number from 0 to 255"), conflict);
      return FALSE;
    }
  wishes->conflict_status = (int) number;
  if (never_waits)
    wishes->wait_usec = 0;
  if ((units != NULL && !tool_parse_units (units, 1, &wishes->n_units)) ||
      (count != NULL && !tool_parse_units (count, 1, &wishes->n_count)) ||
      (wait != NULL && !tool_parse_seconds (wait, &wishes->wait_usec)))
    return FALSE;
  if (count != NULL && wishes->n_count < wishes->n_units)
    {
      tool_print_error (_("--units (%d) is more than --count (%d)"), wishes->n_units,
                        wishes->n_count);
      return FALSE;
    }

  wishes->key = argv[1];
  wishes->command = argc > 1 ? argv + 2 : argv + 1;
  if (argc > 2 && g_str_equal (*wishes->command, "--"))
    wishes->command++;
  if (argc <= 1 || *wishes->command == NULL)
    {
      tool_print_error ("%s", _("A key and a command are needed"));
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
  int cancelled_status = TOOL_RUN_FAILED, status;
  gboolean is_done;
  ToolRun wishes;

  if (!tool_run_parse (argc, argv, &wishes, &status))
    return status;

  cancellable = tool_heed_keys (&cancelled_status);
  key = tool_key_from_argument (wishes.key);
  semaphore = acquire (&wishes, key, cancellable, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return cancelled_status;
  if (semaphore == NULL)
    {
      tool_print_error ("%s", error->message);
      return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
             g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
             ? wishes.conflict_status
             : TOOL_RUN_FAILED;
    }

  is_done = tool_run_command (wishes.command, &status);

  if (!ssem_system_semaphore_release (semaphore, wishes.n_units, &error))
    tool_print_error ("%s", error->message);
  g_clear_object (&semaphore);

  return is_done ? tool_end_like (status) : status;
}
