/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <string.h>
#include <windows.h>

/* --- The system's object --- */

/* As Qt makes it. */
static gunichar2 *
make_name (const char *key)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
  g_autofree char *letters = g_new0 (char, strlen (key) + 1);
  g_autofree char *name = NULL;
  char *end = letters;
  const char *p;

  for (p = key; *p != '\0'; p++)
    {
      if (g_ascii_isalpha (*p))
        *end++ = *p;
    }
  name = g_strconcat ("qipc_systemsem_", letters, hash, NULL);

  return g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
}

/* A program that does not know this library, and the same key: both have one semaphore. */
static void
test_kernel_object (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("Some/key-1 ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  HANDLE foreign;
  LONG before = -1;

  g_unsetenv ("SSEM_RUNTIME_DIR");
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 11, TRUE, &error);
  g_assert_no_error (error);

  foreign = OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name);
  g_assert_nonnull (foreign);
  g_assert_cmpint (WaitForSingleObject (foreign, 0), ==, WAIT_OBJECT_0);
  assert_value (semaphore, 10);
  g_assert_true (ReleaseSemaphore (foreign, 3, &before));
  g_assert_cmpint (before, ==, 10);
  assert_value (semaphore, 13);
  g_assert_false (ReleaseSemaphore (foreign, LONG_MAX - 12, NULL));
  g_assert_true (ReleaseSemaphore (foreign, LONG_MAX - 13, NULL));
  assert_value (semaphore, G_MAXINT);

  /* It lives as long as anybody's handle, whoever made it. */
  drop_object (&semaphore);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);
  CloseHandle (foreign);
  assert_value (semaphore, G_MAXINT);
  drop_object (&semaphore);
  g_assert_null (OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name));

  foreign = CreateSemaphoreW (NULL, 5, LONG_MAX, (LPCWSTR) name);
  g_assert_nonnull (foreign);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 9, TRUE, &error);
  g_assert_no_error (error);
  assert_value (semaphore, 5);
  drop_object (&semaphore);
  CloseHandle (foreign);

  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_folder, TRUE);
}

/* SSEM_RUNTIME_DIR leads away from the names that Qt finds. */
static void
test_moved (Fixture *fixture)
{
  g_autofree gunichar2 *name = make_name (fixture->key);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);

  g_assert_null (OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name));
  g_assert_cmpint (GetLastError (), ==, ERROR_FILE_NOT_FOUND);
  drop_object (&semaphore);
}

/* The name belongs to another sort of object. */
static void
test_other_object (Fixture *fixture)
{
  g_autofree gunichar2 *name = make_name (fixture->key);
  HANDLE event = CreateEventW (NULL, TRUE, FALSE, (LPCWSTR) name);
  SsemAccessMode mode;

  g_assert_nonnull (event);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_CREATE_EXCLUSIVE; mode++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = fixture_open_full (fixture, fixture->key, mode, 1, TRUE, &error);
      assert_code (error, KEY_ERROR);
      g_assert_null (semaphore);
      g_assert_nonnull (strstr (error->message, fixture->key));
    }
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_folder, TRUE);
  CloseHandle (event);
}

/* --- Modes --- */

static void
expect_mode (Fixture        *fixture,
             SsemAccessMode  mode,
             int             code,
             int             value)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open_full (fixture, fixture->key, mode, 5, TRUE, &error);
  if (code == SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR)
    {
      g_assert_no_error (error);
      assert_value (semaphore, value);
      drop_object (&semaphore);
    }
  else
    {
      g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
      g_assert_null (semaphore);
    }
}

static void
test_modes (Fixture *fixture)
{
  const struct
  {
    SsemAccessMode mode;
    int unknown; /* the error where nobody has the key */
    int live;    /* and where somebody has it */
  } rows[] = {
    { SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR,
      SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR },
    { SSEM_ACCESS_MODE_CREATE, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR,
      SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR },
    { SSEM_ACCESS_MODE_OPEN_EXISTING, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND,
      SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR },
    { SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR,
      SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Helper *user;

      expect_mode (fixture, rows[i].mode, rows[i].unknown, 5);

      user = fixture_user (fixture, 3);
      helper_do (user, "acquire 0 1");
      expect_mode (fixture, rows[i].mode, rows[i].live, 2);
      g_assert_cmpint (helper_get_value (user, 0), ==, 2);

      /* A crash leaves nothing over. */
      helper_kill (user);
      expect_mode (fixture, rows[i].mode, rows[i].unknown, 5);
    }
}

/* Who uses a semaphore the system does not tell, and nothing is ever left over. */
static void
test_no_info (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GError) error = NULL;

  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_null (ssem_semaphore_info_list (fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_reset (fixture->key, 5, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, fixture->key));
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_reset ("nobody has this key", 5, fixture->backend, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
}

/* --- Death --- */

/* The system gives nothing back; whoever is left may make up for it. */
static void
test_death (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *holder = fixture_user (fixture, 0);
  Helper *waiter = fixture_user (fixture, 0);

  g_assert_false (ssem_system_semaphore_get_undo (semaphore));
  helper_do (holder, "acquire 0 1");
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (holder);
  assert_value (semaphore, 0);
  g_assert_false (helper_has_answered (waiter));
  assert_release (semaphore, 1);
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* --- Several units --- */

/* Releases of programs that ring no bell, as Qt's. */
static void
test_foreign_release (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("foreign ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  HANDLE foreign = CreateSemaphoreW (NULL, 0, LONG_MAX, (LPCWSTR) name);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *waiter;
  int i;

  g_assert_nonnull (foreign);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);

  helper_send (waiter, "acquire 0 3");
  for (i = 0; i < 3; i++)
    {
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      g_assert_false (helper_has_answered (waiter));
      assert_value (semaphore, i);
      g_assert_true (ReleaseSemaphore (foreign, 1, NULL));
    }
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
  helper_do (waiter, "close 0");
  CloseHandle (foreign);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_folder, TRUE);
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return left < right ? -1 : left > right;
}

/* How long a waiter for two units takes to answer after a release of the second. Of many times the
 * one that a quarter is below: what else the machine does makes some longer, and none shorter. */
static gint64
measure_release (Helper   *waiter,
                 gboolean (* release) (gpointer semaphore),
                 gpointer  semaphore)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  int i;

  for (i = 0; i < 40; i++)
    {
      gint64 taken_usec;

      g_assert_true (release (semaphore));
      helper_send (waiter, "acquire 0 2");
      wait_until_blocked (SSEM_BACKEND_WINDOWS, waiter->pid, 1);
      taken_usec = g_get_monotonic_time ();
      g_assert_true (release (semaphore));
      helper_expect_ok (waiter);
      taken_usec = g_get_monotonic_time () - taken_usec;
      g_array_append_val (times, taken_usec);
    }
  g_array_sort (times, compare_times);

  return g_array_index (times, gint64, times->len / 4);
}

static gboolean
release_one (gpointer semaphore)
{
  return ssem_system_semaphore_release (semaphore, 1, NULL);
}

static gboolean
release_foreign_one (gpointer semaphore)
{
  return ReleaseSemaphore (semaphore, 1, NULL);
}

/* A release of this library is told to who waits for several; one that is not takes longer to be
 * noticed, whatever else the machine has to do. */
static void
test_prompt (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("prompt ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  HANDLE foreign = CreateSemaphoreW (NULL, 0, LONG_MAX, (LPCWSTR) name);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  gint64 told_usec, untold_usec;
  Helper *waiter;

  g_assert_nonnull (foreign);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);

  told_usec = measure_release (waiter, release_one, semaphore);
  untold_usec = measure_release (waiter, release_foreign_one, foreign);
  g_test_message ("told %" G_GINT64_FORMAT " us, untold %" G_GINT64_FORMAT " us", told_usec,
                  untold_usec);
  g_assert_cmpint (told_usec * 3, <, untold_usec * 2);

  drop_object (&semaphore);
  helper_do (waiter, "close 0");
  CloseHandle (foreign);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_folder, TRUE);
}

/* Processes that each want all there is: at any time one has it, and none waits for ever. */
static void
test_all_or_nothing (Fixture *fixture)
{
  const int n_rounds = 100;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  Helper *hammers[2];
  guint i;
  int round;

  for (i = 0; i < G_N_ELEMENTS (hammers); i++)
    {
      hammers[i] = fixture_user (fixture, 0);
      helper_do (hammers[i], "hammer 0 2 2");
    }
  for (round = 0; round < n_rounds; round++)
    {
      g_autoptr(GError) error = NULL;
      gboolean is_ok;

      is_ok = ssem_system_semaphore_acquire (semaphore, 2, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (is_ok);
      assert_value (semaphore, 0);
      assert_release (semaphore, 2);
    }
  for (i = 0; i < G_N_ELEMENTS (hammers); i++)
    helper_do (hammers[i], "calm");
  assert_value (semaphore, 2);

  drop_object (&semaphore);
}

/* Who needs one is not kept from the units that are too few for who needs many. */
static void
test_few_beside_many (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  Helper *greedy = fixture_user (fixture, 0);
  Helper *modest = fixture_user (fixture, 0);
  int i;

  helper_send (greedy, "acquire 0 3");
  wait_until_blocked (fixture->backend, greedy->pid, 1);
  for (i = 0; i < 200; i++)
    {
      helper_do (modest, "try 0 2");
      helper_do (modest, "release 0 2");
    }
  g_assert_false (helper_has_answered (greedy));
  helper_do (modest, "release 0 1");
  helper_expect_ok (greedy);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* Killed while it collects, a process takes with it what it has, and blocks nobody. */
static void
test_collector_killed (Fixture *fixture)
{
  const int n_units = 1000, n_together = 20;
  int n_lost = 0, i;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, n_units);

  for (i = 0; i < 20; i++)
    {
      Helper *hammer = fixture_user (fixture, 0);
      GError *error = NULL;
      int value;

      helper_do (hammer, "hammer 0 1 %d", n_together);
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

/* Stopped while it collects, a process does not keep others from collecting what is left. */
static void
test_collector_stopped (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 100);
  Helper *hammer = fixture_user (fixture, 0);
  int i;

  helper_do (hammer, "hammer 0 2 20");
  for (i = 0; i < 50; i++)
    {
      g_autoptr(GError) error = NULL;
      gboolean is_ok;

      helper_stop (hammer);
      is_ok = ssem_system_semaphore_acquire (semaphore, 60, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (is_ok);
      assert_release (semaphore, 60);
      helper_signal (hammer, SIGCONT);
    }
  helper_do (hammer, "calm");
  assert_value (semaphore, 100);

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

/* However time-outs, cancelling and releases fall, no unit is lost or made. */
static void
test_nothing_lost (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *hammer = fixture_user (fixture, 0);
  Canceller canceller = { .current = NULL };
  int n_acquired = 0, n_timed_out = 0, n_cancelled = 0;
  GThread *thread;
  int round;

  g_mutex_init (&canceller.lock);
  thread = g_thread_new ("cancel", cancel_often, &canceller);
  helper_do (hammer, "hammer 0 2 3");
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
  helper_do (hammer, "calm");
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

static const Case cases[] = {
  { "kernel-object", 0, test_kernel_object },
  { "moved", 0, test_moved },
  { "other-object", 0, test_other_object },
  { "modes", 0, test_modes },
  { "no-info", 0, test_no_info },
  { "death", 0, test_death },
  { "foreign-release", 0, test_foreign_release },
  { "prompt", 0, test_prompt },
  { "all-or-nothing", 0, test_all_or_nothing },
  { "few-beside-many", 0, test_few_beside_many },
  { "collector-killed", 0, test_collector_killed },
  { "collector-stopped", 0, test_collector_stopped },
  { "nothing-lost", 0, test_nothing_lost },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "windows", 0, cases);
}
