/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/backend/ssem-hazard-private.h"

/* Takes and gives units for the subcommands, and prints what fails. */

void
tool_close_semaphore (SsemInstance *semaphore)
{
  ssem_backend_close (semaphore);
  ssem_backend_free (semaphore);
}

/* Returns 0 or the number of a failure. */
static int
acquire (SsemInstance *semaphore,
         int           n,
         gint64        wait_usec,
         GCancellable *cancellable,
         guint64      *fencing_token)
{
  gint64 deadline_usec = SSEM_DEADLINE_NONE;
  int failure = SSEM_FAILURE_TOO_DEEP;
  guint depth;

  if (wait_usec == 0)
    deadline_usec = SSEM_DEADLINE_NOW;
  else if (wait_usec > 0)
    deadline_usec = g_get_monotonic_time () + wait_usec;

  if (ssem_hazard_enter_new (semaphore, &depth))
    failure = ssem_backend_acquire (semaphore, n, deadline_usec, cancellable, fencing_token);
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
tool_take_units (SsemInstance      *semaphore,
                 const char        *key,
                 int                n,
                 const ToolWaiting *waiting,
                 guint64           *fencing_token,
                 int               *status)
{
  int interrupted_status = *status;
  GCancellable *cancellable = tool_catch_interrupts (&interrupted_status);
  gboolean is_conflict;
  int failure, number;

  if (!tool_interrupt_begin (semaphore))
    {
      tool_close_semaphore (semaphore);
      return FALSE;
    }
  failure = acquire (semaphore, n, waiting->usec, cancellable, fencing_token);
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

  is_conflict = failure == SSEM_FAILURE_TIMED_OUT || failure == SSEM_FAILURE_WOULD_BLOCK;
  if (failure != SSEM_FAILURE_CANCELLED && !(is_conflict && waiting->is_quiet))
    print_failure (semaphore, SSEM_OPERATION_ACQUIRE, key, failure);
  tool_close_semaphore (semaphore);
  if (failure == SSEM_FAILURE_CANCELLED)
    *status = interrupted_status;
  else if (is_conflict)
    *status = waiting->conflict_status;

  return FALSE;
}

int
tool_give_units (SsemInstance *semaphore,
                 const char   *key,
                 int           n)
{
  int failure = SSEM_FAILURE_TOO_DEEP;
  guint depth;

  if (ssem_hazard_enter_new (semaphore, &depth))
    failure = ssem_backend_release (semaphore, n);
  ssem_hazard_leave (depth);
  if (failure != 0)
    print_failure (semaphore, SSEM_OPERATION_RELEASE, key, failure);

  return failure;
}
