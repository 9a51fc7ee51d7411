/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* The death of a process: the units that the process holds come back, and nothing else does.
 *
 * Most cases are scripts; script.h explains how to read them. In nearly every script, `w` is a
 * witness: a process that stays alive, and reads the value. The case is about the other processes:
 * most of them die, and some are stopped.
 */

/* --- How much comes back, whichever way the process ends --- */

/* The ways in which a process may end. `quit` drops the objects first, which releases no units. In
 * each way, the kernel or another process must notice the death. */
static const char *const ends[] = {
  "kill", "signal TERM", "signal SEGV", "abort", "exit 3", "_exit 3", "quit", NULL,
};

/* The acquires and releases of a process | the value before its death | the units that come back:
 * max (0, acquired - released). If a process has released more than it acquired, its death must not
 * reduce the value. */
static const char *const histories[] = {
  "1 | 9 | 1",
  "5 | 5 | 5",
  "2 3 | 5 | 5",
  "5 -2 | 7 | 3",
  "5 -5 | 10 | 0",
  "5 -7 | 12 | 0",
  "-3 | 13 | 0",
  "-3 1 | 12 | 0",
  "-3 3 | 10 | 0",
  "-3 5 | 8 | 2",
  "-1 4 -2 | 9 | 1",
  "4 -6 1 | 11 | 0",
  "4 -6 5 | 7 | 3",
  "2 -5 3 1 | 9 | 1",
  "2 -5 3 -4 6 | 8 | 2",
  "1 -1 1 -1 1 | 9 | 1",
  NULL,
};

/* The steps of a process with two objects, of which `a.1` has no undo | the value after its death.
 * A release through one object must not reduce the units that the other object returns at death. */
static const char *const mixtures[] = {
  "a play 4; a.1 play -4 | 24",
  "a.1 play 4; a play -4 | 20",
  "a play 4; a.1 play 3 | 17",
  "a.1 play -5 2; a play -4 6 | 23",
  NULL,
};

/* Units come back at exec (). With System V, they come back when the process ends, because exec ()
 * keeps undo. */
static void
test_exec (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper = fixture_open_helper (fixture, 0);

  helper_run_expect_ok (helper, "acquire 0 2");
  helper_exec (helper);
  assert_value (semaphore, fixture_supports (fixture, NEEDS_UNDO_AT_EXEC) ? 5 : 3);

  /* Units that the new program acquires come back when the new program dies. */
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_run_expect_ok (helper, "acquire 0 1");
  helper_kill (helper);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* --- How soon a waiter wakes --- */

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return left < right ? -1 : left > right;
}

static gint64
median_of (GArray *times)
{
  g_array_sort (times, compare_times);

  return g_array_index (times, gint64, times->len / 2);
}

/* Returns the time from the holder's death, or from the release command, to the waiter's answer. */
static gint64
measure_wake (Fixture  *fixture,
              gboolean  dies)
{
  Helper *holder = fixture_open_helper (fixture, 0);
  Helper *waiter = fixture_open_helper (fixture, 0);
  gint64 begin_usec, taken_usec;

  helper_run_expect_ok (holder, "acquire 0 1");
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);

  if (dies)
    {
      /* The time begins when the kernel has closed the descriptors of the dead process. The time
       * before depends on the machine, not on the library. */
      helper_signal (holder, SIGKILL);
      helper_wait_for_eof (holder);
      begin_usec = g_get_monotonic_time ();
      helper_expect_ok (waiter);
    }
  else
    {
      begin_usec = g_get_monotonic_time ();
      helper_send (holder, "release 0 1");
      helper_expect_ok (waiter);
    }
  taken_usec = g_get_monotonic_time () - begin_usec;

  if (dies)
    {
      helper_reap (holder);
    }
  else
    {
      helper_expect_ok (holder);
      helper_quit (holder);
    }
  helper_run_expect_ok (waiter, "release 0 1");
  helper_quit (waiter);

  return taken_usec;
}

#define N_MEASUREMENTS 31
#define PROMPT_USEC 10000
#define AT_MOST_TIMES 10

/* A library that polls would take half of its polling interval on average. The median must be far
 * below any sensible interval. The limit is relative to the wake-up time after a normal release,
 * because a busy machine slows both. */
static void
test_death_wakes_promptly (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GArray) deaths = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr(GArray) releases = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 death_usec, release_usec;
  int i;

  if (fixture->backend == SSEM_BACKEND_ETCD)
    {
      g_test_skip ("the units come back when the lease has ended");
      drop_object (&semaphore);
      return;
    }

  for (i = 0; i < N_MEASUREMENTS && fixture_has_time (fixture); i++)
    {
      gint64 taken_usec = measure_wake (fixture, TRUE);

      g_array_append_val (deaths, taken_usec);
      taken_usec = measure_wake (fixture, FALSE);
      g_array_append_val (releases, taken_usec);
    }

  death_usec = median_of (deaths);
  release_usec = median_of (releases);
  g_test_message ("median %" G_GINT64_FORMAT " us, after a release %" G_GINT64_FORMAT " us",
                  death_usec, release_usec);
  g_assert_cmpint (death_usec, <, MAX (PROMPT_USEC, AT_MOST_TIMES * release_usec));

  drop_object (&semaphore);
}

/* --- Killed at a random moment --- */

#define N_WAKES 100

/* A waiter dies just before or after a release wakes it. The other waiter must get the unit, even
 * if the victim took the unit first. If the victim's wake-up were lost, the other waiter would
 * sleep until it looks again by itself, or forever. */
static void
test_waiter_killed_when_woken (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int i;

  for (i = 0; i < N_WAKES && fixture_has_time (fixture); i++)
    {
      Helper *victim = fixture_open_helper (fixture, 0);
      Helper *waiter = fixture_open_helper (fixture, 0);
      volatile int spin;

      helper_send (victim, "acquire 0 1");
      wait_until_blocked (fixture->backend, victim->pid, 1);
      helper_send (waiter, "acquire 0 1");
      wait_until_blocked (fixture->backend, waiter->pid, 1);

      /* Send the signal before the release, right after it, or a moment later. */
      if (i % 4 != 0)
        assert_release (semaphore, 1);
      for (spin = i % 4 == 1 ? 0 : g_test_rand_int_range (0, 20000); spin > 0; spin--)
        ;
      helper_signal (victim, SIGKILL);
      if (i % 4 == 0)
        assert_release (semaphore, 1);

      helper_reap (victim);
      helper_expect_ok (waiter);
      assert_value (semaphore, 0);

      /* Check that the waiter has exactly one unit. */
      helper_run_expect_ok (waiter, "release 0 1");
      helper_quit (waiter);
      assert_value (semaphore, 1);
      assert_acquire (semaphore, 1);
    }

  drop_object (&semaphore);
}

#define N_KILLS 60
#define LONGEST_RUN_USEC 3000

/* Two processes, each with one to four threads, die at any instruction of acquire and release. No
 * unit is lost, and no unit comes back twice. tests/step does the same for each instruction. */
static void
test_killed_anywhere (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  int i, j;

  for (i = 0; i < N_KILLS && fixture_has_time (fixture); i++)
    {
      Helper *helpers[2];

      for (j = 0; j < 2; j++)
        {
          helpers[j] = fixture_open_helper (fixture, 0);
          helper_run_expect_ok (helpers[j], "hammer 0 %d", 1 + (i + j) % 4);
        }
      /* Sleep for a random time; do not wait for an event. */
      g_usleep (g_test_rand_int_range (0, LONGEST_RUN_USEC));
      for (j = 0; j < 2; j++)
        helper_signal (helpers[j], SIGKILL);
      for (j = 0; j < 2; j++)
        helper_reap (helpers[j]);

      assert_value (semaphore, 3);
    }

  drop_object (&semaphore);
}

const char conformance_topic[] = "death";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  /* A process holds six units. They come back, in whichever way the process ends. */
  { "every-end", NEEDS_UNDO, .rows = ends, .script =
    "w open OPEN 9; a open OPEN;"
    "a acquire 3; a acquire 4; a release 1; w value = 3;"
    "a $1; w value = 9" },

  /* If a process releases units that it never acquired, those units remain after its death. With
   * Qt and System V, the kernel takes them back. */
  { "every-end-of-a-producer", .rows = ends, .script =
    "w open OPEN 0; a open OPEN;"
    "a release 3; a $1; w value = 3; w try 3" },

  { "exec", NEEDS_UNDO | NEEDS_EXEC, test_exec },

  /* After exec () the process is not attached, so CREATE_EXCLUSIVE finds a leftover. */
  { "exec-of-the-last", NEEDS_EXEC, .script =
    "a open OPEN 5; a exec;"
    "b open CREATE_EXCLUSIVE 2; b value = 2" },

  { "histories", NEEDS_UNDO, .rows = histories, .script =
    "w open OPEN 10; a open OPEN;"
    "a play $1; w value = $2; a kill; w value = $2+$3" },

  /* Uses large numbers to provoke an overflow in the count of held units. `a` acquires LARGE units
   * in one operation. Then `w` acquires and `a` releases LARGE units, five times. At the end, `a`
   * holds one unit after a large acquire and a large release. */
  { "large", NEEDS_UNDO, .script =
    "w open OPEN LARGE no-undo; a open OPEN;"
    "a acquire LARGE; a kill; w value = LARGE;"
    "a open OPEN; repeat 5; w try LARGE; a release LARGE; again;"
    "a acquire LARGE/2; a kill; w value = LARGE-LARGE/2;"
    "a open OPEN; w release LARGE/2; a acquire LARGE-1; a release LARGE-2; a kill;"
    "w value = LARGE" },

  /* A process can hold more than LARGE units, because another process can release units that it
   * never acquired. `a` acquires LARGE + 6 and releases LARGE + 1 units, so its death returns 5
   * units. With the unit that is free before, the value is 6. */
  { "more-than-maximum", NEEDS_UNDO, .script =
    "w open OPEN LARGE; a open OPEN;"
    "a acquire LARGE; w release 10; a acquire 1; a try 2; a timeout 3 1000; w value = 4;"
    "w try 4; a release LARGE; w try LARGE; a release 1; a kill; w value = 6" },

  /* Units belong to the process: one object acquires them, and another object releases them. */
  { "two-objects", NEEDS_UNDO, .script =
    "w open OPEN 9; a open OPEN; a.1 open OPEN;"
    "a acquire 4; a.1 release 4; a.1 acquire 2; w value = 7; a kill; w value = 9" },

  /* Closing an object releases no units. The process's death releases them, or a release through
   * another object. */
  { "object-dropped", NEEDS_UNDO, .script =
    "w open OPEN 9; a open OPEN; a acquire 5; a close; w value = 4;"
    "a.1 open OPEN_EXISTING; a.1 release 2; w value = 6; a.1 close; w value = 6;"
    "a kill; w value = 9" },

  /* Giving an object another key releases no units either. */
  { "key-changed", NEEDS_UNDO, .script =
    "w open OPEN 9; a open OPEN; a acquire 5;"
    "a set-key CREATE 2 other; a value = 2; w value = 4; a close; w value = 4;"
    "a kill; w value = 9" },

  /* Released and acquired units are counted together, even if the process closes the semaphore in
   * between. `a` releases 5 and acquires 4: nothing comes back. `b` releases 5 and acquires 6: one
   * unit comes back. */
  { "created-reopened", NEEDS_UNDO, .script =
    "w open OPEN; a open OPEN; b open OPEN;"
    "a release 5; a close; a.1 open OPEN; a.1 acquire 4; a kill; w value = 1;"
    "b release 5; b set-key CREATE other; b set-key OPEN; b acquire 6; b kill; w value = 1" },

  /* Without undo, a death gives no units back. */
  { "without-undo", .script =
    "w open OPEN 9; a open OPEN no-undo; a acquire 5; a release 1; a kill; w value = 5" },

  { "mixed-undo", NEEDS_UNDO, .rows = mixtures, .script =
    "w open OPEN 20; a open OPEN; a.1 open OPEN no-undo; $1; a kill; w value = $2" },

  /* The units of one dead process wake two waiters. At their own death, these units come back. */
  { "death-serves-waiters", NEEDS_UNDO, .script =
    "w open OPEN 4; repeat 10;"
    "a open OPEN; b open OPEN; c open OPEN;"
    "a acquire 4; b acquire 3 = blocks; c acquire 1 = blocks; b blocks;"
    "a kill; b wakes; c wakes; w value = 0; b kill; c kill; w value = 4; again" },

  { "prompt", NEEDS_UNDO, test_death_wakes_promptly },

  /* A dead waiter takes no unit. The next release goes to the other waiter. */
  { "waiter-killed", .script =
    "w open OPEN 1; a open OPEN; b open OPEN;"
    "a acquire 2 = blocks; b acquire 2 = blocks; a kill; w value = 1;"
    "w release 1; b wakes; w value = 0" },

  { "waiter-killed-when-woken", NEEDS_UNDO, test_waiter_killed_when_woken },
  { "killed-anywhere", NEEDS_UNDO, test_killed_anywhere },

  /* A stopped process blocks no other process, keeps its unit, and can be killed. */
  { "stopped-holder", NEEDS_UNDO, .script =
    "w open OPEN 3; a open OPEN; b open OPEN;"
    "a acquire 1; a stop; w try 2; b acquire 1 = blocks; w release 2; b wakes; b release 1;"
    "w value = 2; a kill; w value = 3" },

  /* A stopped waiter is first in line. After a release of two units, the waiter behind it still
   * gets its unit. */
  { "stopped-waiter", .script =
    "w open OPEN; a open OPEN; b open OPEN;"
    "a acquire 1 = blocks; a stop; b acquire 1 = blocks;"
    "w release 2; b wakes; a continue; a wakes; w value = 0" },

  /* Two threads, stopped at any instruction, hold at most two of four units. The witness gets the
   * other two each time, and never waits for a lock of a stopped thread. */
  { "stopped-anywhere", .script =
    "w open OPEN 4; a open OPEN; a hammer 2;"
    "repeat 100; a stop; w acquire 2; w release 2; a continue; again;"
    "a calm; w value = 4" },

  { NULL },
};
