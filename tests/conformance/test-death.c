/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* --- Every way to end --- */

typedef enum
{
  BY_SIGKILL,
  BY_SIGTERM,
  BY_SIGSEGV,
  BY_ABORT,
  BY_EXIT,
  BY_EXIT_AT_ONCE,
  BY_QUIT,
  N_WAYS,
} Way;

static void
end_helper (Helper *helper,
            Way     way)
{
  switch (way)
    {
    case BY_SIGKILL:
      helper_signal (helper, SIGKILL);
      break;
    case BY_SIGTERM:
      helper_signal (helper, SIGTERM);
      break;
    case BY_SIGSEGV:
      helper_signal (helper, SIGSEGV);
      break;
    case BY_ABORT:
      helper_send (helper, "abort");
      break;
    case BY_EXIT:
      helper_send (helper, "exit 3");
      break;
    case BY_EXIT_AT_ONCE:
      helper_send (helper, "_exit 3");
      break;
    case BY_QUIT:
    default:
      helper_send (helper, "quit");
      break;
    }
  helper_reap (helper);
}

static void
test_every_end (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 9);
  Way way;

  for (way = 0; way < N_WAYS; way++)
    {
      Helper *helper = fixture_user (fixture, 0);

      helper_do (helper, "acquire 0 3");
      helper_do (helper, "acquire 0 4");
      helper_do (helper, "release 0 1");
      assert_value (semaphore, 3);
      end_helper (helper, way);
      assert_value (semaphore, 9);
    }

  drop_object (&semaphore);
}

/* What a program created stays, whichever way it ends. */
static void
test_every_end_of_a_producer (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Way way;

  for (way = 0; way < N_WAYS; way++)
    {
      Helper *helper = fixture_user (fixture, 0);

      helper_do (helper, "release 0 3");
      end_helper (helper, way);
      assert_value (semaphore, 3);
      assert_acquire (semaphore, 3);
    }

  drop_object (&semaphore);
}

/* The old program's units come back, at the latest when the process ends. */
static void
test_exec (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper = fixture_user (fixture, 0);

  helper_do (helper, "acquire 0 2");
  helper_do (helper, "exec");
  if (fixture->backend == SSEM_BACKEND_SYSV)
    assert_value (semaphore, 3);
  else
    assert_value (semaphore, 5);

  /* The new program holds what it acquires itself. */
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (helper, "acquire 0 1");
  helper_kill (helper);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* A program that has been replaced keeps nothing alive: its descriptors are gone. */
static void
test_exec_of_the_last (Fixture *fixture)
{
  Helper *helper = fixture_user (fixture, 5);
  Helper *next;

  helper_do (helper, "exec");
  next = fixture_helper (fixture);
  helper_open (next, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 2, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (next, 0), ==, 2);
}

/* --- How much comes back: max (0, acquired - released) --- */

typedef struct
{
  const char *steps; /* a digit acquires that many, after a minus it releases them */
  int comes_back;
} History;

static const History histories[] = {
  { "1", 1 },
  { "5", 5 },
  { "2 3", 5 },
  { "5 -2", 3 },
  { "5 -5", 0 },
  { "5 -7", 0 },
  { "-3", 0 },
  { "-3 1", 0 },
  { "-3 3", 0 },
  { "-3 5", 2 },
  { "-1 4 -2", 1 },
  { "4 -6 1", 0 },
  { "4 -6 5", 3 },
  { "2 -5 3 1", 1 },
  { "2 -5 3 -4 6", 2 },
  { "1 -1 1 -1 1", 1 },
};

static int
play (Helper     *helper,
      int         slot,
      const char *steps)
{
  g_auto(GStrv) words = g_strsplit (steps, " ", -1);
  int taken = 0;
  guint i;

  for (i = 0; words[i] != NULL; i++)
    {
      int n = (int) g_ascii_strtoll (words[i], NULL, 10);

      taken += n;
      if (n > 0)
        helper_do (helper, "acquire %d %d", slot, n);
      else
        helper_do (helper, "release %d %d", slot, -n);
    }

  return taken;
}

static void
test_histories (Fixture *fixture)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (histories); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 10);
      Helper *helper = fixture_user (fixture, 0);
      int left = 10 - play (helper, 0, histories[i].steps);

      assert_value (semaphore, left);
      helper_kill (helper);
      assert_value (semaphore, left + histories[i].comes_back);
      drop_object (&semaphore);
    }
}

/* Large ones, where an undo count could overflow. */
static void
test_large (Fixture *fixture)
{
  const int maximum = MIN (fixture_maximum (fixture), 1000000);
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *helper;
  int i;

  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, maximum, FALSE,
                                 &error);
  g_assert_no_error (error);
  helper = fixture_user (fixture, 0);

  helper_do (helper, "acquire 0 %d", maximum);
  helper_kill (helper);
  assert_value (semaphore, maximum);

  /* Created again and again, much more than the maximum in sum. */
  helper = fixture_user (fixture, 0);
  for (i = 0; i < 5; i++)
    {
      assert_acquire (semaphore, maximum);
      helper_do (helper, "release 0 %d", maximum);
    }
  helper_do (helper, "acquire 0 %d", maximum / 2);
  helper_kill (helper);
  assert_value (semaphore, maximum - maximum / 2);

  /* Held, while others fill up what is missing: the undo count and the value are both large. */
  helper = fixture_user (fixture, 0);
  assert_release (semaphore, maximum / 2);
  helper_do (helper, "acquire 0 %d", maximum - 1);
  helper_do (helper, "release 0 %d", maximum - 2);
  helper_kill (helper);
  assert_value (semaphore, maximum);

  drop_object (&semaphore);
}

/* One process acquires what another creates: it may come to hold more than there are at a time. At
 * its death the semaphore fills up, and does not run over. */
static void
test_more_than_maximum (Fixture *fixture)
{
  const int maximum = MIN (fixture_maximum (fixture), 1000000);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, maximum);
  Helper *consumer = fixture_user (fixture, 0);

  helper_do (consumer, "acquire 0 %d", maximum);
  assert_release (semaphore, 10);
  helper_do (consumer, "acquire 0 1");
  helper_do (consumer, "try 0 2");
  helper_do (consumer, "timeout 0 3 1000");
  assert_value (semaphore, 4);

  /* Of maximum + 6 it pays back all but 5. */
  assert_acquire (semaphore, 4);
  helper_do (consumer, "release 0 %d", maximum);
  assert_acquire (semaphore, maximum);
  helper_do (consumer, "release 0 1");
  helper_kill (consumer);
  assert_value (semaphore, 6);

  drop_object (&semaphore);
}

/* --- The process holds, not the object --- */

static void
test_two_objects (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 9);
  Helper *helper = fixture_user (fixture, 0);

  helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (helper, "acquire 0 4");
  helper_do (helper, "release 1 4");
  helper_do (helper, "acquire 1 2");
  assert_value (semaphore, 7);
  helper_kill (helper);
  assert_value (semaphore, 9);

  drop_object (&semaphore);
}

/* Dropping an object releases nothing; the process's end does, or a release through another. */
static void
test_object_dropped (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 9);
  Helper *helper = fixture_user (fixture, 0);

  helper_do (helper, "acquire 0 5");
  helper_do (helper, "close 0");
  assert_value (semaphore, 4);

  helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_do (helper, "release 1 2");
  assert_value (semaphore, 6);
  helper_do (helper, "close 1");
  assert_value (semaphore, 6);
  helper_kill (helper);
  assert_value (semaphore, 9);

  drop_object (&semaphore);
}

/* Nor does giving the object another key. */
static void
test_key_changed (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 9);
  Helper *helper = fixture_user (fixture, 0);

  helper_do (helper, "acquire 0 5");
  helper_do (helper, "set-key 0 1 2 another");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
  assert_value (semaphore, 4);
  helper_do (helper, "close 0");
  assert_value (semaphore, 4);
  helper_kill (helper);
  assert_value (semaphore, 9);

  drop_object (&semaphore);
}

/* --- Without undo --- */

static void
test_without_undo (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 9);
  Helper *helper = fixture_helper (fixture);

  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, FALSE, fixture->key);
  helper_do (helper, "acquire 0 5");
  helper_do (helper, "release 0 1");
  helper_kill (helper);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* It counts neither for nor against what the process holds through its other objects. */
static void
test_mixed_undo (Fixture *fixture)
{
  const struct
  {
    const char *with;
    const char *without;
    int value;
  } cases[] = {
    { "4", "-4", 20 + 4 },  /* the release does not pay back */
    { "-4", "4", 20 + 4 - 4 },
    { "4", "3", 20 - 3 },
    { "-4 6", "-5 2", 20 + 4 - 4 + 5 - 2 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 20);
      Helper *helper = fixture_user (fixture, 0);

      helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, 0, FALSE, fixture->key);
      if (i % 2 == 0)
        play (helper, 0, cases[i].with);
      play (helper, 1, cases[i].without);
      if (i % 2 == 1)
        play (helper, 0, cases[i].with);
      helper_kill (helper);
      assert_value (semaphore, cases[i].value);
      drop_object (&semaphore);
    }
}

/* --- Waiters --- */

static void
test_death_serves_waiters (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 4);
  int round;

  for (round = 0; round < 10; round++)
    {
      Helper *holder = fixture_user (fixture, 0);
      Helper *first = fixture_user (fixture, 0);
      Helper *second = fixture_user (fixture, 0);

      helper_do (holder, "acquire 0 4");
      helper_send (first, "acquire 0 3");
      helper_send (second, "acquire 0 1");
      wait_until_blocked (fixture->backend, first->pid, 1);
      wait_until_blocked (fixture->backend, second->pid, 1);
      g_assert_false (helper_has_answered (first));
      g_assert_false (helper_has_answered (second));

      helper_kill (holder);
      helper_expect_ok (first);
      helper_expect_ok (second);
      assert_value (semaphore, 0);
      helper_kill (first);
      helper_kill (second);
      assert_value (semaphore, 4);
    }

  drop_object (&semaphore);
}

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

/* How long a waiter takes to answer once its unit is there. The holder dies, or it releases. */
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
      /* The time begins when the kernel has closed what the dead one had; how long it takes over
       * the rest of the process, and over beginning with it, is the machine's affair. */
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

#define PROMPT_USEC 10000
#define AT_MOST_TIMES 10

/* Not at the end of a polling interval: of many times, the median is far below any such. On a busy
 * machine everything takes longer, so a release by a live process is timed as well, in turns. */
static void
test_prompt (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GArray) deaths = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr(GArray) releases = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 death_usec, release_usec;
  int i;

  for (i = 0; i < 31 && fixture_has_time (fixture); i++)
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

/* A waiter that dies leaves the line, and what it waits for goes to the next. */
static void
test_waiter_killed (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *doomed = fixture_user (fixture, 0);
  Helper *waiter = fixture_user (fixture, 0);

  helper_send (doomed, "acquire 0 2");
  wait_until_blocked (fixture->backend, doomed->pid, 1);
  helper_send (waiter, "acquire 0 2");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (doomed);
  assert_value (semaphore, 1);
  assert_release (semaphore, 1);
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* Killed at the moment it is woken: whether it had the unit or not, the unit comes to the other. */
static void
test_waiter_killed_when_woken (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int i;

  for (i = 0; i < 100 && fixture_has_time (fixture); i++)
    {
      Helper *doomed = fixture_user (fixture, 0);
      Helper *waiter = fixture_user (fixture, 0);
      volatile int spin;

      helper_send (doomed, "acquire 0 1");
      wait_until_blocked (fixture->backend, doomed->pid, 1);
      helper_send (waiter, "acquire 0 1");
      wait_until_blocked (fixture->backend, waiter->pid, 1);

      if (i % 4 != 0)
        assert_release (semaphore, 1);
      for (spin = i % 4 == 1 ? 0 : g_test_rand_int_range (0, 20000); spin > 0; spin--)
        ;
      helper_signal (doomed, SIGKILL);
      if (i % 4 == 0)
        assert_release (semaphore, 1);

      helper_reap (doomed);
      helper_expect_ok (waiter);
      assert_value (semaphore, 0);

      /* The waiter has one unit and no more: it takes its own with it. */
      helper_do (waiter, "release 0 1");
      helper_quit (waiter);
      assert_value (semaphore, 1);
      assert_acquire (semaphore, 1);
    }

  drop_object (&semaphore);
}

/* Killed at any instruction of acquire and release, a process loses and leaves nothing. */
static void
test_killed_anywhere (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  int i;

  for (i = 0; i < 60 && fixture_has_time (fixture); i++)
    {
      Helper *helpers[2];
      guint j;

      for (j = 0; j < G_N_ELEMENTS (helpers); j++)
        {
          helpers[j] = fixture_user (fixture, 0);
          helper_do (helpers[j], "hammer 0 %d", 1 + (i + (int) j) % 4);
        }
      g_usleep (g_test_rand_int_range (0, 3000));
      for (j = 0; j < G_N_ELEMENTS (helpers); j++)
        helper_signal (helpers[j], SIGKILL);
      for (j = 0; j < G_N_ELEMENTS (helpers); j++)
        helper_reap (helpers[j]);

      assert_value (semaphore, 3);
    }

  drop_object (&semaphore);
}

/* --- Stopped processes --- */

static void
test_stopped_holder (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Helper *holder = fixture_user (fixture, 0);
  Helper *waiter = fixture_user (fixture, 0);

  helper_do (holder, "acquire 0 1");
  helper_stop (holder);
  assert_acquire (semaphore, 2);
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  assert_release (semaphore, 2);
  helper_expect_ok (waiter);
  helper_do (waiter, "release 0 1");

  /* It holds its unit all the while, and it can be killed. */
  assert_value (semaphore, 2);
  helper_kill (holder);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

static void
test_stopped_waiter (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *stopped = fixture_user (fixture, 0);
  Helper *waiter = fixture_user (fixture, 0);

  helper_send (stopped, "acquire 0 1");
  wait_until_blocked (fixture->backend, stopped->pid, 1);
  helper_stop (stopped);
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);

  /* Enough for both: the stopped one may have been served first. */
  assert_release (semaphore, 2);
  helper_expect_ok (waiter);
  helper_signal (stopped, SIGCONT);
  helper_expect_ok (stopped);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

static void
test_stopped_anywhere (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 4);
  Helper *hammer = fixture_user (fixture, 0);
  int i;

  helper_do (hammer, "hammer 0 2");
  for (i = 0; i < 100 && fixture_has_time (fixture); i++)
    {
      g_autoptr(GError) error = NULL;

      helper_stop (hammer);
      /* Two threads have at most two of four. */
      if (!ssem_system_semaphore_acquire (semaphore, 2, NULL, &error) ||
          !ssem_system_semaphore_release (semaphore, 2, &error))
        g_assert_no_error (error);
      helper_signal (hammer, SIGCONT);
    }
  helper_do (hammer, "calm");
  assert_value (semaphore, 4);

  drop_object (&semaphore);
}

/* What a process has created is set off against what it acquires later, also when it has opened the
 * key again meanwhile. */
static void
test_created_reopened (Fixture *fixture)
{
  g_autofree char *other_key = g_strconcat (fixture->key, " other", NULL);
  g_autofree char *key = g_strescape (fixture->key, NULL);
  g_autofree char *other = g_strescape (other_key, NULL);
  Helper *watcher = fixture_user (fixture, 0);
  Helper *first = fixture_user (fixture, 0);
  Helper *second = fixture_user (fixture, 0);

  helper_do (first, "release 0 5");
  helper_do (first, "close 0");
  helper_open (first, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (first, "acquire 1 4");
  helper_kill (first);
  g_assert_cmpint (helper_get_value (watcher, 0), ==, 1);

  helper_do (second, "release 0 5");
  helper_do (second, "set-key 0 1 0 %s", other);
  helper_do (second, "set-key 0 0 0 %s", key);
  helper_do (second, "acquire 0 6");
  helper_kill (second);
  g_assert_cmpint (helper_get_value (watcher, 0), ==, 1);
}

static const Case cases[] = {
  { "every-end", NEEDS_UNDO, test_every_end },
  { "every-end-of-a-producer", 0, test_every_end_of_a_producer },
  { "exec", NEEDS_EXEC, test_exec },
  { "exec-of-the-last", NEEDS_EXEC, test_exec_of_the_last },
  { "histories", NEEDS_UNDO, test_histories },
  { "large", NEEDS_UNDO, test_large },
  { "two-objects", NEEDS_UNDO, test_two_objects },
  { "object-dropped", NEEDS_UNDO, test_object_dropped },
  { "key-changed", NEEDS_UNDO, test_key_changed },
  { "without-undo", 0, test_without_undo },
  { "mixed-undo", NEEDS_UNDO, test_mixed_undo },
  { "death-serves-waiters", NEEDS_UNDO, test_death_serves_waiters },
  { "prompt", NEEDS_UNDO, test_prompt },
  { "waiter-killed", 0, test_waiter_killed },
  { "waiter-killed-when-woken", NEEDS_UNDO, test_waiter_killed_when_woken },
  { "killed-anywhere", NEEDS_UNDO, test_killed_anywhere },
  { "stopped-holder", NEEDS_UNDO, test_stopped_holder },
  { "stopped-waiter", 0, test_stopped_waiter },
  { "stopped-anywhere", 0, test_stopped_anywhere },
  { "more-than-maximum", NEEDS_UNDO, test_more_than_maximum },
  { "created-reopened", NEEDS_UNDO, test_created_reopened },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "death", cases);
}
