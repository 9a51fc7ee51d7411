/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* Several units together: all or none, whatever happens meanwhile. Some backends collect them one
 * by one, and these cases are hard for them. script.h explains the scripts. */

/* Killed while it collects, a process takes with it what it has, and blocks nobody. */
static void
test_collector_killed (Fixture *fixture)
{
  const int n_units = 1000, n_together = 20;
  int n_lost = 0, i;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, n_units);

  for (i = 0; i < 20; i++)
    {
      Helper *hammer = fixture_open_helper (fixture, 0);
      GError *error = NULL;
      int value;

      helper_run_expect_ok (hammer, "hammer 0 1 %d", n_together);
      g_usleep (g_test_rand_int_range (0, 3000));
      helper_kill (hammer);

      value = ssem_system_semaphore_get_value (semaphore, &error);
      g_assert_no_error (error);
      g_assert_cmpint (value, <=, n_units - n_lost);
      g_assert_cmpint (value, >=, n_units - n_lost - n_together);
      n_lost = n_units - value;
      assert_acquire (semaphore, n_together);
      assert_release (semaphore, n_together);
    }

  drop_object (&semaphore);
}

typedef struct
{
  GMutex lock;
  GCancellable *current;
  gboolean is_over;
} Canceller;

static gpointer
cancel_often (gpointer data)
{
  Canceller *canceller = data;
  gboolean is_over;

  do
    {
      g_mutex_lock (&canceller->lock);
      g_cancellable_cancel (canceller->current);
      is_over = canceller->is_over;
      g_mutex_unlock (&canceller->lock);
      g_usleep (500);
    }
  while (!is_over);

  return NULL;
}

static void
set_current (Canceller    *canceller,
             GCancellable *cancellable,
             gboolean      is_over)
{
  g_mutex_lock (&canceller->lock);
  g_set_object (&canceller->current, cancellable);
  canceller->is_over = is_over;
  g_mutex_unlock (&canceller->lock);
}

/* Timeouts, cancelling and releases race: no unit is lost, and none is created. */
static void
test_nothing_lost (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *hammer = fixture_open_helper (fixture, 0);
  Canceller canceller = { .current = NULL };
  int n_acquired = 0, n_timed_out = 0, n_cancelled = 0;
  GThread *thread;
  int round;

  g_mutex_init (&canceller.lock);
  thread = g_thread_new ("cancel", cancel_often, &canceller);
  helper_run_expect_ok (hammer, "hammer 0 2 3");
  for (round = 0; n_acquired < 30 || n_timed_out < 30 || n_cancelled < 30; round++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      g_autoptr(GError) error = NULL;
      gint64 timeout_usec = round % 3 == 0 ? -1 : g_test_rand_int_range (1, 4000);

      set_current (&canceller, round % 3 == 0 ? cancellable : NULL, FALSE);
      if (ssem_system_semaphore_acquire_timeout (semaphore, 4, timeout_usec, cancellable, &error))
        {
          n_acquired++;
          assert_release (semaphore, 4);
        }
      else if (round % 3 == 0)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          n_cancelled++;
        }
      else
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
          n_timed_out++;
        }
    }
  set_current (&canceller, NULL, TRUE);
  g_thread_join (thread);
  g_mutex_clear (&canceller.lock);
  helper_run_expect_ok (hammer, "calm");
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* How many units there are. */
static const char *const numbers[] = { "3", "4", "5", "7", NULL };

const char conformance_topic[] = "several";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  /* Processes that each want all units: at any time one has them, and none waits forever. */
  { "all-or-nothing", .script =
    "w open OPEN 2; a open OPEN; a hammer 2 2; b open OPEN; b hammer 2 2;"
    "repeat 100; w acquire 2; w value = 0; w release 2; again; a calm; b calm; w value = 2" },

  /* Acquires of two and of three units take units from each other all the time, and every one gets
   * its turn. With each number of units, some of them cannot succeed at the same time. */
  { "two-and-three", NEEDS_COLLECTING, .rows = numbers, .script =
    "w open OPEN $1; a open OPEN; a hammer 2 2; b open OPEN; b hammer 2 3;"
    "c open OPEN; c hammer 1 2;"
    "repeat 100; w acquire 3; w release 3; w acquire 2; w release 2; again;"
    "a calm; b calm; c calm; w value = $1" },

  /* A process that needs few units gets those that are too few for one that waits for many. */
  { "few-beside-many", .script =
    "w open OPEN 2; a open OPEN; b open OPEN; a acquire 3 = blocks;"
    "repeat 200; b try 2; b release 2; again; a blocks; b release 1; a wakes; w value = 0" },

  /* As many waiters as there are units for: each release serves one of them. */
  { "one-by-one", .script =
    "w open OPEN 0; a open OPEN; b open OPEN; c open OPEN;"
    "a acquire 2 = blocks; b acquire 2 = blocks; c acquire 2 = blocks; w release 6;"
    "a wakes; b wakes; c wakes; w value = 0" },

  { "collector-killed", NEEDS_COLLECTING, test_collector_killed },

  /* Stopped while it collects, a process does not keep others from collecting what is left. */
  { "collector-stopped", .script =
    "w open OPEN 100; a open OPEN; a hammer 2 20;"
    "repeat 50; a stop; w acquire 60; w release 60; a continue; again; a calm; w value = 100" },

  { "nothing-lost", NEEDS_COLLECTING, test_nothing_lost },
  { NULL },
};
