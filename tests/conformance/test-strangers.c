/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "forking.h"
#include "stranger.h"

#include "ssem/os/ssem-futex-private.h"
#include "ssem/posix/ssem-posix-content-private.h"

#include <glib/gstdio.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* POSIX semaphores beside programs that use them without this library. Real ones are in
 * ../peers. */

/* Whoever creates it, the C library and this library have one semaphore. */
static void
test_shared (Fixture *fixture,
             gboolean is_ours)
{
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autofree char *path = g_strconcat ("/dev/shm/sem.", key, NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  sem_t *stranger = NULL;
  GStatBuf found;

  stranger_use_names_of_system (fixture);
  if (!is_ours)
    stranger = stranger_create (name, 11);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, is_ours ? 11 : 99, TRUE,
                                 &error);
  g_assert_no_error (error);
  if (is_ours)
    stranger = stranger_open (name);
  g_assert_cmpint (g_lstat (path, &found), ==, 0);
  g_assert_cmphex (found.st_mode, ==, S_IFREG | 0600);

  assert_value (semaphore, 11);
  g_assert_cmpint (sem_trywait (stranger), ==, 0);
  assert_value (semaphore, 10);
  assert_acquire (semaphore, 4);
  g_assert_cmpint (stranger_value (stranger), ==, 6);
  assert_release (semaphore, 2);
  g_assert_cmpint (sem_post (stranger), ==, 0);
  assert_value (semaphore, 9);

  /* The first program's last use leaves it to the second one, and what we have not made stays. */
  if (is_ours)
    {
      drop_object (&semaphore);
      g_assert_true (stranger_exists (name));
      g_assert_cmpint (stranger_value (stranger), ==, 9);
      semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
      g_assert_no_error (error);
      assert_value (semaphore, 9);
      sem_close (stranger);
      drop_object (&semaphore);
      g_assert_false (stranger_exists (name));
    }
  else
    {
      sem_close (stranger);
      drop_object (&semaphore);
      g_assert_true (stranger_exists (name));
      g_assert_cmpint (sem_unlink (name), ==, 0);
    }
  stranger_use_own_names (fixture);
}

static void
test_ours (Fixture *fixture)
{
  test_shared (fixture, TRUE);
}

static void
test_theirs (Fixture *fixture)
{
  test_shared (fixture, FALSE);
}

/* Starts a process without this library that waits for a unit, and then ends well: see
 * forking.h. */
static pid_t
start_waiting_stranger (sem_t *stranger)
{
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      alarm (60);
      while (sem_wait (stranger) != 0)
        ;
      child_end (0);
    }

  return child;
}

/* Waits end by units of the other side: of one unit, and of several. */
static void
test_waits (Fixture *fixture)
{
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *waiter;
  sem_t *stranger;
  pid_t child;
  int i;

  stranger_use_names_of_system (fixture);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 0, TRUE, &error);
  g_assert_no_error (error);
  stranger = stranger_open (name);

  child = start_waiting_stranger (stranger);
  wait_until_blocked (fixture->backend, child, 1);
  assert_release (semaphore, 1);
  child_expect_well (child);

  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  g_assert_cmpint (sem_post (stranger), ==, 0);
  helper_expect_ok (waiter);

  helper_send (waiter, "acquire 0 3");
  for (i = 0; i < 3; i++)
    {
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      g_assert_false (helper_has_answered (waiter));
      assert_value (semaphore, i);
      g_assert_cmpint (sem_post (stranger), ==, 0);
    }
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  helper_run_expect_ok (waiter, "close 0");
  sem_close (stranger);
  drop_object (&semaphore);
  g_assert_false (stranger_exists (name));
  stranger_use_own_names (fixture);
}

/* Maps the record of the semaphore at @path, which all its processes share. */
static SsemPosixContent *
map_content (const char *path)
{
  SsemPosixContent *content;
  int fd = open (path, O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  content = mmap (NULL, sizeof *content, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (content != MAP_FAILED);
  close (fd);

  return content;
}

/* Listens for added units as a collector does, but never looks on its own. */
static gpointer
listen_in_thread (gpointer data)
{
  atomic_uint_least32_t *is_listening = data;

  atomic_store (is_listening, 1);
  while (atomic_load (is_listening) != 0)
    ssem_futex_wait (is_listening, 1, G_MAXINT64, SSEM_FUTEX_ALL_BITS);

  return NULL;
}

/* A release wakes the threads that collect several units. These also look regularly, so a thread
 * that only listens shows the wake-up; without one, the watchdog ends the test. */
static void
test_prompt (Fixture *fixture)
{
  const int releases[] = { 1, 2, 1, 2 };
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *path = g_strconcat ("/dev/shm/sem.", key, NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  SsemPosixContent *content;
  Helper *waiter;
  guint i;

  stranger_use_names_of_system (fixture);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 0, TRUE, &error);
  g_assert_no_error (error);
  content = map_content (path);

  for (i = 0; i < G_N_ELEMENTS (releases); i++)
    {
      GThread *listener = g_thread_new ("listen", listen_in_thread, &content->record.is_listening);

      wait_until_blocked (fixture->backend, getpid (), 1);
      assert_release (semaphore, releases[i]);
      g_thread_join (listener);
    }
  assert_value (semaphore, 6);

  /* A collector listens while it waits. */
  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  g_assert_cmpuint (atomic_load (&content->record.is_listening), ==, 0);
  helper_send (waiter, "acquire 0 8");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  g_assert_cmpuint (atomic_load (&content->record.is_listening), ==, 1);
  assert_release (semaphore, 2);
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  helper_run_expect_ok (waiter, "close 0");
  munmap (content, sizeof *content);
  drop_object (&semaphore);
  stranger_use_own_names (fixture);
}

/* --- Native keys --- */

/* A native key is the exact name, wherever the directory of the environment leads. It is the same
 * semaphore as that of the key, and the C library makes no difference between names with and
 * without the slash. */
static void
test_native (Fixture *fixture)
{
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autofree char *native_key = g_strconcat ("posix:", name, NULL);
  g_autofree char *without_slash = g_strconcat ("posix:", key, NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemSystemSemaphore) other = open_native (without_slash, SSEM_ACCESS_MODE_OPEN, 9);
  g_autoptr(SsemSystemSemaphore) by_key = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  sem_t *stranger = stranger_open (name);

  assert_native_key (semaphore, native_key);
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_POSIX);
  g_assert_false (ssem_system_semaphore_get_undo (semaphore));
  g_assert_cmpint (sem_post (stranger), ==, 0);
  assert_value (semaphore, 4);
  assert_acquire (other, 1);
  g_assert_cmpint (stranger_value (stranger), ==, 3);

  info = ssem_semaphore_info_query_native (native_key, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, 3);

  stranger_use_names_of_system (fixture);
  by_key = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);
  assert_native_key (by_key, native_key);
  assert_value (by_key, 3);
  stranger_use_own_names (fixture);

  sem_close (stranger);
  drop_object (&semaphore);
  drop_object (&other);
  assert_value (by_key, 3);
  drop_object (&by_key);
  g_assert_false (stranger_exists (name));
}

/* What is no name of a semaphore is refused. */
static void
test_native_refused (Fixture *fixture)
{
  g_autofree char *too_long = g_strnfill (252, 'x');
  g_autofree char *long_key = g_strconcat ("posix:/", too_long, NULL);
  const char *const refused[] = { "posix:/", "posix:/a/b", "posix:/a/", "posix:/..", long_key };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = ssem_system_semaphore_new_for_native_key (refused[i], 1, SSEM_ACCESS_MODE_OPEN,
                                                            &error);
      g_assert_null (semaphore);
      assert_code (error, KEY_ERROR);
      g_clear_error (&error);
      g_assert_null (ssem_semaphore_info_query_native (refused[i], &error));
      assert_code (error, KEY_ERROR);
    }
}

/* --- Modes --- */

/* A semaphore that a stranger has made counts as in use, also while nobody has it open. CREATE
 * replaces it. */
static void
test_modes_of_theirs (Fixture *fixture)
{
  const struct { SsemAccessMode mode; int value; } modes[] = {
    { SSEM_ACCESS_MODE_OPEN, 4 },
    { SSEM_ACCESS_MODE_OPEN_EXISTING, 4 },
    { SSEM_ACCESS_MODE_JOIN, 4 },
    { SSEM_ACCESS_MODE_CREATE, 9 },
  };
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autoptr(GError) error = NULL;
  int is_open;
  guint i;

  stranger_use_names_of_system (fixture);
  for (is_open = 0; is_open < 2; is_open++)
    {
      sem_t *stranger = stranger_create (name, 4);

      if (!is_open)
        sem_close (stranger);
      fixture_expect_refused (fixture, key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 9,
                              SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS, key);
      for (i = 0; i < G_N_ELEMENTS (modes); i++)
        {
          g_autoptr(SsemSystemSemaphore) semaphore = NULL;

          semaphore = fixture_open_full (fixture, key, modes[i].mode, 9, TRUE, &error);
          g_assert_no_error (error);
          assert_value (semaphore, modes[i].value);
          drop_object (&semaphore);
          g_assert_cmpint (stranger_exists (name), ==, modes[i].mode != SSEM_ACCESS_MODE_CREATE);
        }
      if (is_open)
        {
          /* Theirs has lost its name, and lives on. */
          g_assert_cmpint (stranger_value (stranger), ==, 4);
          sem_close (stranger);
        }
    }
  stranger_use_own_names (fixture);
}

/* --- End of life --- */

/* Something else has the name by the time the last process leaves: it stays. */
static void
test_replaced_by_stranger (Fixture *fixture)
{
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSystemSemaphore) second = NULL;
  g_autoptr(GError) error = NULL;
  sem_t *stranger;

  stranger_use_names_of_system (fixture);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sem_unlink (name), ==, 0);
  stranger = stranger_create (name, 5);
  sem_close (stranger);

  /* A new object finds the new one. */
  second = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  assert_value (second, 5);
  drop_object (&semaphore);
  drop_object (&second);
  g_assert_true (stranger_exists (name));
  g_assert_cmpint (sem_unlink (name), ==, 0);
  stranger_use_own_names (fixture);
}

/* A child of a process that shares a mapping without this library, as sem_open () gives it, counts
 * as a user, too. */
static void
test_stranger_child (Fixture *fixture)
{
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  Helper *ours = NULL;
  sem_t *stranger;
  pid_t child;

  stranger_use_names_of_system (fixture);
  ours = fixture_helper (fixture);
  helper_open (ours, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, key);
  stranger = stranger_open (name);
  child = start_waiting_stranger (stranger);
  wait_until_blocked (fixture->backend, child, 1);
  sem_close (stranger);

  helper_run_expect_ok (ours, "close 0");
  g_assert_true (stranger_exists (name));
  helper_open (ours, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, key);
  helper_run_expect_ok (ours, "release 0 1");
  child_expect_well (child);
  helper_run_expect_ok (ours, "close 0");
  g_assert_false (stranger_exists (name));
  stranger_use_own_names (fixture);
}

/* A process of ours has left, and a thread of it is still inside a wait, so its mapping lasts a
 * little. The stranger's mapping is found beside it. */
static void
test_stranger_beside_waiting (Fixture *fixture)
{
  int i;

  stranger_use_names_of_system (fixture);
  for (i = 0; i < 20; i++)
    {
      g_autofree char *plain = stranger_make_key (fixture);
      g_autofree char *key = g_strdup_printf ("%s-%d", plain, i);
      g_autofree char *other = g_strconcat ("other-", key, NULL);
      g_autofree char *name = g_strconcat ("/", key, NULL);
      Helper *waiter = fixture_helper (fixture);
      Helper *last = fixture_helper (fixture);
      sem_t *stranger;

      helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, key);
      helper_open (last, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, key);
      stranger = stranger_open (name);
      helper_run_expect_ok (waiter, "wait-in-thread 0 1");
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      helper_run_expect_ok (waiter, "set-key 0 0 1 %s", other);
      helper_run_expect_ok (last, "close 0");
      g_assert_true (stranger_exists (name));
      sem_close (stranger);

      helper_send (waiter, "join-thread");
      helper_expect_code (waiter, NOT_FOUND);
      helper_quit (waiter);
      helper_open (last, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
      helper_quit (last);
      g_assert_false (stranger_exists (name));
    }
  stranger_use_own_names (fixture);
}

/* --- Looking --- */

/* What a stranger has made is listed. It is no leftover, and only an explicit request removes
 * it. */
static void
test_look_at_theirs (Fixture *fixture)
{
  SsemBackend backend = fixture->backend;
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;
  sem_t *stranger;
  guint i;
  int n_found = 0;

  stranger_use_names_of_system (fixture);
  stranger = stranger_create (name, 6);
  info = ssem_semaphore_info_query (key, backend, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 6);
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, -1);
  g_assert_cmpint (ssem_semaphore_info_get_n_attached (info), ==, -1);
  g_assert_false (ssem_semaphore_info_is_leftover (info));
  g_assert_null (ssem_semaphore_info_get_holders (info));
  g_assert_null (ssem_semaphore_info_get_waiters (info));
  g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==, -1);
  infos = ssem_semaphore_info_list (backend, &error);
  g_assert_no_error (error);
  for (i = 0; i < infos->len; i++)
    n_found += g_strcmp0 (ssem_semaphore_info_get_key (infos->pdata[i]), key) == 0;
  g_assert_cmpint (n_found, ==, 1);

  assert_refused_by_gio (ssem_semaphore_remove_leftover (key, backend, &error), BUSY);
  g_assert_cmpint (stranger_value (stranger), ==, 6);
  sem_close (stranger);
  assert_done (ssem_semaphore_remove_leftover (key, backend, &error));
  g_assert_false (stranger_exists (name));
  assert_refused (ssem_semaphore_remove_leftover (key, backend, &error), NOT_FOUND);
  stranger_use_own_names (fixture);
}

const char conformance_topic[] = "strangers";
const Needs conformance_needs = NEEDS_POSIX;

const Case conformance_cases[] = {
  { "ours", 0, test_ours },
  { "theirs", 0, test_theirs },
  { "waits", 0, test_waits },
  { "prompt", 0, test_prompt },
  { "native", 0, test_native },
  { "native-refused", 0, test_native_refused },
  { "modes", 0, test_modes_of_theirs },
  { "replaced", 0, test_replaced_by_stranger },
  { "child", 0, test_stranger_child },
  { "beside-waiting", 0, test_stranger_beside_waiting },
  { "look-at-theirs", 0, test_look_at_theirs },
  { NULL },
};
