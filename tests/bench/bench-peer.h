/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One kind of semaphore, ours or another, behind a table, so that each scenario is written once.
 * No function returns an error: a failure ends the measurement with bench_fail ().
 *
 * open     Attaches to the semaphore of the key, or creates it with @value. The creator is alone: a
 *          scenario opens in the measuring process before its helpers do. With @undo FALSE, nothing
 *          comes back at death: right for signals between processes. Qt ignores @undo, and its undo
 *          counts end at 32767, so a scenario that signals takes new semaphores for each turn.
 * acquire  Takes one unit, and waits for it.
 * release  Adds @n units.
 * try_acquire  Takes one unit if there is one, and returns whether it did; NULL where no scenario
 *          needs it.
 * get_value  Returns the number of units that are left; NULL where no scenario needs it.
 * close    Ends the use. The creator, or the last user, also removes the semaphore.
 * pairs    Acquires and releases one unit @n times, with direct calls: calls through this table
 *          would show in the ratio, because the fastest peer takes so little time.
 */
typedef struct
{
  const char *name;
  gpointer (*open) (const char *key,
                    int         value,
                    gboolean    undo);
  void (*acquire) (gpointer handle);
  void (*release) (gpointer handle,
                   int      n);
  gboolean (*try_acquire) (gpointer handle);
  int (*get_value) (gpointer handle);
  void (*close) (gpointer handle);
  void (*pairs) (gpointer handle,
                 int      n);
} BenchPeer;

extern const BenchPeer bench_peer_ssem; /* with the backend that SSEM_BACKEND names */
extern const BenchPeer bench_peer_semop;
extern const BenchPeer bench_peer_sem_t;
extern const BenchPeer bench_peer_qt;   /* in C++; only where Qt is installed */

/* Prints the reason and ends the measurement; for the measuring process and its helpers. */
void bench_fail (const char *format,
                 ...) G_GNUC_NORETURN G_GNUC_PRINTF (1, 2);

/* The body of pairs (): the compiler calls constant functions directly, or inlines them. */
static inline __attribute__ ((always_inline)) void
bench_repeat_pairs (void     (*acquire) (gpointer handle),
                    void     (*release) (gpointer handle,
                                         int      n),
                    gpointer   handle,
                    int        n)
{
  int i;

  for (i = 0; i < n; i++)
    {
      acquire (handle);
      release (handle, 1);
    }
}

G_END_DECLS
