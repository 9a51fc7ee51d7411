/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#ifdef __linux__
#include <fcntl.h>
#include <string.h>
#include <sys/sem.h>
#endif

/* --- The table of modes --- */

typedef enum
{
  STATE_UNKNOWN,
  STATE_LIVE,      /* a process is attached, and holds one of three units */
  STATE_LEFT_OVER, /* that process was killed */
} State;

typedef struct
{
  const char *name;
  State state;
  SsemAccessMode mode;
  int error; /* NO_ERROR for none */
  int value; /* that the mode shall find, or set: the initial value given is 5 */
} Cell;

#define NONE SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR
#define NOT_FOUND SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND
#define ALREADY_EXISTS SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS

static const Cell cells[] = {
  { "open-unknown", STATE_UNKNOWN, SSEM_ACCESS_MODE_OPEN, NONE, 5 },
  { "open-live", STATE_LIVE, SSEM_ACCESS_MODE_OPEN, NONE, 2 },
  { "open-left-over", STATE_LEFT_OVER, SSEM_ACCESS_MODE_OPEN, NONE, 3 },
  { "create-unknown", STATE_UNKNOWN, SSEM_ACCESS_MODE_CREATE, NONE, 5 },
  { "create-live", STATE_LIVE, SSEM_ACCESS_MODE_CREATE, NONE, 5 },
  { "create-left-over", STATE_LEFT_OVER, SSEM_ACCESS_MODE_CREATE, NONE, 5 },
  { "open-existing-unknown", STATE_UNKNOWN, SSEM_ACCESS_MODE_OPEN_EXISTING, NOT_FOUND, -1 },
  { "open-existing-live", STATE_LIVE, SSEM_ACCESS_MODE_OPEN_EXISTING, NONE, 2 },
  { "open-existing-left-over", STATE_LEFT_OVER, SSEM_ACCESS_MODE_OPEN_EXISTING, NONE, 3 },
  { "create-exclusive-unknown", STATE_UNKNOWN, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, NONE, 5 },
  { "create-exclusive-live", STATE_LIVE, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, ALREADY_EXISTS, 2 },
  { "create-exclusive-left-over", STATE_LEFT_OVER, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, NONE, 5 },
};

static void
check_cell (Fixture    *fixture,
            const Cell *cell)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *user = NULL;

  g_test_message ("%s", cell->name);

  if (cell->state != STATE_UNKNOWN)
    {
      user = fixture_user (fixture, 3);
      helper_do (user, "acquire 0 1");
    }
  if (cell->state == STATE_LEFT_OVER)
    helper_kill (user);

  semaphore = fixture_open_full (fixture, fixture->key, cell->mode, 5, TRUE, &error);
  if (cell->error == NONE)
    {
      g_assert_no_error (error);
      assert_value (semaphore, cell->value);
      if (cell->state == STATE_LIVE)
        {
          /* Nobody is split off: each sees what the other does. */
          assert_acquire (semaphore, 1);
          g_assert_cmpint (helper_get_value (user, 0), ==, cell->value - 1);
          helper_do (user, "release 0 2");
          assert_value (semaphore, cell->value + 1);
        }
    }
  else
    {
      g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, cell->error);
      g_assert_null (semaphore);
      if (cell->state == STATE_LIVE)
        g_assert_cmpint (helper_get_value (user, 0), ==, cell->value);
      else
        fixture_assert_empty (fixture);
    }

  if (user != NULL && user->pid != 0)
    helper_quit (user);
  if (semaphore != NULL)
    drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

static void
test_table (Fixture *fixture)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cells); i++)
    check_cell (fixture, &cells[i]);
}

/* The same from within the process that is attached already. */
static void
test_own_process (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) first = 
    fixture_open (fixture, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 3);
  g_autoptr(SsemSystemSemaphore) second = NULL;
  g_autoptr(SsemSystemSemaphore) third = NULL;
  g_autoptr(GError) error = NULL;

  third = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 5, TRUE,
                             &error);
  assert_code (error, ALREADY_EXISTS);
  g_assert_null (third);
  g_clear_error (&error);
  assert_value (first, 3);

  assert_acquire (first, 2);
  second = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 9);
  assert_value (second, 1);
  third = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 7);
  assert_value (first, 7);
  assert_value (second, 7);

  drop_object (&third);
  drop_object (&second);
  assert_value (first, 7);
  drop_object (&first);
}

/* The numbers are Qt's, for the first two. */
static void
test_numbers (Fixture *fixture)
{
  g_assert_cmpint (SSEM_ACCESS_MODE_OPEN, ==, 0);
  g_assert_cmpint (SSEM_ACCESS_MODE_CREATE, ==, 1);
  g_assert_cmpint (SSEM_ACCESS_MODE_OPEN_EXISTING, ==, 2);
  g_assert_cmpint (SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, ==, 3);
}

/* --- What CREATE forgets --- */

static void
test_reset_forgets (Fixture *fixture)
{
  Helper *first = fixture_user (fixture, 6);
  Helper *second = fixture_user (fixture, 6);
  Helper *third = fixture_user (fixture, 6);

  helper_do (first, "acquire 0 3");
  helper_do (second, "acquire 0 2");
  helper_open (third, 1, SSEM_ACCESS_MODE_CREATE, 4, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (first, 0), ==, 4);

  /* What they had acquired is forgotten, whether they crash or end in good order. */
  helper_kill (first);
  g_assert_cmpint (helper_get_value (third, 0), ==, 4);
  helper_quit (second);
  g_assert_cmpint (helper_get_value (third, 0), ==, 4);
}

static void
test_reset_forgets_own (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 6);
  Helper *witness = fixture_user (fixture, 6);

  helper_do (holder, "acquire 0 3");
  helper_open (holder, 1, SSEM_ACCESS_MODE_CREATE, 4, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (witness, 0), ==, 4);
  helper_kill (holder);
  g_assert_cmpint (helper_get_value (witness, 0), ==, 4);
}

/* Releasing what was forgotten creates, so it stays at death. */
static void
test_release_after_reset (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 5);
  Helper *resetter = fixture_user (fixture, 5);

  helper_do (holder, "acquire 0 2");
  helper_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 5, TRUE, fixture->key);
  helper_do (holder, "release 0 2");
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 7);
  helper_kill (holder);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 7);
}

/* What is acquired afterwards is held as ever, and is all that is. */
static void
test_acquire_after_reset (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 5);
  Helper *resetter = fixture_user (fixture, 5);

  helper_do (holder, "acquire 0 4");
  helper_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 5, TRUE, fixture->key);
  helper_do (holder, "acquire 0 3");
  helper_do (holder, "release 0 1");
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 3);
  helper_kill (holder);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 5);
}

/* What had been created before counts as little as what had been acquired. */
static void
test_created_before_reset (Fixture *fixture)
{
  Helper *producer = fixture_user (fixture, 0);
  Helper *resetter = fixture_user (fixture, 0);

  helper_do (producer, "release 0 9");
  helper_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 5, TRUE, fixture->key);
  helper_do (producer, "acquire 0 2");
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 3);
  helper_kill (producer);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 5);
}

/* More and less than before in one process: -3, forgotten; then +1 -2 is one created. */
static void
test_balance_after_reset (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 5);
  Helper *resetter = fixture_user (fixture, 5);

  helper_do (holder, "acquire 0 3");
  helper_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 5, TRUE, fixture->key);
  helper_do (holder, "acquire 0 1");
  helper_do (holder, "release 0 2");
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 6);
  helper_kill (holder);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 6);
}

static void
test_reset_wakes (Fixture *fixture)
{
  Helper *small = fixture_user (fixture, 0);
  Helper *large = fixture_user (fixture, 0);
  Helper *resetter = fixture_user (fixture, 0);

  helper_send (small, "acquire 0 2");
  helper_send (large, "acquire 0 4");
  wait_until_blocked (fixture->backend, small->pid, 1);
  wait_until_blocked (fixture->backend, large->pid, 1);

  helper_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 3, TRUE, fixture->key);
  helper_expect_ok (small);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 1);
  wait_until_blocked (fixture->backend, large->pid, 1);
  g_assert_false (helper_has_answered (large));

  /* Whom the reset woke holds what it got. */
  helper_kill (small);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 3);
  helper_do (resetter, "release 0 1");
  helper_expect_ok (large);
  g_assert_cmpint (helper_get_value (resetter, 0), ==, 0);
}

/* A leftover is taken over as new: what the dead one created or took for good is gone. */
static void
test_exclusive_takes_over (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *dead = fixture_helper (fixture);
  Helper *user;

  helper_open (dead, 0, SSEM_ACCESS_MODE_OPEN, 8, FALSE, fixture->key);
  helper_do (dead, "acquire 0 7");
  helper_kill (dead);

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 2);
  assert_value (semaphore, 2);
  user = fixture_user (fixture, 9);
  helper_do (user, "acquire 0 1");
  assert_value (semaphore, 1);
  helper_kill (user);
  assert_value (semaphore, 2);
  drop_object (&semaphore);
}

/* Crash after crash, the value that is left over stays what it was. */
static void
test_leftover_value (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int i;

  for (i = 0; i < 5; i++)
    {
      Helper *user = fixture_user (fixture, 10);

      g_assert_cmpint (helper_get_value (user, 0), ==, 10 + i);
      helper_do (user, "acquire 0 3");
      helper_do (user, "release 0 4");
      helper_kill (user);
    }

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  assert_value (semaphore, 15);
  drop_object (&semaphore);
}

/* --- A resetter that dies in the middle --- */

static void
test_resetter_killed (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 4);
  g_autofree char *escaped = g_strescape (fixture->key, NULL);
  int i;

  for (i = 0; i < 40 && fixture_has_time (fixture); i++)
    {
      Helper *resetter = fixture_user (fixture, 4);
      Helper *holder;
      int n_operations;

      helper_send (resetter, "reset-loop 0 4 %s", escaped);
      helper_expect_ok (resetter);

      /* Whatever a reset meets, it does not fail or block the others. */
      for (n_operations = 0; n_operations < 20 + i * 7; n_operations++)
        {
          g_autoptr(GError) error = NULL;

          if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, &error) ||
              !ssem_system_semaphore_release (semaphore, 1, &error))
            g_assert_no_error (error);
        }
      helper_kill (resetter);

      /* And whoever comes after a half-made one finds a semaphore that counts. */
      helper_open (fixture_helper (fixture), 0, SSEM_ACCESS_MODE_CREATE, 4, TRUE, fixture->key);
      assert_value (semaphore, 4);
      holder = fixture_user (fixture, 0);
      helper_do (holder, "acquire 0 3");
      assert_value (semaphore, 1);
      helper_kill (holder);
      assert_value (semaphore, 4);
      helper_quit (g_ptr_array_index (fixture->helpers, fixture->helpers->len - 2));
    }

  drop_object (&semaphore);
}

#ifdef __linux__

/* FALSE, and the test is skipped, where nobody can be traced, or another backend does it
 * otherwise. */
static gboolean
may_trace (Fixture *fixture,
           Helper  *helper)
{
  if (fixture->backend != SSEM_BACKEND_SYSV)
    {
      g_test_skip ("another backend does it otherwise");
      return FALSE;
    }
  if (!helper_trace (helper))
    {
      g_test_skip ("the system forbids to trace another process");
      return FALSE;
    }

  return TRUE;
}

/* A resetter that is about to set the value, or has just done so. NULL where it can't be traced. */
static Helper *
stop_half_way (Fixture  *fixture,
               gboolean  is_set)
{
  Helper *resetter = fixture_user (fixture, 0);

  if (!may_trace (fixture, resetter))
    return NULL;

  helper_send_open (resetter, 1, SSEM_ACCESS_MODE_CREATE, 3, TRUE, fixture->key);
  helper_run_to (resetter, SYSTEM_CALL_SEMCTL, SETVAL);
  if (is_set)
    helper_step (resetter);

  return resetter;
}

/* What it began is finished by whoever comes next: an opener, or who is attached already. */
static void
test_resetter_killed_half_way (Fixture *fixture)
{
  int variant;

  for (variant = 0; variant < 4; variant++)
    {
      Helper *holder = fixture_user (fixture, 6);
      Helper *resetter, *next;

      helper_do (holder, "acquire 0 2");
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
          /* The two units are forgotten, so to release one creates it. */
          helper_do (holder, "release 0 1");
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

/* Nobody waits for it who is attached already. */
static void
test_resetter_stopped_half_way (Fixture *fixture)
{
  int is_set;

  for (is_set = 0; is_set < 2; is_set++)
    {
      Helper *user = fixture_user (fixture, 6);
      Helper *resetter = stop_half_way (fixture, is_set);

      if (resetter == NULL)
        return;

      helper_do (user, "acquire 0 1");
      helper_do (user, "try 0 1");
      helper_do (user, "timeout 0 1 1000");
      helper_do (user, "release 0 3");
      g_assert_cmpint (helper_get_value (user, 0), ==, is_set ? 3 : 6);
      helper_kill (resetter);
      helper_do (user, "close 0");
      fixture_assert_empty (fixture);
    }
}

/* The kernel's key of the only file that there is. */
static key_t
find_kernel_key (Fixture *fixture)
{
  g_auto(GStrv) names = fixture_list_keys (fixture);
  g_autofree char *path = NULL;

  g_assert_cmpuint (g_strv_length (names), ==, 1);
  path = g_build_filename (fixture->keys_folder, names[0], NULL);

  return ftok (path, 'Q');
}

static int
make_strangers_set (Fixture *fixture)
{
  int set = semget (find_kernel_key (fixture), 1, IPC_CREAT | IPC_EXCL | 0600);

  g_assert_cmpint (set, >=, 0);

  return set;
}

/* A creator dies when it has the set, and before that has its value, or just after: the next to
 * come finishes it, or where he fails takes it away. */
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

      if (!may_trace (fixture, creator))
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
          helper_do (next, "close 0");
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

/* A peer makes a set, of which the creator is told, and removes it before the creator finds it: he
 * makes his own. */
static void
test_peer_comes_and_goes (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  int set;

  if (!may_trace (fixture, creator))
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

/* Lets a creator run until it is about to look whether there is a set, and makes a stranger's where
 * it will look. */
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

/* How many files of the fixture's the process has open. None of them would outlive exec (3). */
static guint
count_files (Fixture *fixture,
             Helper  *helper)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/fd", (int) helper->pid);
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  guint n_files = 0;
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename (folder, name, NULL);
      g_autofree char *file = g_file_read_link (link, NULL);
      g_autofree char *info = g_strdup_printf ("/proc/%d/fdinfo/%s", (int) helper->pid, name);
      g_autofree char *text = NULL;
      g_autoptr(GError) error = NULL;
      const char *flags;

      if (file == NULL || !g_str_has_prefix (file, fixture->keys_folder))
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

/* The kernel's key is made of a part of the file's number, and another's set may have it. */
static void
test_collided (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  int set;

  if (!may_trace (fixture, creator))
    return;

  helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  set = occupy (fixture, creator);
  helper_run_to (creator, SYSTEM_CALL_SEMGET, 0);
  /* The first one still, or the second could get its number. */
  g_assert_cmpuint (count_files (fixture, creator), ==, 2);

  helper_let_go (creator);
  helper_expect_ok (creator);
  g_assert_cmpint (helper_get_value (creator, 0), ==, 3);
  g_assert_cmpuint (count_files (fixture, creator), ==, 1);
  helper_quit (creator);
  assert_and_remove_strangers (set);
  fixture_assert_empty (fixture);
}

/* One that meets nothing else gives up after so many files, and leaves nothing. */
#define MAX_FILES 17

static void
test_collided_again_and_again (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  int sets[MAX_FILES];
  guint i;

  if (!may_trace (fixture, creator))
    return;

  helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  for (i = 0; i < G_N_ELEMENTS (sets); i++)
    sets[i] = occupy (fixture, creator);
  helper_let_go (creator);
  helper_expect_error (creator, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  fixture_assert_empty (fixture);
  g_assert_cmpuint (count_files (fixture, creator), ==, 0);

  for (i = 0; i < G_N_ELEMENTS (sets); i++)
    assert_and_remove_strangers (sets[i]);
  helper_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (creator, 0), ==, 3);
}

#endif

/* One that is stopped anywhere while it resets blocks no operation. */
static void
test_resetter_stopped (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 4);
  g_autofree char *escaped = g_strescape (fixture->key, NULL);
  Helper *resetter = fixture_user (fixture, 4);
  int i;

  helper_send (resetter, "reset-loop 0 4 %s", escaped);
  helper_expect_ok (resetter);
  for (i = 0; i < 50 && fixture_has_time (fixture); i++)
    {
      g_autoptr(GError) error = NULL;
      int value;

      helper_stop (resetter);
      if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, &error) ||
          !ssem_system_semaphore_release (semaphore, 1, &error))
        g_assert_no_error (error);
      value = ssem_system_semaphore_get_value (semaphore, &error);
      g_assert_no_error (error);
      g_assert_cmpint (value, >=, 4);
      helper_signal (resetter, SIGCONT);
    }
  helper_kill (resetter);
  drop_object (&semaphore);
}

/* --- A reset while many are at it --- */

#define N_USERS 4
#define N_THREADS_OF_EACH 3
#define N_RESETS 150

/* The helpers' threads take one unit and give it back, mostly waiting for it. */
static void
test_reset_under_load (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Helper *users[N_USERS];
  Helper *sleeper = fixture_user (fixture, 0);
  Helper *greedy = fixture_user (fixture, 0);
  g_auto(GStrv) names = NULL;
  g_autoptr(GError) error = NULL;
  int value, i;

  helper_do (sleeper, "acquire 0 1");
  for (i = 0; i < N_USERS; i++)
    {
      users[i] = fixture_user (fixture, 0);
      helper_do (users[i], "hammer 0 %d", N_THREADS_OF_EACH);
    }
  helper_send (greedy, "acquire 0 2");

  for (i = 0; i < N_RESETS; i++)
    {
      gboolean is_set;

      /* Every other time through an object that comes and goes. */
      if (i % 2 == 0)
        {
          g_autoptr(SsemSystemSemaphore) other = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 2);

          drop_object (&other);
          continue;
        }
      is_set = ssem_system_semaphore_set_key (semaphore, fixture->key, 2, SSEM_ACCESS_MODE_CREATE,
                                              &error);
      g_assert_no_error (error);
      g_assert_true (is_set);
    }

  /* Nobody sleeps on: the greedy one has both units once the others are through, or before, so that
   * they wait for it. */
  for (i = 0; i < N_USERS; i++)
    helper_send (users[i], "calm");
  helper_expect_ok (greedy);
  helper_do (greedy, "release 0 2");
  for (i = 0; i < N_USERS; i++)
    helper_expect_ok (users[i]);

  /* What was acquired before the last reset and released after it created a unit. */
  value = ssem_system_semaphore_get_value (semaphore, &error);
  g_assert_no_error (error);
  g_assert_cmpint (value, >=, 2);
  g_assert_cmpint (value, <=, 2 + N_USERS * N_THREADS_OF_EACH + 2);

  /* The sleeper's unit was forgotten with the first reset. */
  helper_kill (sleeper);
  assert_value (semaphore, value);

  /* Nobody was split off, and holdings are counted right from here on. */
  names = fixture_list_keys (fixture);
  g_assert_cmpuint (g_strv_length (names), ==, 1);
  drop_object (&semaphore);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 2);
  for (i = 0; i < N_USERS; i++)
    g_assert_cmpint (helper_get_value (users[i], 0), ==, 2);
  helper_do (users[0], "acquire 0 2");
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

static const Case cases[] = {
  { "table", NEEDS_RESET, test_table },
  { "own-process", NEEDS_RESET, test_own_process },
  { "numbers", 0, test_numbers },
  { "reset-forgets", NEEDS_RESET, test_reset_forgets },
  { "reset-forgets-own", NEEDS_RESET, test_reset_forgets_own },
  { "release-after-reset", NEEDS_RESET, test_release_after_reset },
  { "acquire-after-reset", NEEDS_RESET, test_acquire_after_reset },
  { "created-before-reset", NEEDS_RESET, test_created_before_reset },
  { "balance-after-reset", NEEDS_RESET, test_balance_after_reset },
  { "reset-wakes", NEEDS_RESET, test_reset_wakes },
  { "reset-under-load", NEEDS_RESET, test_reset_under_load },
  { "exclusive-takes-over", NEEDS_LEFTOVERS, test_exclusive_takes_over },
  { "leftover-value", NEEDS_LEFTOVERS, test_leftover_value },
  { "resetter-killed", NEEDS_RESET, test_resetter_killed },
  { "resetter-stopped", 0, test_resetter_stopped },
#ifdef __linux__
  { "creator-killed-half-way", 0, test_creator_killed_half_way },
  { "peer-comes-and-goes", 0, test_peer_comes_and_goes },
  { "collided", 0, test_collided },
  { "collided-again-and-again", 0, test_collided_again_and_again },
  { "resetter-killed-half-way", 0, test_resetter_killed_half_way },
  { "resetter-stopped-half-way", 0, test_resetter_stopped_half_way },
#endif
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "modes", cases);
}
