/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-win32-waiting-private.h"

/* Time
 *
 * GLib's monotonic clock runs while the system sleeps; the system's time-outs do not. A wait is
 * over when its time has passed by two clocks. By the monotonic clock, which is exact: the other
 * clock is coarse, and would end the wait a tick too early. By the clock that stops with the
 * system: else a sleep of the system would shorten the wait.
 */

#define UNITS_PER_USEC 10
#define USEC_PER_MSEC  1000
/* The system's time-outs have 32 bits; the largest number means no time-out. */
#define LONGEST_MSEC   (INFINITE - 1)

static guint64
get_awake_time (void)
{
  ULONGLONG now = 0;

  QueryUnbiasedInterruptTime (&now);

  return now;
}

/* Returns 0 where the deadline has passed. */
static DWORD
get_left_msec (SsemWin32Waiting *self)
{
  gint64 left_usec;
  guint64 awake;

  if (self->deadline_usec == G_MAXINT64)
    return INFINITE;

  left_usec = MAX (0, self->deadline_usec - g_get_monotonic_time ());
  awake = get_awake_time ();
  if (awake < self->awake_deadline)
    left_usec = MAX (left_usec, (gint64) ((self->awake_deadline - awake) / UNITS_PER_USEC));

  return (DWORD) MIN (left_usec / USEC_PER_MSEC + (left_usec % USEC_PER_MSEC != 0), LONGEST_MSEC);
}

void
ssem_win32_waiting_init (SsemWin32Waiting *self,
                         gint64            deadline_usec,
                         HANDLE            closed,
                         GCancellable     *cancellable)
{
  GPollFD poll_fd;

  *self = (SsemWin32Waiting) { .deadline_usec = deadline_usec };
  self->call_offs[self->n_call_offs++] = closed;

  /* On Windows, what GLib calls a descriptor is the handle of an event. */
  if (cancellable != NULL && g_cancellable_make_pollfd (cancellable, &poll_fd))
    {
      self->cancellable = cancellable;
      self->call_offs[self->n_call_offs++] = (HANDLE) (guintptr) poll_fd.fd;
    }

  if (deadline_usec != G_MAXINT64)
    {
      gint64 left_usec = MAX (0, deadline_usec - g_get_monotonic_time ());

      /* A time past the end of the clock is no deadline. */
      if (left_usec < G_MAXINT64 / (2 * UNITS_PER_USEC))
        self->awake_deadline = get_awake_time () + (guint64) left_usec * UNITS_PER_USEC;
      else
        self->deadline_usec = G_MAXINT64;
    }
}

void
ssem_win32_waiting_clear (SsemWin32Waiting *self)
{
  if (self->cancellable != NULL)
    g_cancellable_release_fd (self->cancellable);
  self->cancellable = NULL;
}

gboolean
ssem_win32_waiting_is_over (SsemWin32Waiting *self)
{
  return get_left_msec (self) == 0 ||
         WaitForMultipleObjects (self->n_call_offs, self->call_offs, FALSE, 0) != WAIT_TIMEOUT;
}

DWORD
ssem_win32_waiting_wait (SsemWin32Waiting *self,
                         HANDLE            object,
                         DWORD             at_most_msec)
{
  HANDLE handles[G_N_ELEMENTS (self->call_offs) + 1];
  DWORD n_handles = 0, left_msec, result, i;
  gboolean ends_early;

  if (object != NULL)
    handles[n_handles++] = object;
  for (i = 0; i < self->n_call_offs; i++)
    handles[n_handles++] = self->call_offs[i];

  do
    {
      left_msec = get_left_msec (self);
      ends_early = at_most_msec != INFINITE && at_most_msec < left_msec;
      /* Of several signalled handles, the system returns the first, and takes that alone. */
      result = WaitForMultipleObjects (n_handles, handles, FALSE,
                                       ends_early ? at_most_msec : left_msec);
    }
  while (result == WAIT_TIMEOUT && !ends_early && left_msec != 0);

  if (result == WAIT_FAILED)
    return GetLastError ();

  return object != NULL && result == WAIT_OBJECT_0 ? ERROR_SUCCESS : WAIT_TIMEOUT;
}
