/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "memory.h"

#include <ssem.h>

#include <glib/gstdio.h>

#include <dlfcn.h>
#include <string.h>

/* Backends that are not linked in: which file is loaded for a name, what happens if it is none, and
 * the event "lost", which only such a backend has so far. That the backend "memory" is a whole
 * backend is shown by the conformance suite. */

#define KEY "test of modules"

/* Exit statuses of the command. */
#define INVALID_STATUS 2
#define NOT_SUPPORTED_STATUS 6

typedef struct
{
  char *directory; /* of SSEM_RUNTIME_DIR and SSEM_MODULE_DIR */
} Fixture;

static char *
built_module (const char *name)
{
  g_autofree char *file = g_strdup_printf ("libssem-%s.so", name);

  return g_test_build_filename (G_TEST_BUILT, "modules", file, NULL);
}

static void
fixture_set_up (Fixture       *self,
                gconstpointer  data)
{
  g_autofree char *memory = built_module ("memory");
  g_autofree char *built = g_path_get_dirname (memory);
  g_autoptr(GError) error = NULL;

  self->directory = g_dir_make_tmp ("ssem-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("SSEM_RUNTIME_DIR", self->directory, TRUE);
  g_setenv ("SSEM_MODULE_DIR", built, TRUE);
  g_unsetenv ("SSEM_BACKEND");
}

static void
fixture_tear_down (Fixture       *self,
                   gconstpointer  data)
{
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
}

static SsemSystemSemaphore *
open_memory (void)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore;

  g_setenv ("SSEM_BACKEND", "memory", TRUE);
  semaphore = ssem_system_semaphore_new (KEY, 3, SSEM_ACCESS_MODE_OPEN, &error);
  g_assert_no_error (error);

  return semaphore;
}

/* --- Which file --- */

/* The number of the backend is known once the module is loaded, and not before. */
static void
test_loaded (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) by_name = NULL;
  g_autoptr(SsemSystemSemaphore) by_number = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (ssem_backend_is_supported (MEMORY_BACKEND));
  by_name = open_memory ();
  g_assert_cmpint ((int) ssem_system_semaphore_get_backend (by_name), ==, MEMORY_BACKEND);
  g_assert_false (ssem_system_semaphore_get_undo (by_name));
  g_assert_true (ssem_backend_is_supported (SSEM_BACKEND_DEFAULT));
  g_assert_true (ssem_backend_is_supported (MEMORY_BACKEND));

  g_unsetenv ("SSEM_BACKEND");
  g_unsetenv ("SSEM_MODULE_DIR");
  by_number = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error, "key", KEY,
                              "backend", MEMORY_BACKEND, NULL);
  g_assert_no_error (error);
  g_assert_true (ssem_system_semaphore_try_acquire (by_name, 2, NULL));
  g_assert_cmpint (ssem_system_semaphore_get_value (by_number, NULL), ==, 1);
}

#define N_THREADS 8

static gpointer
open_in_thread (gpointer data)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore;

  semaphore = ssem_system_semaphore_new (KEY, N_THREADS, SSEM_ACCESS_MODE_OPEN, &error);
  g_assert_no_error (error);
  g_assert_true (ssem_system_semaphore_try_acquire (semaphore, 1, &error));
  g_assert_no_error (error);

  return semaphore;
}

/* Threads that need the module for the first time load and initialise it once: all their semaphores
 * are one. */
static void
test_first_uses (Fixture       *fixture,
                 gconstpointer  data)
{
  GThread *threads[N_THREADS];
  guint i;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }

  g_setenv ("SSEM_BACKEND", "memory", TRUE);
  for (i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("open", open_in_thread, NULL);
  for (i = 0; i < N_THREADS; i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = g_thread_join (threads[i]);

      g_assert_cmpint ((int) ssem_system_semaphore_get_backend (semaphore), ==, MEMORY_BACKEND);
    }
}

/* The backend of a module need not be able to do everything. */
static void
test_not_supported (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_memory ();
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;

  info = ssem_semaphore_info_query (KEY, MEMORY_BACKEND, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  infos = ssem_semaphore_info_list (MEMORY_BACKEND, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_remove_leftover (KEY, MEMORY_BACKEND, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_true (ssem_semaphore_reset (KEY, 2, MEMORY_BACKEND, &error));
  g_assert_no_error (error);
  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, 2);
}

/* What the library and the command say of SSEM_BACKEND=@name. */
static void
assert_refused (const char *name,
                int         code,
                int         status,
                const char *path,
                const char *reason)
{
  const char *argv[] = { g_getenv ("SSEM_TEST_TOOL"), "show", KEY, NULL };
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *said = NULL;
  int wait_status;

  g_setenv ("SSEM_BACKEND", name, TRUE);
  g_assert_false (ssem_backend_is_supported (SSEM_BACKEND_DEFAULT));
  semaphore = ssem_system_semaphore_new (KEY, 3, SSEM_ACCESS_MODE_OPEN, &error);
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_null (semaphore);
  g_assert_nonnull (strstr (error->message, name));
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, reason));

  if (argv[0] != NULL)
    {
      g_autoptr(GError) failure = NULL;

      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &said,
                    &wait_status, &failure);
      g_assert_no_error (failure);
      g_assert_false (g_spawn_check_wait_status (wait_status, &failure));
      g_assert_error (failure, G_SPAWN_EXIT_ERROR, status);
      g_assert_nonnull (strstr (said, error->message));
    }
}

/* SSEM_MODULE_DIR has the module; @name is refused with NOT_SUPPORTED. */
static void
assert_not_loaded (const char *name,
                   const char *reason)
{
  g_autofree char *file = g_strdup_printf ("libssem-%s.so", name);
  g_autofree char *path = g_build_filename (g_getenv ("SSEM_MODULE_DIR"), file, NULL);

  assert_refused (name, G_IO_ERROR_NOT_SUPPORTED, NOT_SUPPORTED_STATUS, path, reason);
}

/* The library knows the name, and has neither the backend nor the module. */
static void
test_missing (Fixture       *fixture,
              gconstpointer  data)
{
  assert_not_loaded ("windows", "is not installed");
}

static void
test_misfits (Fixture       *fixture,
              gconstpointer  data)
{
  const struct
  {
    const char *name;
    const char *reason;
  } misfits[] = {
    { "old-abi", "it was built for another version of the semaphore library" },
    { "no-symbol", "ssem_backend_module" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (misfits); i++)
    assert_not_loaded (misfits[i].name, misfits[i].reason);
}

/* Files that are no modules, and a module under another name. */
static void
test_planted (Fixture       *fixture,
              gconstpointer  data)
{
  g_autofree char *garbage = g_build_filename (fixture->directory, "libssem-garbage.so", NULL);
  g_autofree char *renamed = g_build_filename (fixture->directory, "libssem-renamed.so", NULL);
  g_autofree char *directory = g_build_filename (fixture->directory, "libssem-directory.so", NULL);
  g_autofree char *memory = built_module ("memory");
  g_autofree char *content = NULL;
  gsize length;

  g_assert_true (g_file_set_contents (garbage, "garbage", -1, NULL));
  g_assert_true (g_file_get_contents (memory, &content, &length, NULL));
  g_assert_true (g_file_set_contents (renamed, content, (gssize) length, NULL));
  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_setenv ("SSEM_MODULE_DIR", fixture->directory, TRUE);

  assert_not_loaded ("garbage", "file too short");
  assert_not_loaded ("renamed", "it is the backend “memory”");
  assert_not_loaded ("directory", "");

  g_assert_cmpint (g_unlink (garbage), ==, 0);
  g_assert_cmpint (g_unlink (renamed), ==, 0);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* What is no name is not part of a path, and a name without a module is refused. */
static void
test_no_names (Fixture       *fixture,
               gconstpointer  data)
{
  const char *const names[] = { "absent", "../modules/memory", "Memory", "memory/", "memory.so" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    assert_refused (names[i], G_IO_ERROR_INVALID_ARGUMENT, INVALID_STATUS,
                    g_getenv ("SSEM_MODULE_DIR"), "shared-memory");
}

/* --- The event "lost" --- */

static gpointer
lose_in_thread (gpointer data)
{
  g_autofree char *path = built_module ("memory");
  void *module = dlopen (path, RTLD_NOW | RTLD_NOLOAD);
  void (* lose) (void);

  /* It was loaded by the library, and once. */
  g_assert_nonnull (module);
  *(void **) &lose = dlsym (module, "memory_lose");
  g_assert_nonnull (lose);
  lose ();
  dlclose (module);

  return NULL;
}

static void
lose (void)
{
  g_thread_join (g_thread_new ("lose", lose_in_thread, NULL));
}

static void
lost_cb (SsemSystemSemaphore *semaphore,
         const GError        *error,
         guint               *n_lost)
{
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST);
  g_assert_nonnull (strstr (error->message, KEY));
  g_assert_nonnull (strstr (error->message, "memory_lose () was called"));
  g_assert_cmpint (ssem_system_semaphore_get_initial_value (semaphore), ==, 3);
  (*n_lost)++;
}

/* The signal comes in the main context of the construction; the next operation says it, too. */
static void
test_lost (Fixture       *fixture,
           gconstpointer  data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  guint n_lost = 0;
  guint round;

  g_main_context_push_thread_default (context);
  semaphore = open_memory ();
  g_main_context_pop_thread_default (context);
  g_signal_connect (semaphore, "lost", G_CALLBACK (lost_cb), &n_lost);

  for (round = 1; round <= 2; round++)
    {
      lose ();
      g_assert_cmpuint (n_lost, ==, round - 1);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpuint (n_lost, ==, round - 1);
      while (g_main_context_iteration (context, FALSE))
        ;
      g_assert_cmpuint (n_lost, ==, round);

      g_assert_false (ssem_system_semaphore_release (semaphore, 1, &error));
      g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST);
      g_assert_nonnull (strstr (error->message, KEY));
      g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_LOST);
      g_clear_error (&error);
      g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, &error), ==, 3);
      g_assert_no_error (error);
    }
}

/* A report that is on its way when the object gets another key, or goes, is dropped. */
static void
test_lost_too_late (Fixture       *fixture,
                    gconstpointer  data)
{
  SsemSystemSemaphore *semaphore = open_memory ();
  g_autoptr(GError) error = NULL;
  guint n_lost = 0;

  g_signal_connect (semaphore, "lost", G_CALLBACK (lost_cb), &n_lost);
  lose ();
  g_assert_true (ssem_system_semaphore_set_key (semaphore, KEY " 2", 3, SSEM_ACCESS_MODE_OPEN,
                                                &error));
  g_assert_no_error (error);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_lost, ==, 0);

  lose ();
  g_assert_finalize_object (semaphore);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_lost, ==, 0);
}

/* --- Hooks --- */

#define EXITING_PATH "/ssem/modules/exit-hook/subprocess/exiting"

static void
exit_with_open_semaphore (void)
{
  /* Never dropped. */
  open_memory ();
}

/* A module's exit hook closes what a program has not dropped: here, it removes the file. */
static void
test_exit_hook (Fixture       *fixture,
                gconstpointer  data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) directory = NULL;

  g_test_trap_subprocess (EXITING_PATH, 0, 0);
  g_test_trap_assert_passed ();

  directory = g_dir_open (fixture->directory, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_dir_read_name (directory), ==, NULL);
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
    { "/ssem/modules/loaded", test_loaded },
    { "/ssem/modules/first-uses", test_first_uses },
    { "/ssem/modules/not-supported", test_not_supported },
    { "/ssem/modules/missing", test_missing },
    { "/ssem/modules/misfits", test_misfits },
    { "/ssem/modules/planted", test_planted },
    { "/ssem/modules/no-names", test_no_names },
    { "/ssem/modules/lost", test_lost },
    { "/ssem/modules/lost-too-late", test_lost_too_late },
    { "/ssem/modules/exit-hook", test_exit_hook },
  };
  guint i;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func (EXITING_PATH, exit_with_open_semaphore);
  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add (cases[i].path, Fixture, NULL, fixture_set_up, cases[i].test, fixture_tear_down);

  return g_test_run ();
}
