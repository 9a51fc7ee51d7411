/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#ifdef __linux__
#include <fcntl.h>
#include <string.h>
#include <sys/sem.h>
#endif

/* The access modes: every cell of the contract's table, and what the mode CREATE forgets. script.h
 * explains the scripts. */

/* --- The table: how a process opens | what it finds or sets --- */

static const char *const of_unknown[] = {
  "OPEN 5 | a value = 5",
  "CREATE 5 | a value = 5",
  "OPEN_EXISTING 5 = NOT_FOUND | files 0",
  "CREATE_EXCLUSIVE 5 | a value = 5",
  NULL,
};

static const char *const of_live[] = {
  "OPEN | 2",
  "CREATE | 5",
  "OPEN_EXISTING | 2",
  NULL,
};

static const char *const of_left_over[] = {
  "OPEN | 3",
  "CREATE | 5",
  "OPEN_EXISTING | 3",
  "CREATE_EXCLUSIVE | 5",
  NULL,
};

/* Programs pass the numbers of Qt's modes. */
static void
test_numbers (Fixture *fixture)
{
  g_assert_cmpint (SSEM_ACCESS_MODE_OPEN, ==, 0);
  g_assert_cmpint (SSEM_ACCESS_MODE_CREATE, ==, 1);
  g_assert_cmpint (SSEM_ACCESS_MODE_OPEN_EXISTING, ==, 2);
  g_assert_cmpint (SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, ==, 3);
}

/* --- A reset under load --- */

#define N_USERS 4
#define N_THREADS_OF_EACH 3
#define N_RESETS 150

/* The threads of the helpers take one unit and give it back, and mostly wait for it. Resets among
 * them must leave no waiter asleep, and no process with a semaphore of its own. */
static void
test_reset_under_load (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Helper *users[N_USERS];
  Helper *sleeper = fixture_open_helper (fixture, 0);
  Helper *greedy = fixture_open_helper (fixture, 0);
  g_auto(GStrv) names = NULL;
  g_autoptr(GError) error = NULL;
  int value, i;

  helper_run_expect_ok (sleeper, "acquire 0 1");
  for (i = 0; i < N_USERS; i++)
    {
      users[i] = fixture_open_helper (fixture, 0);
      helper_run_expect_ok (users[i], "hammer 0 %d", N_THREADS_OF_EACH);
    }
  helper_send (greedy, "acquire 0 2");

  for (i = 0; i < N_RESETS; i++)
    {

      /* Every second reset is that of an object that comes and goes. */
      if (i % 2 == 0)
        {
          g_autoptr(SsemSystemSemaphore) other = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 2);

          drop_object (&other);
          continue;
        }
      assert_done (ssem_system_semaphore_set_key (semaphore, fixture->key, 2,
                                                  SSEM_ACCESS_MODE_CREATE, &error));
    }

  /* No waiter sleeps on: the greedy process gets both units, at the latest when the others are
   * through. */
  for (i = 0; i < N_USERS; i++)
    helper_send (users[i], "calm");
  helper_expect_ok (greedy);
  helper_run_expect_ok (greedy, "release 0 2");
  for (i = 0; i < N_USERS; i++)
    helper_expect_ok (users[i]);

  /* A unit that was acquired before the last reset and released after it was created. */
  value = ssem_system_semaphore_get_value (semaphore, &error);
  g_assert_no_error (error);
  g_assert_cmpint (value, >=, 2);
  g_assert_cmpint (value, <=, 2 + N_USERS * N_THREADS_OF_EACH + 2);

  /* The sleeper's unit was forgotten with the first reset. */
  helper_kill (sleeper);
  assert_value (semaphore, value);

  /* All processes are on one semaphore, and holdings are counted right from here on. */
  names = fixture_list_keys (fixture);
  g_assert_cmpuint (g_strv_length (names), ==, 1);
  drop_object (&semaphore);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 2);
  for (i = 0; i < N_USERS; i++)
    g_assert_cmpint (helper_get_value (users[i], 0), ==, 2);
  helper_run_expect_ok (users[0], "acquire 0 2");
  for (i = 1; i < N_USERS; i++)
    {
      helper_send (users[i], "acquire 0 2");
      wait_until_blocked (fixture->backend, users[i]->pid, 1);
      helper_kill (users[i - 1]);
      helper_expect_ok (users[i]);
      assert_value (semaphore, 0);
    }
  helper_kill (users[N_USERS - 1]);
  assert_value (semaphore, 2);
  drop_object (&semaphore);
}

/* --- A process that dies or stops in the middle --- */

#ifdef __linux__

/* Returns FALSE, and skips the case, where a process may not be traced. */
static gboolean
may_trace (Helper *helper)
{
  if (helper_trace (helper))
    return TRUE;

  g_test_skip ("the system forbids to trace another process");

  return FALSE;
}

/* Returns a process that resets, and is about to set the value, or has just set it; NULL where it
 * may not be traced. */
static Helper *
stop_half_way (Fixture  *fixture,
               gboolean  is_set)
{
  Helper *resetter = fixture_open_helper (fixture, 0);

  if (!may_trace (resetter))
    return NULL;

  helper_send_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 3, TRUE, fixture->key);
  helper_run_to (resetter, SYSTEM_CALL_SEMCTL, SETVAL);
  if (is_set)
    helper_step (resetter);

  return resetter;
}

/* The next process finishes the reset, whether it opens the key or is attached already. */
static void
test_resetter_killed_half_way (Fixture *fixture)
{
  int variant;

  for (variant = 0; variant < 4; variant++)
    {
      Helper *holder = fixture_open_helper (fixture, 6);
      Helper *resetter, *next;

      helper_run_expect_ok (holder, "acquire 0 2");
      resetter = stop_half_way (fixture, variant % 2 == 1);
      if (resetter == NULL)
        return;

      helper_kill (resetter);
      if (variant < 2)
        {
          next = fixture_helper (fixture);
          helper_open (next, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
          g_assert_cmpint (helper_get_value (next, 0), ==, 3);
          helper_kill (holder);
          g_assert_cmpint (helper_get_value (next, 0), ==, 3);
        }
      else
        {
          /* The reset forgot the two units, so a release creates a unit. */
          helper_run_expect_ok (holder, "release 0 1");
          g_assert_cmpint (helper_get_value (holder, 0), ==, 4);
          helper_kill (holder);
          next = fixture_helper (fixture);
          helper_open (next, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
          g_assert_cmpint (helper_get_value (next, 0), ==, 4);
        }
      helper_quit (next);
      fixture_assert_empty (fixture);
    }
}

/* A process that is attached already does not wait for the stopped one. */
static void
test_resetter_stopped_half_way (Fixture *fixture)
{
  int is_set;

  for (is_set = 0; is_set < 2; is_set++)
    {
      Helper *user = fixture_open_helper (fixture, 6);
      Helper *resetter = stop_half_way (fixture, is_set);

      if (resetter == NULL)
        return;

      helper_run_expect_ok (user, "acquire 0 1");
      helper_run_expect_ok (user, "try 0 1");
      helper_run_expect_ok (user, "timeout 0 1 1000");
      helper_run_expect_ok (user, "release 0 3");
      g_assert_cmpint (helper_get_value (user, 0), ==, is_set ? 3 : 6);
      helper_kill (resetter);
      helper_run_expect_ok (user, "close 0");
      fixture_assert_empty (fixture);
    }
}

/* Returns the kernel's key of the only file. */
static key_t
find_kernel_key (Fixture *fixture)
{
  g_auto(GStrv) names = fixture_list_keys (fixture);
  g_autofree char *path = NULL;

  g_assert_cmpuint (g_strv_length (names), ==, 1);
  path = g_build_filename (fixture->keys_directory, names[0], NULL);

  return ftok (path, 'Q');
}

static int
make_strangers_set (Fixture *fixture)
{
  int set = semget (find_kernel_key (fixture), 1, IPC_CREAT | IPC_EXCL | 0600);

  g_assert_cmpint (set, >=, 0);

  return set;
}

/* A creator dies before or after it has given its set a value. The next process finishes the set,
 * or removes it where it fails itself. */
static void
test_creator_killed_half_way (Fixture *fixture)
{
  const struct
  {
    SsemAccessMode mode;
    int initial_value;
    int code;
  } openers[] = {
    { SSEM_ACCESS_MODE_OPEN, 4, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR },
    { SSEM_ACCESS_MODE_OPEN_EXISTING, 4, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND },
    { SSEM_ACCESS_MODE_OPEN, 40000, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES },
  };
  guint i;

  for (i = 0; i < 2 * G_N_ELEMENTS (openers); i++)
    {
      guint opener = i / 2;
      Helper *creator = fixture_helper (fixture);
      Helper *next = fixture_helper (fixture);
      int set;

      if (!may_trace (creator))
        return;

      helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
      helper_run_to (creator, SYSTEM_CALL_SEMCTL, SETVAL);
      if (i % 2 == 1)
        helper_step (creator);
      set = semget (find_kernel_key (fixture), 1, 0);
      g_assert_cmpint (set, >=, 0);
      helper_kill (creator);

      helper_send_open (next, 0, openers[opener].mode, openers[opener].initial_value, TRUE,
                        fixture->key);
      if (openers[opener].code == SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR)
        {
          helper_expect_ok (next);
          g_assert_cmpint (helper_get_value (next, 0), ==, 4);
          helper_run_expect_ok (next, "close 0");
        }
      else
        {
          helper_expect_error (next, SSEM_SYSTEM_SEMAPHORE_ERROR, openers[opener].code);
        }
      fixture_assert_empty (fixture);
      g_assert_cmpint (semctl (set, 0, GETVAL), ==, -1);
      helper_quit (next);
    }
}

/* A peer makes a set, so that the creator's semget () fails, and removes it before the creator
 * looks for it: the creator makes its own. */
static void
test_peer_comes_and_goes (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  int set;

  if (!may_trace (creator))
    return;

  helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_run_to (creator, SYSTEM_CALL_SEMGET, IPC_CREAT | IPC_EXCL | 0600);
  set = make_strangers_set (fixture);
  helper_step (creator);
  g_assert_cmpint (semctl (set, 0, IPC_RMID), ==, 0);

  helper_let_go (creator);
  helper_expect_ok (creator);
  g_assert_cmpint (helper_get_value (creator, 0), ==, 3);
  helper_quit (creator);
  fixture_assert_empty (fixture);
}

#define STRANGERS_VALUE 7

/* Lets a creator run until it is about to look whether there is a set, and makes the set of a
 * stranger where the creator will look. */
static int
occupy (Fixture *fixture,
        Helper  *creator)
{
  struct sembuf up = { .sem_op = STRANGERS_VALUE };
  int set;

  helper_run_to (creator, SYSTEM_CALL_SEMGET, 0);
  set = make_strangers_set (fixture);
  g_assert_cmpint (semop (set, &up, 1), ==, 0);
  helper_step (creator);

  return set;
}

static void
assert_and_remove_strangers (int set)
{
  g_assert_cmpint (semctl (set, 0, GETVAL), ==, STRANGERS_VALUE);
  g_assert_cmpint (semctl (set, 0, IPC_RMID), ==, 0);
}

/* Returns how many files of the fixture the process has open. None of them may outlive exec (3). */
static guint
count_files (Fixture *fixture,
             Helper  *helper)
{
  g_autofree char *directory = g_strdup_printf ("/proc/%d/fd", (int) helper->pid);
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  guint n_files = 0;
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename (directory, name, NULL);
      g_autofree char *file = g_file_read_link (link, NULL);
      g_autofree char *info = g_strdup_printf ("/proc/%d/fdinfo/%s", (int) helper->pid, name);
      g_autofree char *text = NULL;
      g_autoptr(GError) error = NULL;
      const char *flags;

      if (file == NULL || !g_str_has_prefix (file, fixture->keys_directory))
        continue;

      g_file_get_contents (info, &text, NULL, &error);
      g_assert_no_error (error);
      flags = strstr (text, "flags:");
      g_assert_nonnull (flags);
      g_assert_cmpuint (g_ascii_strtoull (flags + strlen ("flags:"), NULL, 8) & O_CLOEXEC, !=, 0);
      n_files++;
    }

  return n_files;
}

/* The kernel's key is made of a part of the inode number, so that a stranger's set may have it. */
static void
test_collided (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  int set;

  if (!may_trace (creator))
    return;

  helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  set = occupy (fixture, creator);
  helper_run_to (creator, SYSTEM_CALL_SEMGET, 0);
  /* The first file is open still: otherwise the second could get its inode number. */
  g_assert_cmpuint (count_files (fixture, creator), ==, 2);

  helper_let_go (creator);
  helper_expect_ok (creator);
  g_assert_cmpint (helper_get_value (creator, 0), ==, 3);
  g_assert_cmpuint (count_files (fixture, creator), ==, 1);
  helper_quit (creator);
  assert_and_remove_strangers (set);
  fixture_assert_empty (fixture);
}

/* A creator that meets strangers only gives up after so many files, and leaves nothing. */
#define MAX_FILES 17

static void
test_collided_again_and_again (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  int sets[MAX_FILES];
  guint i;

  if (!may_trace (creator))
    return;

  helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  for (i = 0; i < G_N_ELEMENTS (sets); i++)
    sets[i] = occupy (fixture, creator);
  helper_let_go (creator);
  helper_expect_code (creator, OUT_OF_RESOURCES);
  fixture_assert_empty (fixture);
  g_assert_cmpuint (count_files (fixture, creator), ==, 0);

  for (i = 0; i < G_N_ELEMENTS (sets); i++)
    assert_and_remove_strangers (sets[i]);
  helper_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (creator, 0), ==, 3);
}

#endif

const char conformance_topic[] = "modes";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "table-unknown", NEEDS_RESET, .rows = of_unknown, .script =
    "a open $1; $2; a quit; files 0" },

  /* A live process holds one of three units. Nobody is split off: each sees what the other does. */
  { "table-live", NEEDS_RESET, .rows = of_live, .script =
    "b open OPEN 3; b acquire 1; a open $1 5; a value = $2;"
    "a try 1; b value = $2-1; b release 2; a value = $2+1" },
  { "table-live-exclusive", NEEDS_RESET, .script =
    "b open OPEN 3; b acquire 1; a open CREATE_EXCLUSIVE 5 = ALREADY_EXISTS; b value = 2" },

  /* That process was killed, so that its unit is back. */
  { "table-left-over", NEEDS_LEFTOVERS | NEEDS_RESET, .rows = of_left_over, .script =
    "b open OPEN 3; b acquire 1; b kill; a open $1 5; a value = $2" },

  /* The same within one process, which is attached already. */
  { "own-process", NEEDS_RESET, .script =
    "a open CREATE_EXCLUSIVE 3; a.2 open CREATE_EXCLUSIVE 5 = ALREADY_EXISTS; a value = 3;"
    "a try 2; a.1 open OPEN_EXISTING 9; a.1 value = 1;"
    "a.2 open CREATE 7; a value = 7; a.1 value = 7;"
    "a.2 close; a.1 close; a value = 7; a close" },

  { "numbers", 0, test_numbers },

  /* What processes had acquired is forgotten, whether they crash or end in good order. */
  { "reset-forgets", NEEDS_RESET, .script =
    "a open OPEN 6; b open OPEN 6; w open OPEN 6; a acquire 3; b acquire 2;"
    "w.1 open CREATE 4; a value = 4; a kill; w value = 4; b quit; w value = 4" },

  /* So is what the process that resets had acquired itself. */
  { "reset-forgets-own", NEEDS_RESET, .script =
    "a open OPEN 6; w open OPEN 6; a acquire 3;"
    "a.1 open CREATE 4; w value = 4; a kill; w value = 4" },

  /* To release what was forgotten creates units, which stay at death. */
  { "release-after-reset", NEEDS_RESET, .script =
    "a open OPEN 5; w open OPEN 5; a acquire 2;"
    "w.1 open CREATE 5; a release 2; w value = 7; a kill; w value = 7" },

  /* What is acquired after the reset is held as ever, and nothing else is. */
  { "acquire-after-reset", NEEDS_UNDO | NEEDS_RESET, .script =
    "a open OPEN 5; w open OPEN 5; a acquire 4;"
    "w.1 open CREATE 5; a acquire 3; a release 1; w value = 3; a kill; w value = 5" },

  /* Units created before the reset count as little as units acquired before it. */
  { "created-before-reset", NEEDS_UNDO | NEEDS_RESET, .script =
    "a open OPEN; w open OPEN; a release 9;"
    "w.1 open CREATE 5; a acquire 2; w value = 3; a kill; w value = 5" },

  /* Three acquired units are forgotten; then one acquired and two released make one created. */
  { "balance-after-reset", NEEDS_RESET, .script =
    "a open OPEN 5; w open OPEN 5; a acquire 3;"
    "w.1 open CREATE 5; a acquire 1; a release 2; w value = 6; a kill; w value = 6" },

  /* The new value serves one waiter and not the other. The waiter that the reset woke holds what it
   * got: its death gives that back. */
  { "reset-wakes", NEEDS_UNDO | NEEDS_RESET, .script =
    "a open OPEN; b open OPEN; w open OPEN; a acquire 2 = blocks; b acquire 4 = blocks;"
    "w.1 open CREATE 3; a wakes; w value = 1; b blocks;"
    "a kill; w value = 3; w release 1; b wakes; w value = 0" },

  { "reset-under-load", NEEDS_UNDO | NEEDS_RESET, test_reset_under_load },

  /* A leftover is taken over as new: what the dead process took for good is there again. */
  { "exclusive-takes-over", NEEDS_LEFTOVERS, .script =
    "a open OPEN 8 no-undo; a acquire 7; a kill; w open CREATE_EXCLUSIVE 2; w value = 2;"
    "b open OPEN 9; b acquire 1; w value = 1; b kill; w value = 2" },

  /* Crash after crash, a leftover keeps its value: one more unit each time. */
  { "leftover-value", NEEDS_LEFTOVERS, .script =
    "repeat 5; a open OPEN 10; a value = 10+ROUND; a acquire 3; a release 4; a kill; again;"
    "w open OPEN; w value = 10+ROUND" },

  /* A reset that is killed anywhere neither fails nor blocks the others, and the next process finds
   * a semaphore that counts. The more pairs of operations, the later the kill. */
  { "resetter-killed", NEEDS_LEFTOVERS | NEEDS_RESET, .script =
    "w open OPEN 4; repeat 40;"
    "r open OPEN 4; r reset-loop 4 KEY; w pairs 20+ROUND*7; r kill;"
    "a open CREATE 4; w value = 4;"
    "b open OPEN; b acquire 3; w value = 1; b kill; w value = 4; a quit; again" },

  /* A process that is stopped anywhere in its reset blocks no operation. */
  { "resetter-stopped", NEEDS_RESET, .script =
    "w open OPEN 4; r open OPEN 4; r reset-loop 4 KEY;"
    "repeat 50; r stop; w pairs 1; w value = 4..MAX; r continue; again; r kill" },

#ifdef __linux__
  { "creator-killed-half-way", NEEDS_SYSV, test_creator_killed_half_way },
  { "peer-comes-and-goes", NEEDS_SYSV, test_peer_comes_and_goes },
  { "collided", NEEDS_SYSV, test_collided },
  { "collided-again-and-again", NEEDS_SYSV, test_collided_again_and_again },
  { "resetter-killed-half-way", NEEDS_SYSV, test_resetter_killed_half_way },
  { "resetter-stopped-half-way", NEEDS_SYSV, test_resetter_stopped_half_way },
#endif
  { NULL },
};
