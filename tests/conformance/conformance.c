/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include "places.h"
#include "script.h"
#include "../modules/memory.h"

#include <glib/gstdio.h>

#include <string.h>
#include <unistd.h>

typedef struct
{
  SsemBackend id;
  const char *name;
  const char *missing; /* why it may not be there; NULL for a backend of the tests alone */
  Needs lacks;         /* by design: such cases are not of the backend */
  int maximum;
  int many; /* units that an acquire may ask for without taking long */
} Backend;

/* On Windows shared memory is no file, and the system removes it with its last process. */
#ifdef G_OS_WIN32
#define SHARED_MEMORY_LACKS (NEEDS_FILES | NEEDS_DIRECTORY | NEEDS_LEFTOVERS | NEEDS_INTERRUPT)
#else
#define SHARED_MEMORY_LACKS 0
#endif

/* Those that a build for this system can have. */
static const Backend backends[] = {
  { SSEM_BACKEND_SHARED_MEMORY, "shared-memory", "this build has no shared-memory backend",
    NEEDS_BOUND | NEEDS_ASKING | NEEDS_NATIVE_KEYS | NEEDS_SYSV | NEEDS_POSIX | NEEDS_COLLECTING |
    SHARED_MEMORY_LACKS, G_MAXINT, G_MAXINT },
#ifdef G_OS_WIN32
  { SSEM_BACKEND_WINDOWS, "windows", "this build has no Windows backend",
    NEEDS_UNDO | NEEDS_RESET | NEEDS_INSPECT | NEEDS_LIST | NEEDS_REMOVE | NEEDS_ATOMIC_N |
    NEEDS_LEFTOVERS | NEEDS_FILES | NEEDS_DIRECTORY | NEEDS_HOLDERS | NEEDS_WAITER_COUNT |
    NEEDS_BOUND | NEEDS_UNDO_AT_EXEC | NEEDS_INTERRUPT | NEEDS_SHARED_MEMORY | NEEDS_SYSV |
    NEEDS_POSIX, G_MAXINT, 1000 },
#else
  { SSEM_BACKEND_SYSV, "sysv", "this build has no System V backend",
    NEEDS_HOLDERS | NEEDS_UNDO_AT_EXEC | NEEDS_SHARED_MEMORY | NEEDS_POSIX | NEEDS_COLLECTING,
    32767, 32767 },
  { SSEM_BACKEND_POSIX, "posix", "this build has no POSIX backend",
    NEEDS_UNDO | NEEDS_RESET | NEEDS_ATOMIC_N | NEEDS_LEFTOVERS | NEEDS_DIRECTORY |
    NEEDS_HOLDERS | NEEDS_WAITER_COUNT | NEEDS_BOUND | NEEDS_ASKING | NEEDS_UNDO_AT_EXEC |
    NEEDS_SHARED_MEMORY | NEEDS_SYSV, G_MAXINT, 1000 },
  { SSEM_BACKEND_ETCD, "etcd", "no cluster is there",
    NEEDS_FILES | NEEDS_DIRECTORY | NEEDS_BOUND | NEEDS_WAITING_THREAD |
    NEEDS_SHARED_MEMORY | NEEDS_SYSV | NEEDS_POSIX | NEEDS_COLLECTING | NEEDS_LIMITS |
    NEEDS_USERS | NEEDS_NATIVE_KEYS, G_MAXINT, G_MAXINT },
#endif
  { MEMORY_BACKEND, "memory", NULL,
    NEEDS_UNDO | NEEDS_INSPECT | NEEDS_LIST | NEEDS_REMOVE | NEEDS_LEFTOVERS | NEEDS_FILES |
    NEEDS_DIRECTORY | NEEDS_HOLDERS | NEEDS_WAITER_COUNT | NEEDS_BOUND | NEEDS_ASKING |
    NEEDS_UNDO_AT_EXEC | NEEDS_WAITING_THREAD | NEEDS_INTERRUPT | NEEDS_SHARED_MEMORY | NEEDS_SYSV |
    NEEDS_POSIX | NEEDS_COLLECTING | NEEDS_LIMITS | NEEDS_NATIVE_KEYS, G_MAXINT, G_MAXINT },
};

/* Why there is no such case for a backend, or why it is skipped. */
static const struct
{
  Needs need;
  const char *reason;
} needs_reasons[] = {
  { NEEDS_SHARED_MEMORY, "the case is about shared memory" },
  { NEEDS_SYSV, "the case is about System V" },
  { NEEDS_POSIX, "the case is about POSIX semaphores" },
  { NEEDS_UNDO, "the units of a killed process do not come back" },
  { NEEDS_RESET, "no mode sets the value of a semaphore that is there" },
  { NEEDS_INSPECT, "the backend cannot look at a semaphore" },
  { NEEDS_LIST, "the backend cannot list semaphores" },
  { NEEDS_REMOVE, "nothing is left over that could be removed" },
  { NEEDS_ATOMIC_N, "several units are taken one after the other" },
  { NEEDS_COLLECTING, "several units are taken together" },
  { NEEDS_LEFTOVERS, "no semaphore outlives a crash with all its units" },
  { NEEDS_FILES, "a semaphore has no file" },
  { NEEDS_DIRECTORY, "no file lies in SSEM_RUNTIME_DIR" },
  { NEEDS_HOLDERS, "the backend does not know the holders" },
  { NEEDS_WAITER_COUNT, "the backend does not count the waiters" },
  { NEEDS_BOUND, "the maximum is G_MAXINT" },
  { NEEDS_ASKING, "an operation need not ask the system" },
  { NEEDS_INTERRUPT, "no signal ends a wait" },
  { NEEDS_UNDO_AT_EXEC, "units do not come back at exec ()" },
  { NEEDS_WAITING_THREAD, "no thread waits for an asynchronous acquire" },
  { NEEDS_NATIVE_KEYS, "other programs cannot open the object" },
  { NEEDS_SIGNALS, "the system has no signals" },
  { NEEDS_EXEC, "the system cannot replace the program of a process" },
  { NEEDS_LIMITS, "nothing limits how many descriptors an object may need" },
  { NEEDS_USERS, "only root can become another user, and a cluster does not know users" },
  { NEEDS_PRIVATE_MEMORY, "the system ignores MADV_DONTFORK, so a child keeps its parent's lock" },
  { NEEDS_OWN_MACHINE, "an emulator runs the program, and needs threads and memory itself" },
  { NEEDS_ORPHANS, "the system does not know PR_SET_CHILD_SUBREAPER" },
  { NEEDS_ADDRESS_LIMIT, "the system does not limit a process's memory" },
  { NEEDS_FORK_AMONG_THREADS, "a child may find the sanitizer's allocator locked forever" },
  { NEEDS_ALLOCATOR, "the sanitizer's allocator has limits and locks of its own" },
  { NEEDS_TRACED_END, "the sanitizer looks for leaks at the end, which it cannot in a traced process" },
};

/* With the address sanitizer, of gcc 12 at least, a child of fork () hangs in its first allocation
 * if another thread of its parent was allocating. */
#ifdef SSEM_TEST_ADDRESS_SANITIZER
#define BUILD_LACKS (NEEDS_FORK_AMONG_THREADS | NEEDS_ALLOCATOR | NEEDS_TRACED_END)
#else
#define BUILD_LACKS 0
#endif

typedef struct
{
  const Backend *backend;
  Case what;
} TestCase;

#define TEST_SECONDS 110
/* A case with many rounds begins no new round after that time. SSEM_TEST_ROUNDS_SECONDS sets less
 * where each round takes longer, and the default run has them all. */
#define ROUNDS_SECONDS 20

static const char *test_topic;
static GPtrArray *test_cases;

/* --- What there is --- */

static gboolean
has_one_reference (gpointer data)
{
  return g_atomic_int_get (&((GObject *) data)->ref_count) == 1;
}

void
await_last_reference (SsemSystemSemaphore *semaphore)
{
  wait_for ("the last reference on a semaphore", has_one_reference, semaphore);
}

void
fixture_assert_empty (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  g_autofree char *text = g_strjoinv (" ", names);

  g_assert_cmpstr (text, ==, "");
}

static const Backend *
find_backend (Fixture *self)
{
  guint i = 0;

  while (backends[i].id != self->backend)
    g_assert_cmpuint (++i, <, G_N_ELEMENTS (backends));

  return &backends[i];
}

int
fixture_maximum (Fixture *self)
{
  return find_backend (self)->maximum;
}

int
fixture_many (Fixture *self)
{
  return find_backend (self)->many;
}

int
fixture_scale (Fixture *self,
               int      n)
{
  return self->backend == SSEM_BACKEND_ETCD ? MAX (n / 20, 1) : n;
}

/* Returns everything that the system, the user or the build lacks. */
static Needs
find_lacks (void)
{
  return places_get_lacks () | BUILD_LACKS | (helper_may_change_user () ? 0 : NEEDS_USERS);
}

gboolean
fixture_supports (Fixture *self,
                  Needs    needs)
{
  return ((find_backend (self)->lacks | find_lacks ()) & needs) == 0;
}

void
fixture_wait_until_pending (Fixture *self,
                            guint    n_threads)
{
  if (fixture_supports (self, NEEDS_WAITING_THREAD))
    wait_until_blocked (self->backend, getpid (), n_threads);
}

gboolean
fixture_has_time (Fixture *self)
{
  const char *text = g_getenv ("SSEM_TEST_ROUNDS_SECONDS");
  gint64 seconds = text != NULL ? g_ascii_strtoll (text, NULL, 10) : ROUNDS_SECONDS;

  return g_get_monotonic_time () - self->begin_usec < seconds * G_USEC_PER_SEC;
}

/* --- Users --- */

void
fixture_share (Fixture *self)
{
  g_assert_cmpint (g_chmod (self->directory, 0711), ==, 0);
  g_assert_cmpint (g_chmod (self->keys_directory, 01777), ==, 0);
}

gboolean
fixture_can_change_user (Fixture *self)
{
  if (!helper_may_change_user ())
    {
      g_test_skip ("only root can become another user, and a cluster does not know users");
      return FALSE;
    }

  fixture_share (self);

  return TRUE;
}

static Helper *
adopt (Fixture *self,
       Helper  *helper)
{
  g_ptr_array_add (self->helpers, helper);

  return helper;
}

Helper *
fixture_helper (Fixture *self)
{
  return adopt (self, helper_new (self->backend));
}

Helper *
fixture_fork (Fixture *self,
              Helper  *parent)
{
  return adopt (self, helper_fork (parent));
}

Helper *
fixture_open_helper (Fixture *self,
                     int      initial_value)
{
  Helper *helper = fixture_helper (self);

  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, initial_value, TRUE, self->key);

  return helper;
}

SsemSystemSemaphore *
fixture_open_full (Fixture         *self,
                   const char      *key,
                   SsemAccessMode   mode,
                   int              initial_value,
                   gboolean         undo,
                   GError         **error)
{
  SsemSystemSemaphore *semaphore;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                              "key", key,
                              "initial-value", initial_value,
                              "mode", mode,
                              "undo", undo,
                              "backend", self->backend,
                              NULL);
  places_note (NULL, self);

  return semaphore;
}

void
fixture_expect_refused (Fixture        *self,
                        const char     *key,
                        SsemAccessMode  mode,
                        int             initial_value,
                        int             code,
                        const char     *named)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open_full (self, key, mode, initial_value, TRUE, &error);
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  g_assert_null (semaphore);
  if (named != NULL)
    g_assert_nonnull (strstr (error->message, named));
}

SsemSystemSemaphore *
fixture_open (Fixture        *self,
              SsemAccessMode  mode,
              int             initial_value)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore;

  semaphore = fixture_open_full (self, self->key, mode, initial_value, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (SSEM_IS_SYSTEM_SEMAPHORE (semaphore));

  return semaphore;
}

SsemSystemSemaphore *
open_native (const char     *native_key,
             SsemAccessMode  mode,
             int             initial_value)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore;

  semaphore = ssem_system_semaphore_new_for_native_key (native_key, initial_value, mode, &error);
  g_assert_no_error (error);

  return semaphore;
}

/* --- Running --- */

static void
fixture_set_up (gpointer      fixture,
                gconstpointer data)
{
  Fixture *self = fixture;
  const TestCase *test_case = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *random = g_uuid_string_random ();

  /* A test that hangs dies, and its helpers with it. */
  helper_limit_lifetime (TEST_SECONDS);
  self->begin_usec = g_get_monotonic_time ();

  self->backend = test_case->backend->id;
  self->backend_name = test_case->backend->name;
  self->data = test_case->what.data;
  self->directory = g_dir_make_tmp ("ssem-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->keys_directory = g_build_filename (self->directory, "keys", NULL);
  g_assert_cmpint (g_mkdir (self->keys_directory, 0700), ==, 0);
  g_setenv ("SSEM_RUNTIME_DIR", self->keys_directory, TRUE);
  g_unsetenv ("SSEM_BACKEND");

  self->key = g_strdup_printf ("test of %s/%s", test_topic, random);
  self->helpers = g_ptr_array_new_with_free_func ((GDestroyNotify) helper_free);
  places_begin (self);
  helper_observe (places_note, self);
}

static void
run_test (gpointer      fixture,
          gconstpointer data)
{
  const Case *what = &((const TestCase *) data)->what;

  if (what->script != NULL)
    script_run (fixture, what->script, what->rows);
  else
    what->body (fixture);
}

static void
fixture_tear_down (gpointer      fixture,
                   gconstpointer data)
{
  Fixture *self = fixture;
  guint i;

  for (i = 0; i < self->helpers->len; i++)
    {
      Helper *helper = g_ptr_array_index (self->helpers, i);

      if (helper->pid != 0)
        helper_quit (helper);
    }
  helper_observe (NULL, NULL);
  g_ptr_array_unref (self->helpers);

  fixture_assert_empty (self);
  places_end (self);

  /* Fails where a test, or the library, left anything outside of the directory of keys. */
  g_assert_cmpint (g_rmdir (self->keys_directory), ==, 0);
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);

  g_free (self->key);
  g_free (self->keys_directory);
  g_free (self->directory);
  helper_limit_lifetime (0);
}

static const char *
find_reason (Needs missing)
{
  guint i = 0;

  while ((needs_reasons[i].need & missing) == 0)
    i++;

  return needs_reasons[i].reason;
}

static void
skip_case (gconstpointer data)
{
  const TestCase *test_case = data;

  g_test_skip (find_reason (test_case->what.needs & find_lacks ()));
}

/* Beside a build of another width, a sem_t has another size. */
static gboolean
is_left_out (const Backend *backend)
{
  return backend->id == SSEM_BACKEND_POSIX && g_getenv ("SSEM_TEST_OTHER_BUILD") != NULL;
}

/* Whether the backend can be used. A test of etcd runs beside a server of its own. */
static gboolean
is_there (const Backend *backend)
{
  return (backend->id != SSEM_BACKEND_ETCD || g_getenv ("SSEM_ETCD_ENDPOINTS") != NULL) &&
         ssem_backend_is_supported (backend->id);
}

static void
skip_left_out (gconstpointer data)
{
  g_test_skip ("programs of different widths cannot share a POSIX semaphore");
}

static void
skip_backend (gconstpointer data)
{
  const Backend *backend = data;

  g_test_skip (backend->missing);
}

void
conformance_init (int          *argc,
                  char       ***argv,
                  const char   *topic)
{
  guint i;

  g_test_init (argc, argv, NULL);
  /* A module has the width of one build. */
  if (g_getenv ("SSEM_TEST_OTHER_BUILD") == NULL)
    memory_load ();
  g_unsetenv ("SSEM_BACKEND");
  helper_begin_watching ();
  test_topic = topic;
  test_cases = g_ptr_array_new_with_free_func (g_free);

  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autofree char *path = g_strdup_printf ("/ssem/%s/%s", topic, backends[i].name);

      if (is_left_out (&backends[i]))
        g_test_add_data_func (path, &backends[i], skip_left_out);
      else if (backends[i].missing != NULL && !is_there (&backends[i]))
        g_test_add_data_func (path, &backends[i], skip_backend);
    }
}

void
conformance_add_case (const Case *what)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autofree char *path = NULL;
      TestCase *test_case;

      if (is_left_out (&backends[i]) || !is_there (&backends[i]))
        continue;

      path = g_strdup_printf ("/ssem/%s/%s/%s", test_topic, backends[i].name, what->name);
      if ((what->needs & backends[i].lacks) != 0)
        {
          g_test_message ("no %s: %s", path, find_reason (what->needs & backends[i].lacks));
          continue;
        }
      test_case = g_new (TestCase, 1);
      *test_case = (TestCase) { &backends[i], *what };
      g_ptr_array_add (test_cases, test_case);
      if ((what->needs & find_lacks ()) != 0)
        g_test_add_data_func (path, test_case, skip_case);
      else
        g_test_add_vtable (path, sizeof (Fixture), test_case,
                           fixture_set_up, run_test, fixture_tear_down);
    }
}

void
conformance_add (const char    *name,
                 Needs          needs,
                 TestBody       body,
                 gconstpointer  data)
{
  conformance_add_case (&(const Case) { name, needs, body, data });
}

int
conformance_run (void)
{
  int result = g_test_run ();

  g_ptr_array_unref (test_cases);

  return result;
}
