/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/backend/ssem-hazard-private.h"

#include <string.h>

/* `ssem post` and `ssem wait`: one process acquires what another releases.
 *
 * Both open the semaphore without undo. Otherwise a unit that `wait` has acquired would come back
 * when `wait` exits, and the next process would get it once more.
 *
 * The last process that leaves a semaphore removes it, with its units. So a post is lost if no other
 * process uses the semaphore, and `post` fails then. `wait` creates the semaphore if it does not
 * exist, with no unit. It does the same with a leftover, whose units are older than this wait.
 */

static SsemInstance *
open_semaphore (const SsemBackendTarget  *target,
                SsemAccessMode            mode,
                GError                  **error)
{
  const SsemBackendTable *table = ssem_backend_choose (target->backend, error);

  if (table == NULL)
    return NULL;

  ssem_hazard_init ();

  return ssem_backend_open (table, &target->configuration, target->key, 0, mode, FALSE, error);
}

/* Parses the number of units, which is the last argument, or absent. */
static gboolean
parse_number (int    argc,
              char **argv,
              int   *n_units)
{
  *n_units = 1;

  return tool_check_count (argc, argv, 1, 2) &&
         (argc - 1 + (tool_native_key != NULL) < 2 ||
          tool_parse_units (argv[argc - 1], _("NUMBER"), 1, n_units));
}

int
tool_post (int    argc,
           char **argv)
{
  GOptionEntry entries[] = {
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };
  g_auto(ToolSemaphore) named = { .text = NULL };
  g_autoptr(SsemSnapshot) info = NULL;
  g_autoptr(GError) error = NULL;
  int status = TOOL_USAGE, failure, n_units;
  SsemInstance *semaphore = NULL;

  if (!tool_parse (&argc, &argv, N_("KEY [NUMBER]"),
                   N_("Adds units to a semaphore that other processes use, and wakes those that wait."),
                   entries, FALSE, &status) ||
      !parse_number (argc, argv, &n_units))
    return status;

  if (tool_semaphore_read (&named, argv[1], &error))
    info = tool_find_info (&named, &error);
  if (info != NULL && info->is_leftover)
    {
      tool_print_error (_("No process uses the semaphore “%s”, so the units would be lost"),
                        named.text);
      return TOOL_NOT_FOUND;
    }
  if (info != NULL)
    {
      named.target.backend = info->backend;
      semaphore = open_semaphore (&named.target, SSEM_ACCESS_MODE_OPEN_EXISTING, &error);
    }
  if (semaphore == NULL)
    return tool_fail (error);

  failure = tool_give_units (semaphore, named.text, n_units);
  tool_close_semaphore (semaphore);

  return failure == 0 ? TOOL_OK : TOOL_FAILED;
}

gboolean
tool_wait_parse (int        argc,
                 char     **argv,
                 ToolWait  *options,
                 int       *status)
{
  GOptionEntry entries[TOOL_N_WAIT_ENTRIES + 2] = {
    [TOOL_N_WAIT_ENTRIES] = tool_native_key_entry,
  };

  memcpy (entries, tool_wait_entries, sizeof tool_wait_entries);
  *status = TOOL_USAGE;
  if (!tool_parse (&argc, &argv, N_("KEY [NUMBER]"),
                   N_("Waits for units of a semaphore, and takes them for good."),
                   entries, FALSE, status) ||
      !tool_parse_waiting (&options->waiting) ||
      !parse_number (argc, argv, &options->n_units))
    return FALSE;

  options->key = tool_native_key == NULL ? argv[1] : NULL;

  return TRUE;
}

int
tool_wait (int    argc,
           char **argv)
{
  g_auto(ToolSemaphore) named = { .text = NULL };
  g_autoptr(GError) error = NULL;
  SsemInstance *semaphore = NULL;
  guint64 fencing_token;
  ToolWait options;
  int status;

  if (!tool_wait_parse (argc, argv, &options, &status))
    return status;

  if (tool_semaphore_read (&named, options.key, &error))
    semaphore = open_semaphore (&named.target, SSEM_ACCESS_MODE_JOIN, &error);
  if (semaphore == NULL)
    return tool_fail (error);

  status = TOOL_FAILED;
  if (!tool_take_units (semaphore, named.text, options.n_units, &options.waiting, &fencing_token,
                        &status))
    return status;
  tool_close_semaphore (semaphore);

  return TOOL_OK;
}
