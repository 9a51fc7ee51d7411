/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

typedef struct
{
  SsemBackend id;
  const char *name;
  const char *missing; /* why it may not be there */
} Backend;

static const Backend backends[] = {
  { SSEM_BACKEND_SHARED_MEMORY, "shared-memory", "this build has no shared-memory backend" },
  { SSEM_BACKEND_SYSV, "sysv", "this build has no System V backend" },
  { SSEM_BACKEND_WINDOWS, "windows", "the Windows backend needs Windows" },
};

typedef struct
{
  const Backend *backend;
  TestFunc test;
} TestCase;

typedef struct
{
  key_t key;
  int id;
} SeenSet;

#define MAXIMUM_OF_SYSV 32767
#define SEGMENT_NAME "segment"
#define TEST_SECONDS 110

static const char *test_topic;
static GPtrArray *test_cases;

/* --- What there is --- */

GStrv
fixture_list_keys (Fixture *self)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open (self->keys_folder, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_strv_builder_add (names, name);

  return g_strv_builder_end (names);
}

void
fixture_assert_empty (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  g_autofree char *text = g_strjoinv (" ", names);

  g_assert_cmpstr (text, ==, "");
}

/* The kernel's key of a file of the folder, as ftok(3) makes it. */
static key_t
key_of_name (Fixture    *self,
             const char *name)
{
  g_autofree char *path = g_build_filename (self->keys_folder, name, NULL);

  return ftok (path, 'Q');
}

static void
note_sets (gpointer source,
           gpointer data)
{
  Fixture *self = data;
  g_auto(GStrv) names = NULL;
  guint i, j;

  if (self->backend != SSEM_BACKEND_SYSV)
    return;

  names = fixture_list_keys (self);
  for (i = 0; names[i] != NULL; i++)
    {
      SeenSet seen = { .key = key_of_name (self, names[i]) };

      if (seen.key == (key_t) -1 || (seen.id = semget (seen.key, 1, 0)) < 0)
        continue;

      for (j = 0; j < self->sets->len; j++)
        {
          if (g_array_index (self->sets, SeenSet, j).id == seen.id)
            break;
        }
      if (j == self->sets->len)
        g_array_append_val (self->sets, seen);
    }
}

static void
assert_sets_gone (Fixture *self)
{
  guint i;

  for (i = 0; i < self->sets->len; i++)
    {
      SeenSet *seen = &g_array_index (self->sets, SeenSet, i);
      struct semid_ds status;
      union { struct semid_ds *buf; } argument = { &status };

      /* Another test may have been given the same number since; then its key is another. */
      if (semctl (seen->id, 0, IPC_STAT, argument) == 0)
        g_assert_cmpint (status.sem_perm.__key, !=, seen->key);
      else
        g_assert_true (errno == EINVAL || errno == EIDRM || errno == EACCES);
    }
}

char *
fixture_key_path (Fixture *self)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_auto(GStrv) names = NULL;

  semaphore = fixture_open (self, SSEM_ACCESS_MODE_OPEN, 0);
  names = fixture_list_keys (self);
  g_assert_cmpuint (g_strv_length (names), ==, 1);

  return g_build_filename (self->keys_folder, names[0], NULL);
}

int
fixture_maximum (Fixture *self)
{
  return self->backend == SSEM_BACKEND_SYSV ? MAXIMUM_OF_SYSV : G_MAXINT;
}

char *
fixture_content_path (Fixture *self)
{
  g_autofree char *path = fixture_key_path (self);

  if (self->backend == SSEM_BACKEND_SHARED_MEMORY)
    return g_build_filename (path, SEGMENT_NAME, NULL);

  return g_steal_pointer (&path);
}

void
fixture_plant_content (Fixture    *self,
                       const char *content,
                       gsize       length)
{
  g_autofree char *path = fixture_content_path (self);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents_full (path, content, length, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

static void
remove_tree (const char *path)
{
  g_autoptr(GDir) dir = NULL;
  const char *name;

  /* A file, a link or a FIFO goes at once. */
  if (g_unlink (path) == 0 || errno == ENOENT)
    return;

  dir = g_dir_open (path, 0, NULL);
  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
    }
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

void
fixture_unplant (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  guint i;

  for (i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (self->keys_folder, names[i], NULL);

      remove_tree (path);
    }
}

void
fixture_plant_misfit (Fixture *self)
{
  g_autofree char *path = fixture_key_path (self);
  g_autoptr(GError) error = NULL;

  if (self->backend == SSEM_BACKEND_SHARED_MEMORY)
    g_file_set_contents (path, "", 0, &error);
  else
    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_no_error (error);
}

void
fixture_remove (Fixture *self,
                Removal  removal)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  g_autofree char *path = NULL;
  g_autofree char *segment = NULL;
  int set;

  g_assert_cmpuint (g_strv_length (names), ==, 1);
  path = g_build_filename (self->keys_folder, names[0], NULL);
  switch (self->backend)
    {
    case SSEM_BACKEND_SYSV:
      if (removal != REMOVE_NAME)
        {
          set = semget (key_of_name (self, names[0]), 1, 0);
          g_assert_cmpint (set, >=, 0);
          g_assert_cmpint (semctl (set, 0, IPC_RMID), ==, 0);
        }
      if (removal != REMOVE_COUNTER)
        g_assert_cmpint (g_unlink (path), ==, 0);
      break;

    case SSEM_BACKEND_SHARED_MEMORY:
      segment = g_build_filename (path, SEGMENT_NAME, NULL);
      if (removal == REMOVE_COUNTER)
        g_assert_cmpint (g_unlink (segment), ==, 0);
      else
        remove_tree (path);
      break;

    case SSEM_BACKEND_DEFAULT:
    case SSEM_BACKEND_WINDOWS:
    default:
      g_assert_not_reached ();
    }
}

gboolean
fixture_always_notices (Fixture *self)
{
  return self->backend != SSEM_BACKEND_SHARED_MEMORY;
}

/* --- Users --- */

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
fixture_user (Fixture *self,
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
  note_sets (NULL, self);

  return semaphore;
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
  alarm (TEST_SECONDS);

  self->backend = test_case->backend->id;
  self->folder = g_dir_make_tmp ("ssem-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->keys_folder = g_build_filename (self->folder, "keys", NULL);
  g_assert_cmpint (g_mkdir (self->keys_folder, 0700), ==, 0);
  g_setenv ("SSEM_RUNTIME_DIR", self->keys_folder, TRUE);
  g_unsetenv ("SSEM_BACKEND");

  self->key = g_strdup_printf ("test of %s/%s", test_topic, random);
  self->helpers = g_ptr_array_new_with_free_func ((GDestroyNotify) helper_free);
  self->sets = g_array_new (FALSE, FALSE, sizeof (SeenSet));
  helper_observe (note_sets, self);
}

static void
run_test (gpointer      fixture,
          gconstpointer data)
{
  const TestCase *test_case = data;

  test_case->test (fixture);
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
  assert_sets_gone (self);

  /* Refused where a test, or the library, left anything outside of the folder of keys. */
  g_assert_cmpint (g_rmdir (self->keys_folder), ==, 0);
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);

  g_array_unref (self->sets);
  g_free (self->key);
  g_free (self->keys_folder);
  g_free (self->folder);
  alarm (0);
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
  g_unsetenv ("SSEM_BACKEND");
  test_topic = topic;
  test_cases = g_ptr_array_new_with_free_func (g_free);

  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autofree char *path = g_strdup_printf ("/ssem/%s/%s", topic, backends[i].name);

      if (!ssem_backend_is_supported (backends[i].id))
        g_test_add_data_func (path, &backends[i], skip_backend);
    }
}

void
conformance_add (const char *name,
                 TestFunc    test)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autofree char *path = NULL;
      TestCase *test_case;

      if (!ssem_backend_is_supported (backends[i].id))
        continue;

      path = g_strdup_printf ("/ssem/%s/%s/%s", test_topic, backends[i].name, name);
      test_case = g_new (TestCase, 1);
      test_case->backend = &backends[i];
      test_case->test = test;
      g_ptr_array_add (test_cases, test_case);
      g_test_add_vtable (path, sizeof (Fixture), test_case,
                         fixture_set_up, run_test, fixture_tear_down);
    }
}

int
conformance_run (void)
{
  int result = g_test_run ();

  g_ptr_array_unref (test_cases);

  return result;
}
