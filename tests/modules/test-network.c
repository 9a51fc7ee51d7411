/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "memory.h"

#include <ssem.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the public face has for backends on a network: addresses, fencing tokens and hosts. The
 * backends "memory" and "hosts" have no network, and the same face. */

#define KEY "test of networks"
#define HOSTS_BACKEND 1001

typedef struct
{
  char *directory; /* of SSEM_RUNTIME_DIR */
} Fixture;

static void
fixture_set_up (Fixture       *self,
                gconstpointer  data)
{
  g_autofree char *modules = g_test_build_filename (G_TEST_BUILT, "modules", NULL);
  g_autoptr(GError) error = NULL;

  self->directory = g_dir_make_tmp ("ssem-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("SSEM_RUNTIME_DIR", self->directory, TRUE);
  g_setenv ("SSEM_MODULE_DIR", modules, TRUE);
  g_assert_true (memory_load ());
  g_setenv ("SSEM_BACKEND", "hosts", TRUE);
  g_assert_true (ssem_backend_is_supported (SSEM_BACKEND_DEFAULT));
  g_unsetenv ("SSEM_BACKEND");
}

static void
fixture_tear_down (Fixture       *self,
                   gconstpointer  data)
{
  const char *const left[] = { "keys", "processes" };
  guint i;

  /* The directories that the backend with shared memory makes stay. */
  for (i = 0; i < G_N_ELEMENTS (left); i++)
    {
      g_autofree char *path = g_build_filename (self->directory, left[i], NULL);

      g_rmdir (path);
    }
  /* The thread of a request may have the last reference to a semaphore, and close it just now. */
  while (g_rmdir (self->directory) != 0)
    {
      g_assert_cmpint (errno, ==, ENOTEMPTY);
      g_usleep (1000);
    }
  g_free (self->directory);
}

static SsemSystemSemaphore *
open_at (SsemBackend   backend,
         const char   *address,
         GError      **error)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error, "key", KEY, "initial-value", 3,
                         "backend", backend, "address", address, NULL);
}

static SsemSystemSemaphore *
open_memory (const char *address)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore = open_at (MEMORY_BACKEND, address, &error);

  g_assert_no_error (error);

  return semaphore;
}

static int
get_value (SsemSystemSemaphore *semaphore)
{
  g_autoptr(GError) error = NULL;
  int value = ssem_system_semaphore_get_value (semaphore, &error);

  g_assert_no_error (error);

  return value;
}

/* --- Addresses --- */

/* The same key at another address is another semaphore, for another key of the object, too. */
static void
test_address (Fixture       *fixture,
              gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) without = open_memory (NULL);
  g_autoptr(SsemSystemSemaphore) here = open_memory ("here");
  g_autoptr(SsemSystemSemaphore) there = open_memory ("there");
  g_autoptr(GError) error = NULL;
  g_autofree char *address = NULL;

  g_assert_true (ssem_system_semaphore_try_acquire (here, 2, NULL));
  g_assert_cmpint (get_value (without), ==, 3);
  g_assert_cmpint (get_value (there), ==, 3);

  g_assert_cmpstr (ssem_system_semaphore_get_address (without), ==, NULL);
  g_assert_cmpstr (ssem_system_semaphore_get_address (here), ==, "here");
  g_object_get (there, "address", &address, NULL);
  g_assert_cmpstr (address, ==, "there");

  g_assert_true (ssem_system_semaphore_set_key (there, KEY " 2", 5, SSEM_ACCESS_MODE_OPEN,
                                                &error));
  g_assert_no_error (error);
  g_assert_true (ssem_system_semaphore_set_key (here, KEY " 2", 7, SSEM_ACCESS_MODE_OPEN, &error));
  g_assert_no_error (error);
  g_assert_cmpint (get_value (there), ==, 5);
  g_assert_cmpint (get_value (here), ==, 7);
  g_assert_cmpstr (ssem_system_semaphore_get_address (there), ==, "there");
}

#define assert_refused(result) \
  G_STMT_START \
    { \
      gboolean is_done = (result); \
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT); \
      g_assert_nonnull (strstr (error->message, "https://a.example:2379\\n")); \
      g_assert_nonnull (strstr (error->message, "etcd")); \
      g_assert_false (is_done); \
      g_clear_error (&error); \
    } \
  G_STMT_END

/* A backend on this machine does not ignore an address: a program that believes it is on a network
 * would guard nothing. */
static void
test_address_refused (Fixture       *fixture,
                      gconstpointer  data)
{
  const char *address = "https://a.example:2379\n";
  int backend;

  for (backend = SSEM_BACKEND_DEFAULT; backend < SSEM_BACKEND_ETCD; backend++)
    {
      g_autoptr(GError) error = NULL;

      if (!ssem_backend_is_supported (backend))
        continue;

      assert_refused (open_at (backend, address, &error) != NULL);
      if (backend == SSEM_BACKEND_WINDOWS)
        continue;
      assert_refused (ssem_semaphore_info_list_at (backend, address, &error) != NULL);
      assert_refused (ssem_semaphore_info_query_at (KEY, backend, address, &error) != NULL);
      assert_refused (ssem_semaphore_remove_leftover_at (KEY, backend, address, &error));
      assert_refused (ssem_semaphore_reset_at (KEY, 1, backend, address, &error));
    }
}

/* --- Fencing tokens --- */

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  GAsyncResult **place = data;

  *place = g_object_ref (result);
}

static GAsyncResult *
acquire_async (SsemSystemSemaphore *semaphore)
{
  GAsyncResult *result = NULL;

  ssem_system_semaphore_acquire_async (semaphore, 1, NULL, acquired_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return result;
}

/* Every way to acquire has a token of its own, greater than all before, in another object, too. */
static void
test_tokens (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_memory (NULL);
  g_autoptr(SsemSystemSemaphore) other = open_memory (NULL);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  guint64 token;

  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==, 0);
  g_assert_true (ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL));
  token = ssem_system_semaphore_get_fencing_token (semaphore);
  g_assert_cmpuint (token, >, 0);
  g_assert_true (ssem_system_semaphore_release (semaphore, 1, NULL));
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==, token);

#define assert_new_token(semaphore, acquire) \
  G_STMT_START \
    { \
      g_assert_true (acquire); \
      g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), >, token); \
      token = ssem_system_semaphore_get_fencing_token (semaphore); \
      g_assert_true (ssem_system_semaphore_release (semaphore, 1, NULL)); \
    } \
  G_STMT_END

  assert_new_token (semaphore, ssem_system_semaphore_acquire (semaphore, 1, cancellable, NULL));
  assert_new_token (other, ssem_system_semaphore_try_acquire (other, 1, NULL));
  assert_new_token (semaphore, ssem_system_semaphore_try_acquire_one (semaphore));
  assert_new_token (semaphore, ssem_system_semaphore_acquire_timeout (semaphore, 1, 1, NULL, NULL));
  assert_new_token (semaphore, ssem_system_semaphore_acquire_interruptible (semaphore, 1, -1, NULL,
                                                                            NULL));

  /* A failure changes nothing, and another key has other tokens. */
  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, 4, NULL));
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==, token);
  g_assert_true (ssem_system_semaphore_set_key (semaphore, KEY " 2", 3, SSEM_ACCESS_MODE_OPEN,
                                                NULL));
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==, 0);
}

/* The token of an asynchronous acquire counts from acquire_finish () on, so a program that reads it
 * there gets that of this request, in whatever order the requests were done. */
static void
test_tokens_of_requests (Fixture       *fixture,
                         gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_memory (NULL);
  g_autoptr(GAsyncResult) first = acquire_async (semaphore);
  g_autoptr(GAsyncResult) second = acquire_async (semaphore);
  guint64 second_token;

  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==, 0);
  g_assert_true (ssem_system_semaphore_acquire_finish (semaphore, second, NULL));
  second_token = ssem_system_semaphore_get_fencing_token (semaphore);
  g_assert_true (ssem_system_semaphore_acquire_finish (semaphore, first, NULL));
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), >, 0);
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), <, second_token);
}

static void
timed_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  gboolean *is_acquired = data;
  g_autoptr(GError) error = NULL;

  *is_acquired = ssem_system_semaphore_acquire_timeout_finish (SSEM_SYSTEM_SEMAPHORE (source),
                                                               result, &error);
  g_assert_no_error (error);
}

/* A request with a time-out has its token, too, also where it does not wait. */
static void
test_tokens_of_timed_requests (Fixture       *fixture,
                               gconstpointer  data)
{
  const gint64 timeouts[] = { G_MAXINT64, 0 };
  g_autoptr(SsemSystemSemaphore) semaphore = open_memory (NULL);
  guint64 token = 0;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      gboolean is_acquired = FALSE;

      ssem_system_semaphore_acquire_timeout_async (semaphore, 1, timeouts[i], NULL, timed_cb,
                                                   &is_acquired);
      while (!is_acquired)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), >, token);
      token = ssem_system_semaphore_get_fencing_token (semaphore);
    }
}

/* The first request of an object that is not open goes through the queue of the library, which
 * knows the token, too. */
static void
test_token_of_queue (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GAsyncResult) result = NULL;

  semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", KEY, "initial-value", 1,
                            "backend", MEMORY_BACKEND, NULL);
  result = acquire_async (semaphore);
  g_assert_true (ssem_system_semaphore_acquire_finish (semaphore, result, NULL));
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), >, 0);
}

static void
test_tokens_of_holds (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_memory (NULL);
  g_autoptr(SsemHold) first = ssem_hold_new (semaphore, 1, NULL, NULL);
  g_autoptr(SsemHold) second = ssem_hold_new (semaphore, 1, NULL, NULL);
  g_autoptr(SsemHold) adopted = NULL;

  g_assert_cmpuint (ssem_hold_get_fencing_token (first), >, 0);
  g_assert_cmpuint (ssem_hold_get_fencing_token (second), >, ssem_hold_get_fencing_token (first));
  g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==,
                    ssem_hold_get_fencing_token (second));

  g_assert_true (ssem_system_semaphore_try_acquire (semaphore, 1, NULL));
  adopted = ssem_hold_adopt (semaphore, 1);
  g_assert_cmpuint (ssem_hold_get_fencing_token (adopted), >,
                    ssem_hold_get_fencing_token (second));
}

#define LOCAL_PATH "/ssem/network/no-tokens/subprocess/local"

static void
acquire_on_this_machine (void)
{
  int backend;

  for (backend = SSEM_BACKEND_SHARED_MEMORY; backend < SSEM_BACKEND_ETCD; backend++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(SsemHold) hold = NULL;
      g_autoptr(GError) error = NULL;

      if (!ssem_backend_is_supported (backend))
        continue;

      semaphore = open_at (backend, NULL, &error);
      g_assert_no_error (error);
      hold = ssem_hold_new (semaphore, 1, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (ssem_hold_get_fencing_token (hold), ==, 0);
      g_assert_cmpuint (ssem_system_semaphore_get_fencing_token (semaphore), ==, 0);
    }
}

/* Nothing is lost on this machine, so there is nothing to tell apart. In a process of its own: some
 * files are there until its end. */
static void
test_no_tokens (Fixture       *fixture,
                gconstpointer  data)
{
  g_test_trap_subprocess (LOCAL_PATH, 0, 0);
  g_test_trap_assert_passed ();
}

/* --- Hosts --- */

/* The processes are ordered by their hosts, this machine first, then by their ids. */
static void
test_hosts (Fixture       *fixture,
            gconstpointer  data)
{
  const struct
  {
    const char *host;
    int pid;
  } expected[] = { { NULL, 815 }, { "atlas", 42 }, { "atlas", 4711 }, { "boreas", 4711 } };
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;
  GPtrArray *holders, *waiters;
  guint i;

  info = ssem_semaphore_info_query_at ("render farm", HOSTS_BACKEND, "farm", &error);
  g_assert_no_error (error);
  holders = ssem_semaphore_info_get_holders (info);
  g_assert_cmpuint (holders->len, ==, G_N_ELEMENTS (expected));
  for (i = 0; i < holders->len; i++)
    {
      SsemProcessInfo *process = holders->pdata[i];

      g_assert_cmpstr (ssem_process_info_get_host (process), ==, expected[i].host);
      g_assert_cmpint (ssem_process_info_get_pid (process), ==, expected[i].pid);
    }
  waiters = ssem_semaphore_info_get_waiters (info);
  g_assert_cmpuint (waiters->len, ==, 1);
  g_assert_cmpstr (ssem_process_info_get_host (waiters->pdata[0]), ==, "cronos");

  infos = ssem_semaphore_info_list_at (HOSTS_BACKEND, "farm", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, ==, 2);
  g_assert_cmpstr (ssem_semaphore_info_get_key (infos->pdata[0]), ==, "render farm");
  g_assert_cmpstr (ssem_semaphore_info_get_key (infos->pdata[1]), ==, "seats");
}

/* Each function goes to the address that it is given; without one, to the backend's default. */
static void
test_administration (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr(GPtrArray) none = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true (ssem_semaphore_remove_leftover_at ("seats", HOSTS_BACKEND, "farm", &error));
  g_assert_no_error (error);
  g_assert_false (ssem_semaphore_remove_leftover_at ("render farm", HOSTS_BACKEND, "farm",
                                                     &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (ssem_semaphore_reset_at ("render farm", 3, HOSTS_BACKEND, "farm", &error));
  g_assert_no_error (error);

  none = ssem_semaphore_info_list (HOSTS_BACKEND, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);

#define assert_fails(address, domain, code) \
  G_STMT_START \
    { \
      g_assert_null (ssem_semaphore_info_query_at ("seats", HOSTS_BACKEND, address, &error)); \
      g_assert_error (error, domain, code); \
      g_clear_error (&error); \
      g_assert_false (ssem_semaphore_remove_leftover_at ("seats", HOSTS_BACKEND, address, \
                                                         &error)); \
      g_assert_error (error, domain, code); \
      g_clear_error (&error); \
      g_assert_false (ssem_semaphore_reset_at ("seats", 3, HOSTS_BACKEND, address, &error)); \
      g_assert_error (error, domain, code); \
      g_clear_error (&error); \
    } \
  G_STMT_END

  assert_fails (NULL, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  assert_fails ("down", G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE);
  g_assert_null (ssem_semaphore_info_list_at (HOSTS_BACKEND, "down", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE);
}

/* --- The loss from outside --- */

#define PIPE "losses"
#define LOSER_PATH "/ssem/network/lost-by-pipe/subprocess/loser"

static void
lost_cb (SsemSystemSemaphore *semaphore,
         const GError        *error,
         guint               *n_lost)
{
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST);
  (*n_lost)++;
}

/* Loses what this process holds, @n times. */
static void
write_losses (const char *path,
              guint       n)
{
  int fd = open (path, O_WRONLY);

  g_assert_cmpint (fd, >=, 0);
  while (n-- > 0)
    g_assert_cmpint (write (fd, "x", 1), ==, 1);
  close (fd);
}

static void
lose_by_pipe (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("SSEM_RUNTIME_DIR"), PIPE, NULL);
  guint n_lost = 0;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_setenv ("SSEM_MEMORY_LOSES", path, TRUE);
  g_assert_true (memory_load ());
  {
    g_autoptr(SsemSystemSemaphore) semaphore = open_memory (NULL);
    SsemHold *lost = ssem_hold_new (semaphore, 1, NULL, NULL);
    g_autoptr(GError) error = NULL;
    SsemHold *kept;

    g_signal_connect (semaphore, "lost", G_CALLBACK (lost_cb), &n_lost);
    g_assert_cmpuint (ssem_system_semaphore_get_n_losses (semaphore), ==, 0);
    write_losses (path, 1);
    while (n_lost == 0)
      g_main_context_iteration (NULL, TRUE);
    g_assert_cmpuint (n_lost, ==, 1);
    g_assert_cmpuint (ssem_system_semaphore_get_n_losses (semaphore), ==, 1);

    /* The first operation says it. What was lost is not released; what was acquired since is. */
    g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, -1);
    kept = ssem_hold_new (semaphore, 1, NULL, NULL);
    g_assert_cmpint (get_value (semaphore), ==, 1);
    g_assert_false (ssem_hold_release (lost, &error));
    g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST);
    ssem_hold_unref (lost);
    g_assert_cmpint (get_value (semaphore), ==, 1);
    ssem_hold_unref (kept);
    g_assert_cmpint (get_value (semaphore), ==, 2);
  }
  g_assert_cmpint (g_unlink (path), ==, 0);
}

/* Tests in other languages and of the command lose what they hold in this way. */
static void
test_lost_by_pipe (Fixture       *fixture,
                   gconstpointer  data)
{
  g_test_trap_subprocess (LOSER_PATH, 0, 0);
  g_test_trap_assert_passed ();
}

int
main (int    argc,
      char **argv)
{
  const struct
  {
    const char *path;
    void     (* test) (Fixture *fixture, gconstpointer data);
  } cases[] = {
    { "/ssem/network/address", test_address },
    { "/ssem/network/address-refused", test_address_refused },
    { "/ssem/network/tokens", test_tokens },
    { "/ssem/network/tokens-of-requests", test_tokens_of_requests },
    { "/ssem/network/tokens-of-timed-requests", test_tokens_of_timed_requests },
    { "/ssem/network/token-of-queue", test_token_of_queue },
    { "/ssem/network/tokens-of-holds", test_tokens_of_holds },
    { "/ssem/network/no-tokens", test_no_tokens },
    { "/ssem/network/hosts", test_hosts },
    { "/ssem/network/administration", test_administration },
    { "/ssem/network/lost-by-pipe", test_lost_by_pipe },
  };
  guint i;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func (LOCAL_PATH, acquire_on_this_machine);
  g_test_add_func (LOSER_PATH, lose_by_pipe);
  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add (cases[i].path, Fixture, NULL, fixture_set_up, cases[i].test, fixture_tear_down);

  return g_test_run ();
}
