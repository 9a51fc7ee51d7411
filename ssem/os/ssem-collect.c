/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-collect-private.h"

/* Several units together
 *
 * The system gives out one unit at a time. An acquire of n units collects them: it checks whether n
 * are available, takes them one by one without waiting, and puts them back if another thread was
 * faster. It holds no units while it waits, so two acquires never wait for each other's units.
 * Where n - 1 units are available, an acquire of one unit gets one of them.
 *
 *   looking     reads the value, which takes nothing
 *   collecting  has some units, and never waits for a unit
 *   waiting     has no units
 *
 * Two threads that collect at the same time could take units from each other, and both put them
 * back. So a collector takes the lock of the class. It does not get the lock in time if the owner
 * is stopped; then it collects without the lock, and stays away for a random time if it fails, so
 * that two collectors do not meet forever. The units that a dead collector had are lost, like all
 * units of dead processes on such a system.
 *
 * A waiter listens, looks, and waits. Each release of this library adds units and then tells the
 * listeners. So units that were added after the look end the wait. The waiter also looks every
 * LOOK_EVERY_MSEC, because releases of other programs wake no listener, and because a system may
 * lose what one of several listeners should hear.
 *
 * A waiter for one unit waits for the semaphore itself, without any of this.
 */

#define LOOK_EVERY_MSEC 20
#define STAY_AWAY_MSEC  10
/* How many units are collected between two looks at the time. */
#define UNITS_PER_LOOK  1024
/* How often an acquire that does not wait tries again after another thread has disturbed it. */
#define MAX_TRIES       100

/* Takes @n units one by one, with the lock if that could be taken. Sets @was_disturbed where it
 * took some units and had to put them back. */
static int
collect (const SsemCollectClass *klass,
         gpointer                semaphore,
         int                     n,
         gpointer                waiting,
         gboolean               *was_disturbed)
{
  int n_taken = 0;
  int result;

  do
    {
      result = klass->take_one (semaphore);
      if (result == 0)
        n_taken++;
      if (n_taken == n)
        return 0;
      if (waiting != NULL && n_taken % UNITS_PER_LOOK == 0 && klass->is_over (waiting))
        result = SSEM_COLLECT_TOO_FEW;
    }
  while (result == 0);

  if (n_taken > 0)
    klass->give_back (semaphore, n_taken);
  *was_disturbed = n_taken > 0;

  return result;
}

static int
take_together (const SsemCollectClass *klass,
               gpointer                semaphore,
               int                     n,
               gpointer                waiting,
               gboolean               *was_disturbed)
{
  int value = 0;
  int result, lock;

  *was_disturbed = FALSE;

  result = klass->get_value (semaphore, &value);
  if (result != 0)
    return result;
  if (value < n)
    return SSEM_COLLECT_TOO_FEW;

  lock = klass->lock (semaphore, waiting);
  if (lock != 0 && lock != SSEM_COLLECT_TOO_FEW)
    return lock;

  result = collect (klass, semaphore, n, waiting, was_disturbed);

  if (lock == 0)
    klass->unlock (semaphore);

  return result;
}

int
ssem_collect_try (const SsemCollectClass *klass,
                  gpointer                semaphore,
                  int                     n)
{
  gboolean was_disturbed;
  int i = 0, result;

  do
    result = take_together (klass, semaphore, n, NULL, &was_disturbed);
  while (result == SSEM_COLLECT_TOO_FEW && was_disturbed && ++i < MAX_TRIES);

  return result;
}

int
ssem_collect_wait (const SsemCollectClass *klass,
                   gpointer                semaphore,
                   int                     n,
                   gpointer                waiting)
{
  for (;;)
    {
      gboolean was_disturbed;
      int result;

      klass->listen (semaphore);
      result = take_together (klass, semaphore, n, waiting, &was_disturbed);
      if (result != SSEM_COLLECT_TOO_FEW || klass->is_over (waiting))
        return result;

      if (was_disturbed)
        klass->stay_away (semaphore, waiting, STAY_AWAY_MSEC);
      else
        klass->wait_for_units (semaphore, waiting, LOOK_EVERY_MSEC);
    }
}
