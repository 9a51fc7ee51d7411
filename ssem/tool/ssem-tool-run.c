/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/backend/ssem-hazard-private.h"

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
  if (semaphore != NULL && options->n_count > 0)
    warn_of_other_count (semaphore, target, options->n_count);

  return semaphore;
}

/* Detaches this process, and gives units back that it still holds only when it ends. */
static void
close_semaphore (SsemInstance *semaphore)
{
  ssem_backend_close (semaphore);
  ssem_backend_free (semaphore);
}

/* Returns 0 or the number of a failure. */
static int
acquire (SsemInstance  *semaphore,
         const ToolRun *options,
         GCancellable  *cancellable,
         guint64       *fencing_token)
{
  gint64 deadline_usec = SSEM_DEADLINE_NONE;
  int failure = SSEM_FAILURE_TOO_DEEP;
  guint depth;

  if (options->wait_usec == 0)
    deadline_usec = SSEM_DEADLINE_NOW;
  else if (options->wait_usec > 0)
    deadline_usec = g_get_monotonic_time () + options->wait_usec;

  if (ssem_hazard_enter_new (semaphore, &depth))
    failure = ssem_backend_acquire (semaphore, options->n_units, deadline_usec, cancellable,
                                    fencing_token);
  ssem_hazard_leave (depth);

  return failure;
}

static int
release (SsemInstance *semaphore,
         int           n)
{
  int failure = SSEM_FAILURE_TOO_DEEP;
  guint depth;

  if (ssem_hazard_enter_new (semaphore, &depth))
    failure = ssem_backend_release (semaphore, n);
  ssem_hazard_leave (depth);

  return failure;
}

/* Prints a message for a @failure that is not 0. */
static void
print_failure (SsemInstance  *semaphore,
               SsemOperation  operation,
               const char    *key,
               int            failure)
{
  g_autoptr(GError) error = NULL;

  ssem_backend_describe (semaphore->table, operation, key, failure, &error);
  tool_print_error ("%s", error->message);
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
  g_autofree char *kill_after = NULL;
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
    { "kill-after", 'k', 0, G_OPTION_ARG_STRING, &kill_after,
      N_("Kill the command if the units are lost and it does not end in this time (default: 5)"),
      N_("SECONDS") },
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };
  guint64 number = TOOL_RUN_CONFLICT;

  *status = TOOL_RUN_FAILED;
  *options = (ToolRun) {
    .n_units = 1,
    .wait_usec = -1,
    .kill_after_usec = DEFAULT_KILL_AFTER_USEC,
  };
  if (!tool_parse (&argc, &argv, N_("KEY -- COMMAND [ARGUMENT…]"),
                   N_("Runs a command while holding units, and exits with the status of the command."),
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
      (wait != NULL && !tool_parse_seconds (wait, &options->wait_usec)) ||
      (kill_after != NULL && !tool_parse_seconds (kill_after, &options->kill_after_usec)))
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
  if (options->command > argv + 1 && g_strcmp0 (*options->command, "--") == 0)
    options->command++;
  if ((tool_native_key == NULL && options->key == NULL) || *options->command == NULL)
    {
      tool_print_error ("%s", _("Missing key or command"));
      tool_fail_usage (argv[0]);
      return FALSE;
    }

  return TRUE;
}

/* Waits for the units. Returns FALSE if the program should exit with *@status; the semaphore is
 * then closed. */
static gboolean
take_units (SsemInstance  *semaphore,
            const ToolRun *options,
            const char    *key,
            guint64       *fencing_token,
            int           *status)
{
  int interrupted_status = TOOL_RUN_FAILED;
  GCancellable *cancellable = tool_catch_interrupts (&interrupted_status);
  int failure, number;

  *status = TOOL_RUN_FAILED;
  if (!tool_interrupt_begin (semaphore))
    {
      close_semaphore (semaphore);
      return FALSE;
    }
  failure = acquire (semaphore, options, cancellable, fencing_token);
  number = tool_interrupt_end ();

  if (number != 0)
    {
      ssem_backend_free (semaphore);
      /* Units that came at the same moment are given back by what exit () calls. */
      *status = failure == 0 ? TOOL_RUN_SIGNAL + number : tool_exit_like (number);
      return FALSE;
    }
  if (failure == 0)
    return TRUE;

  if (failure != SSEM_FAILURE_CANCELLED)
    print_failure (semaphore, SSEM_OPERATION_ACQUIRE, key, failure);
  close_semaphore (semaphore);
  if (failure == SSEM_FAILURE_CANCELLED)
    *status = interrupted_status;
  else if (failure == SSEM_FAILURE_TIMED_OUT || failure == SSEM_FAILURE_WOULD_BLOCK)
    *status = options->conflict_status;

  return FALSE;
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

  if (tool_semaphore_read (&named, options.key, &error))
    guard.semaphore = open_semaphore (&options, &named.target, &error);
  if (guard.semaphore == NULL)
    {
      tool_print_error ("%s", error->message);
      return TOOL_RUN_FAILED;
    }
  if (!take_units (guard.semaphore, &options, named.text, &guard.fencing_token, &status))
    return status;

  guard.kill_after_usec = options.kill_after_usec;
  has_run = tool_run_command (options.command, &guard, &status);

  if (!guard.is_lost)
    failure = release (guard.semaphore, options.n_units);
  if (failure != 0)
    print_failure (guard.semaphore, SSEM_OPERATION_RELEASE, named.text, failure);
  close_semaphore (guard.semaphore);

  if (guard.is_lost || failure == SSEM_FAILURE_LOST)
    return TOOL_RUN_LOST;

  return has_run ? tool_exit_like (status) : status;
}
