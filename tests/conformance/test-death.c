/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* The death of a process: the units that the process holds come back, and nothing else does.
 *
 * Most cases are scripts; script.h explains how to read them. In every script `w` is a witness: a
 * process that stays alive, and sees the value from outside. The others are the processes that die.
 */

/* --- How much comes back, whichever way the process ends --- */

/* The ways in which a process may end. A quit drops the objects first; the kernel or the library
 * has to notice the other ends. */
static const char *const ends[] = {
  "kill", "signal TERM", "signal SEGV", "abort", "exit 3", "_exit 3", "quit", NULL,
};

/* What a process did | the value afterwards | what comes back: max (0, acquired - released). A sum
 * that is negative on the way, or in the end, must not take units from others. */
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

/* What a process did through two objects, of which `a.1` is without undo | the value after its
 * death. A release without undo must not pay back what the other object acquired, nor the
 * reverse. */
static const char *const mixtures[] = {
  "a play 4; a.1 play -4 | 24",
  "a.1 play 4; a play -4 | 20",
  "a play 4; a.1 play 3 | 17",
  "a.1 play -5 2; a play -4 6 | 23",
  NULL,
};

/* After exec () the units of the old program come back: when the kernel closes its descriptors, or
 * with System V, whose undo the kernel keeps for the process, when the process ends. */
static void
test_exec (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper = fixture_user (fixture, 0);

  helper_do (helper, "acquire 0 2");
  helper_do (helper, "exec");
  assert_value (semaphore, fixture_has (fixture, NEEDS_UNDO_AT_EXEC) ? 5 : 3);

  /* The new program holds what it acquires itself. */
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (helper, "acquire 0 1");
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

/* Returns how long a waiter takes to answer once its unit is there, because the holder dies or
 * because the holder releases. */
static gint64
measure_wake (Fixture  *fixture,
              gboolean  dies)
{
  Helper *holder = fixture_user (fixture, 0);
  Helper *waiter = fixture_user (fixture, 0);
  gint64 begin_usec, taken_usec;

  helper_do (holder, "acquire 0 1");
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);

  if (dies)
    {
      /* The time begins when the kernel has closed the descriptors of the dead process. How long
       * the kernel takes to get there depends on the machine, not on the library. */
      helper_signal (holder, SIGKILL);
      helper_expect_hang_up (holder);
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
  helper_do (waiter, "release 0 1");
  helper_quit (waiter);

  return taken_usec;
}

#define N_MEASUREMENTS 31
#define PROMPT_USEC 10000
#define AT_MOST_TIMES 10

/* A library that polled would take half of its interval on average; the median is far below any
 * sensible interval. A busy machine slows everything down, so the wake by a release of a living
 * process is the measure. */
static void
test_prompt (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GArray) deaths = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr(GArray) releases = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 death_usec, release_usec;
  int i;

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

/* A waiter dies at the moment that it is woken. Whether it had taken the unit or not, the unit
 * comes to the other waiter; a wake-up that died with the waiter would leave the other asleep. */
static void
test_waiter_killed_when_woken (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int i;

  for (i = 0; i < N_WAKES && fixture_has_time (fixture); i++)
    {
      Helper *victim = fixture_user (fixture, 0);
      Helper *waiter = fixture_user (fixture, 0);
      volatile int spin;

      helper_send (victim, "acquire 0 1");
      wait_until_blocked (fixture->backend, victim->pid, 1);
      helper_send (waiter, "acquire 0 1");
      wait_until_blocked (fixture->backend, waiter->pid, 1);

      /* The signal comes before the release, right after it, or a moment later. */
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

      /* The waiter has one unit and no more. */
      helper_do (waiter, "release 0 1");
      helper_quit (waiter);
      assert_value (semaphore, 1);
      assert_acquire (semaphore, 1);
    }

  drop_object (&semaphore);
}

#define N_KILLS 60
#define LONGEST_RUN_USEC 3000

/* Two processes die at any instruction of acquire and release, each with one to four threads. No
 * unit is lost, and none comes back twice. tests/step does the same instruction by instruction. */
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
          helpers[j] = fixture_user (fixture, 0);
          helper_do (helpers[j], "hammer 0 %d", 1 + (i + j) % 4);
        }
      /* Not for an event: the moment is to be random. */
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
  /* Whichever way a process ends, the six units that it holds come back. */
  { "every-end", NEEDS_UNDO, .rows = ends, .script =
    "w open OPEN 9; a open OPEN;"
    "a acquire 3; a acquire 4; a release 1; w value = 3;"
    "a $1; w value = 9" },

  /* Units that a process created by releasing stay. Qt with System V takes them back. */
  { "every-end-of-a-producer", .rows = ends, .script =
    "w open OPEN 0; a open OPEN;"
    "a release 3; a $1; w value = 3; w try 3" },

  { "exec", NEEDS_UNDO | NEEDS_EXEC, test_exec },

  /* A program that has been replaced is attached no more, so that CREATE_EXCLUSIVE finds a
   * leftover. */
  { "exec-of-the-last", NEEDS_EXEC, .script =
    "a open OPEN 5; a exec;"
    "b open CREATE_EXCLUSIVE 2; b value = 2" },

  { "histories", NEEDS_UNDO, .rows = histories, .script =
    "w open OPEN 10; a open OPEN;"
    "a play $1; w value = $2; a kill; w value = $2+$3" },

  /* Numbers with which a count of what to give back could overflow. The process acquires the
   * maximum in one operation; it creates much more than the maximum in sum; and it holds much,
   * while others have filled up the value. */
  { "large", NEEDS_UNDO, .script =
    "w open OPEN LARGE no-undo; a open OPEN;"
    "a acquire LARGE; a kill; w value = LARGE;"
    "a open OPEN; repeat 5; w try LARGE; a release LARGE; again;"
    "a acquire LARGE/2; a kill; w value = LARGE-LARGE/2;"
    "a open OPEN; w release LARGE/2; a acquire LARGE-1; a release LARGE-2; a kill;"
    "w value = LARGE" },

  /* A process that acquires what another creates may come to hold more than the maximum: here 6
   * units more. It then releases LARGE + 1, and holds 5 at its death, which join the one unit
   * there. */
  { "more-than-maximum", NEEDS_UNDO, .script =
    "w open OPEN LARGE; a open OPEN;"
    "a acquire LARGE; w release 10; a acquire 1; a try 2; a timeout 3 1000; w value = 4;"
    "w try 4; a release LARGE; w try LARGE; a release 1; a kill; w value = 6" },

  /* Holding belongs to the process: one object acquires, another releases. */
  { "two-objects", NEEDS_UNDO, .script =
    "w open OPEN 9; a open OPEN; a.1 open OPEN;"
    "a acquire 4; a.1 release 4; a.1 acquire 2; w value = 7; a kill; w value = 9" },

  /* An object that goes releases nothing: the process's death does, or a release through another
   * object. */
  { "object-dropped", NEEDS_UNDO, .script =
    "w open OPEN 9; a open OPEN; a acquire 5; a close; w value = 4;"
    "a.1 open OPEN_EXISTING; a.1 release 2; w value = 6; a.1 close; w value = 6;"
    "a kill; w value = 9" },

  /* Nor does an object that gets another key. */
  { "key-changed", NEEDS_UNDO, .script =
    "w open OPEN 9; a open OPEN; a acquire 5;"
    "a set-key CREATE 2 other; a value = 2; w value = 4; a close; w value = 4;"
    "a kill; w value = 9" },

  /* Units that a process has created are set off against units that it acquires later, although it
   * has left the key in between. `a` created 5 and acquired 4, so it holds nothing; `b` acquired 6,
   * so it holds one. */
  { "created-reopened", NEEDS_UNDO, .script =
    "w open OPEN; a open OPEN; b open OPEN;"
    "a release 5; a close; a.1 open OPEN; a.1 acquire 4; a kill; w value = 1;"
    "b release 5; b set-key CREATE other; b set-key OPEN; b acquire 6; b kill; w value = 1" },

  /* Signalling: what one process acquires, another releases, so a death must give nothing back. */
  { "without-undo", .script =
    "w open OPEN 9; a open OPEN no-undo; a acquire 5; a release 1; a kill; w value = 5" },

  { "mixed-undo", NEEDS_UNDO, .rows = mixtures, .script =
    "w open OPEN 20; a open OPEN; a.1 open OPEN no-undo; $1; a kill; w value = $2" },

  /* One death serves two waiters, which then hold what they got. */
  { "death-serves-waiters", NEEDS_UNDO, .script =
    "w open OPEN 4; repeat 10;"
    "a open OPEN; b open OPEN; c open OPEN;"
    "a acquire 4; b acquire 3 = blocks; c acquire 1 = blocks; b blocks;"
    "a kill; b wakes; c wakes; w value = 0; b kill; c kill; w value = 4; again" },

  { "prompt", NEEDS_UNDO, test_prompt },

  /* A waiter that dies waits no more, and the next release goes to the other waiter. */
  { "waiter-killed", .script =
    "w open OPEN 1; a open OPEN; b open OPEN;"
    "a acquire 2 = blocks; b acquire 2 = blocks; a kill; w value = 1;"
    "w release 1; b wakes; w value = 0" },

  { "waiter-killed-when-woken", NEEDS_UNDO, test_waiter_killed_when_woken },
  { "killed-anywhere", NEEDS_UNDO, test_killed_anywhere },

  /* A stopped process blocks nobody, holds its unit all the while, and can be killed. */
  { "stopped-holder", NEEDS_UNDO, .script =
    "w open OPEN 3; a open OPEN; b open OPEN;"
    "a acquire 1; a stop; w try 2; b acquire 1 = blocks; w release 2; b wakes; b release 1;"
    "w value = 2; a kill; w value = 3" },

  /* Two units serve a stopped waiter and another: whichever was first in line, the stopped process
   * cannot keep the other from its unit. */
  { "stopped-waiter", .script =
    "w open OPEN; a open OPEN; b open OPEN;"
    "a acquire 1 = blocks; a stop; b acquire 1 = blocks;"
    "w release 2; b wakes; a continue; a wakes; w value = 0" },

  /* Two threads, stopped at any instruction, have at most two of four units; the witness gets the
   * other two each time, and never waits for a lock that a stopped thread has. */
  { "stopped-anywhere", .script =
    "w open OPEN 4; a open OPEN; a hammer 2;"
    "repeat 100; a stop; w acquire 2; w release 2; a continue; again;"
    "a calm; w value = 4" },

  { NULL },
};
