/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <windows.h>

G_BEGIN_DECLS

/* How long a thread waits: until a deadline, or until one of two other handles calls the wait off.
 * Belongs to the waiting thread. */
typedef struct
{
  gint64 deadline_usec;       /* of g_get_monotonic_time (), or G_MAXINT64 */
  guint64 awake_deadline;     /* of the clock that stops while the system sleeps, in 100 ns */
  HANDLE call_offs[2];
  DWORD n_call_offs;
  GCancellable *cancellable;  /* whose handle is among call_offs, or NULL */
} SsemWin32Waiting;

/* @closed calls the wait off when it is set, as @cancellable does when it is cancelled. */
void  ssem_win32_waiting_init    (SsemWin32Waiting *self,
                                  gint64            deadline_usec,
                                  HANDLE            closed,
                                  GCancellable     *cancellable);
void  ssem_win32_waiting_clear   (SsemWin32Waiting *self);

gboolean ssem_win32_waiting_is_over (SsemWin32Waiting *self);

/* Waits for @object, which may be NULL, for at most @at_most_msec. Returns ERROR_SUCCESS where the
 * object was signalled, also where the wait was called off at the same time; WAIT_TIMEOUT where the
 * time or the wait is over; else the system's error. */
DWORD ssem_win32_waiting_wait    (SsemWin32Waiting *self,
                                  HANDLE            object,
                                  DWORD             at_most_msec);

G_END_DECLS
