/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One kind of semaphore, ours or somebody else's, behind one table, so that each scenario is
 * written once. Nothing here returns an error: what fails ends the measurement with bench_fail ().
 *
 * open     Attaches to the semaphore of the key, or creates it with @value. Whoever opens first is
 *          alone: a scenario opens in the measuring process before its helpers do. With @undo
 *          FALSE, nothing comes back at death: right for signalling between processes. Qt has no
 *          such choice, and undo counts end at 32767; a scenario that signals starts anew before.
 * acquire  Takes one unit, and waits for it.
 * release  Adds @n units.
 * close    Ends the use; by the one who created it, or the last, it also ends the semaphore.
 * pairs    @n times acquire and release of one unit, as direct calls. The fastest of the peers
 *          takes so little time that calls through this table would show in the ratio.
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
  void (*close) (gpointer handle);
  void (*pairs) (gpointer handle,
                 int      n);
} BenchPeer;

extern const BenchPeer bench_peer_ssem; /* with the backend that SSEM_BACKEND names */
extern const BenchPeer bench_peer_semop;
extern const BenchPeer bench_peer_sem_t;

/* QSystemSemaphore in C++; NULL where the program was built without Qt. */
const BenchPeer *bench_peer_qt (void);

/* The body of pairs (); with constant functions they are called directly, or not even called. */
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
