/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem/os/ssem-display-private.h"

static const char *
get_outcome (int failure)
{
  switch (failure)
    {
    case 0:
      return "acquired";

    case SSEM_FAILURE_TIMED_OUT:
      return "timed out";

    case SSEM_FAILURE_CANCELLED:
      return "cancelled";

    default:
      return "not acquired";
    }
}

void
ssem_system_semaphore_mark_wait (SsemSystemSemaphore *self,
                                 gint64               begin,
                                 int                  n,
                                 int                  failure)
{
  g_autofree char *name = NULL;

  if (!ssem_profile_is_on ())
    return;

  name = ssem_system_semaphore_get_name (self);
  ssem_profile_mark_wait (begin, name != NULL ? name : "", n, get_outcome (failure));
}

/* Whether an acquire waits is known to the backend alone. So this one tries first, which only a
 * program that is debugged or profiled pays for. */
int
ssem_system_semaphore_acquire_traced (SsemSystemSemaphore     *self,
                                      SsemInstance            *instance,
                                      SsemAcquireOperation     operate,
                                      int                      n,
                                      gint64                   deadline_usec,
                                      GCancellable            *cancellable,
                                      guint64                 *fencing_token)
{
  g_autofree char *name = NULL;
  g_autofree char *shown = NULL;
  gint64 start_usec, begin;
  int failure;

  failure = operate (instance, n, SSEM_DEADLINE_NOW, NULL, fencing_token);
  if (failure != SSEM_FAILURE_WOULD_BLOCK)
    return failure;

  name = ssem_system_semaphore_get_name (self);
  shown = ssem_display_text (name != NULL ? name : "");
  ssem_debug ("Waiting for %d units of the semaphore “%s”", n, shown);
  start_usec = g_get_monotonic_time ();
  begin = ssem_profile_get_time ();
  failure = operate (instance, n, deadline_usec, cancellable, fencing_token);
  ssem_system_semaphore_mark_wait (self, begin, n, failure);
  ssem_debug ("Waited %" G_GINT64_FORMAT " µs for %d units of the semaphore “%s”: %s",
              g_get_monotonic_time () - start_usec, n, shown,
              get_outcome (failure));

  return failure;
}
