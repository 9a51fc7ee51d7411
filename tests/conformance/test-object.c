/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <string.h>

/* --- Properties --- */

static void
test_properties (Fixture *fixture)
{
  const char *const names[] = { "key", "initial-value", "mode", "undo", "backend" };
  g_autoptr(GTypeClass) klass = g_type_class_ref (SSEM_TYPE_SYSTEM_SEMAPHORE);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *key = NULL;
  g_autofree char *key_property = NULL;
  SsemAccessMode mode;
  SsemBackend backend;
  int initial_value;
  gboolean undo;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GParamSpec *property = g_object_class_find_property (G_OBJECT_CLASS (klass), names[i]);

      g_assert_nonnull (property);
      g_assert_true (property->flags & G_PARAM_CONSTRUCT_ONLY);
      g_assert_true (property->flags & G_PARAM_READABLE);
    }

  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE, 6, FALSE, &error);
  g_assert_no_error (error);
  g_object_get (semaphore, "key", &key_property, "initial-value", &initial_value, "mode", &mode,
                "undo", &undo, "backend", &backend, NULL);
  g_assert_cmpstr (key_property, ==, fixture->key);
  g_assert_cmpint (initial_value, ==, 6);
  g_assert_cmpint (mode, ==, SSEM_ACCESS_MODE_CREATE);
  g_assert_false (undo);
  g_assert_cmpint (backend, ==, fixture->backend);

  key = ssem_system_semaphore_get_key (semaphore);
  g_assert_cmpstr (key, ==, fixture->key);
  g_assert_cmpint (ssem_system_semaphore_get_initial_value (semaphore), ==, 6);
  g_assert_cmpint (ssem_system_semaphore_get_mode (semaphore), ==, SSEM_ACCESS_MODE_CREATE);
  g_assert_false (ssem_system_semaphore_get_undo (semaphore));
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, fixture->backend);

  drop_object (&semaphore);
}

static void
test_defaults (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL);

  g_assert_null (ssem_system_semaphore_get_key (semaphore));
  g_assert_cmpint (ssem_system_semaphore_get_initial_value (semaphore), ==, 0);
  g_assert_cmpint (ssem_system_semaphore_get_mode (semaphore), ==, SSEM_ACCESS_MODE_OPEN);
  g_assert_true (ssem_system_semaphore_get_undo (semaphore));
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_DEFAULT);
  g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                   SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR);

  drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

/* --- Initialization --- */

/* A second init () does not open a second time: CREATE would reset the value. */
static void
test_init_twice (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 5);
  g_autoptr(GError) error = NULL;

  assert_acquire (semaphore, 2);
  g_assert_true (g_initable_init (G_INITABLE (semaphore), NULL, &error));
  g_assert_no_error (error);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

static void
test_init_cancelled (Fixture *fixture)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", fixture->key, "initial-value", 2,
                            "backend", fixture->backend, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_false (g_initable_init (G_INITABLE (semaphore), cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  fixture_assert_empty (fixture);
  assert_value (semaphore, 2);

  drop_object (&semaphore);
}

/* The ways to use an object for the first time, and the value after each, of 3. */
static const int values_after[] = { 2, 2, 2, 4, 3, 3 };

static gboolean
use (SsemSystemSemaphore  *semaphore,
     guint                 way,
     GError              **error)
{
  switch (way)
    {
    case 0:
      return ssem_system_semaphore_acquire (semaphore, 1, NULL, error);
    case 1:
      return ssem_system_semaphore_try_acquire (semaphore, 1, error);
    case 2:
      return ssem_system_semaphore_acquire_timeout (semaphore, 1, 1000, NULL, error);
    case 3:
      return ssem_system_semaphore_release (semaphore, 1, error);
    case 4:
      return ssem_system_semaphore_get_value (semaphore, error) >= 0;
    default:
      return g_initable_init (G_INITABLE (semaphore), NULL, error);
    }
}

/* An object that was built from its properties alone opens the key at its first use. */
static void
test_opens_itself (Fixture *fixture)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (values_after); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", fixture->key,
                                "initial-value", 3, "backend", fixture->backend, NULL);
      fixture_assert_empty (fixture);
      g_assert_true (use (semaphore, i, &error));
      g_assert_no_error (error);
      assert_value (semaphore, values_after[i]);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
    }
}

/* An object that cannot be opened fails in the same way each time, and works as soon as it can be
 * opened. */
static void
test_failed_then_used (Fixture *fixture)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (values_after); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;
      g_autoptr(GError) again = NULL;
      Helper *helper;

      semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", fixture->key,
                                "mode", SSEM_ACCESS_MODE_OPEN_EXISTING,
                                "backend", fixture->backend, NULL);
      g_assert_false (g_initable_init (G_INITABLE (semaphore), NULL, &error));
      assert_code (error, NOT_FOUND);
      g_assert_false (use (semaphore, i, &again));
      assert_code (again, NOT_FOUND);
      g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
      fixture_assert_empty (fixture);

      helper = fixture_open_helper (fixture, 3);
      g_clear_error (&error);
      g_assert_true (use (semaphore, i, &error));
      g_assert_no_error (error);
      assert_value (semaphore, values_after[i]);
      helper_quit (helper);
      drop_object (&semaphore);
    }
}

static void
test_without_key (Fixture *fixture)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (values_after); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "backend", fixture->backend, NULL);
      g_assert_false (use (semaphore, i, &error));
      assert_code (error, KEY_ERROR);
      drop_object (&semaphore);
    }
  fixture_assert_empty (fixture);
}

static void
test_no_mode (Fixture *fixture)
{
  const int modes[] = { -1, SSEM_ACCESS_MODE_JOIN + 1, 99, G_MAXINT, G_MININT };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr(SsemSystemSemaphore) other = NULL;
      g_autoptr(GError) error = NULL;

      other = ssem_system_semaphore_new (fixture->key, 1, modes[i], &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_null (other);
      g_clear_error (&error);
      assert_refused_by_gio (ssem_system_semaphore_set_key (semaphore, "another", 1, modes[i],
                                                            &error), INVALID_ARGUMENT);
      assert_value (semaphore, 1);

      /* By a property, too: GObject's own would open the key with the default mode. */
      other = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error, "key", fixture->key,
                              "backend", fixture->backend, "mode", modes[i], NULL);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_null (other);
    }

  drop_object (&semaphore);
}

/* No other number is taken for a backend, as a property or as an argument. */
static void
test_no_backend (Fixture *fixture)
{
  const int backends[] = { -1, SSEM_BACKEND_ETCD + 1, 99, G_MAXINT, G_MININT };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(SsemSemaphoreInfo) info = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", fixture->key,
                                "backend", backends[i], NULL);
      g_assert_cmpint ((int) ssem_system_semaphore_get_backend (semaphore), ==, backends[i]);
      assert_refused_by_gio (ssem_system_semaphore_acquire (semaphore, 1, NULL,
                                                            &error), INVALID_ARGUMENT);

      info = ssem_semaphore_info_query (fixture->key, backends[i], &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_null (info);
      g_assert_false (ssem_backend_is_supported (backends[i]));
      drop_object (&semaphore);
    }

  fixture_assert_empty (fixture);
}

static void
initialized_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      data)
{
  GAsyncResult **place = data;

  *place = g_object_ref (result);
}

static gboolean
iterate_until_set (gpointer data)
{
  GAsyncResult **place = data;

  while (*place == NULL && g_main_context_iteration (NULL, FALSE))
    ;

  return *place != NULL;
}

static SsemSystemSemaphore *
open_async (Fixture         *fixture,
            SsemAccessMode   mode,
            GError         **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GObject) source = NULL;
  GObject *object;

  g_async_initable_new_async (SSEM_TYPE_SYSTEM_SEMAPHORE, G_PRIORITY_DEFAULT, NULL,
                              initialized_cb, &result,
                              "key", fixture->key, "initial-value", 4, "mode", mode,
                              "backend", fixture->backend, NULL);
  wait_for ("an object to initialize", iterate_until_set, &result);
  source = g_async_result_get_source_object (result);
  object = g_async_initable_new_finish (G_ASYNC_INITABLE (source), result, error);

  return object != NULL ? SSEM_SYSTEM_SEMAPHORE (object) : NULL;
}

static void
test_async_initable (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = open_async (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, &error);
  assert_code (error, NOT_FOUND);
  g_assert_null (semaphore);
  g_clear_error (&error);

  semaphore = open_async (fixture, SSEM_ACCESS_MODE_OPEN, &error);
  g_assert_no_error (error);
  assert_value (semaphore, 4);
  /* The thread that initialized the object may still be about to drop its reference. */
  g_object_run_dispose (G_OBJECT (semaphore));
}

static SsemSystemSemaphore *
new_async (const char      *key,
           SsemAccessMode   mode,
           GCancellable    *cancellable,
           GError         **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  ssem_system_semaphore_new_async (key, 4, mode, cancellable, initialized_cb, &result);
  g_assert_null (result);
  wait_for ("an object to initialize", iterate_until_set, &result);

  return ssem_system_semaphore_new_finish (result, error);
}

static void
test_new_async (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;

  g_setenv ("SSEM_BACKEND", fixture->backend_name, TRUE);
  g_assert_null (new_async (fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, NULL, &error));
  assert_code (error, NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (new_async (NULL, SSEM_ACCESS_MODE_OPEN, NULL, &error));
  assert_code (error, KEY_ERROR);
  g_clear_error (&error);
  g_assert_null (new_async (fixture->key, (SsemAccessMode) 9, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_null (new_async (fixture->key, SSEM_ACCESS_MODE_OPEN, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  semaphore = new_async (fixture->key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ssem_system_semaphore_get_backend (semaphore) == fixture->backend);
  g_assert_true (ssem_system_semaphore_get_mode (semaphore) == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE);
  assert_value (semaphore, 4);
  g_object_run_dispose (G_OBJECT (semaphore));
  g_unsetenv ("SSEM_BACKEND");
}

/* --- Changing the key --- */

static void
notify_cb (GObject    *object,
           GParamSpec *property,
           gpointer    data)
{
  GString *names = data;
  g_autofree char *key = ssem_system_semaphore_get_key (SSEM_SYSTEM_SEMAPHORE (object));

  g_assert_cmpstr (key, !=, NULL);
  g_string_append_printf (names, "%s ", property->name);
}

static void
check_notify (SsemSystemSemaphore *semaphore,
              const char          *key,
              int                  initial_value,
              SsemAccessMode       mode,
              const char          *expected)
{
  g_autoptr(GString) names = g_string_new (NULL);
  gulong handler = g_signal_connect (semaphore, "notify", G_CALLBACK (notify_cb), names);

  ssem_system_semaphore_set_key (semaphore, key, initial_value, mode, NULL);
  /* Another key of a backend that has native keys has another native key. */
  g_string_replace (names, "native-key ", "", 0);
  g_assert_cmpstr (names->str, ==, expected);
  g_signal_handler_disconnect (semaphore, handler);
}

static void
test_notify (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);

  check_notify (semaphore, fixture->key, 1, SSEM_ACCESS_MODE_OPEN, "");
  check_notify (semaphore, "b", 1, SSEM_ACCESS_MODE_OPEN, "key ");
  check_notify (semaphore, "b", 2, SSEM_ACCESS_MODE_OPEN, "initial-value ");
  check_notify (semaphore, "b", 2, SSEM_ACCESS_MODE_CREATE, "mode ");
  check_notify (semaphore, "c", 3, SSEM_ACCESS_MODE_OPEN, "key initial-value mode ");
  check_notify (semaphore, "", 4, SSEM_ACCESS_MODE_CREATE, "");
  check_notify (semaphore, "d", -1, SSEM_ACCESS_MODE_CREATE, "");
  check_notify (semaphore, "e", 3, SSEM_ACCESS_MODE_OPEN_EXISTING, "key mode ");

  drop_object (&semaphore);
}

/* set_key () drops and constructs: an object that could not be opened is closed afterwards, and has
 * the new key. */
static void
test_set_key_fails (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(GError) error = NULL;
  g_autofree char *key = NULL;
  Helper *helper = fixture_helper (fixture);

  g_assert_false (ssem_system_semaphore_set_key (semaphore, "unknown", 1,
                                                 SSEM_ACCESS_MODE_OPEN_EXISTING, &error));
  assert_code (error, NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "unknown"));
  fixture_assert_empty (fixture);
  key = ssem_system_semaphore_get_key (semaphore);
  g_assert_cmpstr (key, ==, "unknown");
  g_clear_error (&error);
  g_assert_false (ssem_system_semaphore_acquire (semaphore, 1, NULL, &error));
  assert_code (error, NOT_FOUND);

  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 5, TRUE, "unknown");
  assert_acquire (semaphore, 2);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 3);

  drop_object (&semaphore);
}

/* --- The end of an object --- */

/* Every call on a disposed object fails, and does not open the key: with CREATE, that would reset
 * all processes. */
static void
test_dispose (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 3);
  Helper *user = fixture_helper (fixture);
  g_autoptr(GError) error = NULL;

  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_run_expect_ok (user, "acquire 0 2");
  g_object_run_dispose (G_OBJECT (semaphore));
  g_object_run_dispose (G_OBJECT (semaphore));

  assert_refused (ssem_system_semaphore_acquire (semaphore, 1, NULL, &error), NOT_FOUND);
  g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                   SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  assert_refused (ssem_system_semaphore_try_acquire (semaphore, 1, &error), NOT_FOUND);
  assert_refused (ssem_system_semaphore_release (semaphore, 1, &error), NOT_FOUND);
  assert_refused (ssem_system_semaphore_get_value (semaphore, &error) != -1, NOT_FOUND);
  assert_refused (ssem_system_semaphore_set_key (semaphore, fixture->key, 3,
                                                 SSEM_ACCESS_MODE_CREATE, &error), NOT_FOUND);
  assert_refused (g_initable_init (G_INITABLE (semaphore), NULL, &error), NOT_FOUND);

  g_assert_cmpint (helper_get_value (user, 0), ==, 1);
  helper_quit (user);
  fixture_assert_empty (fixture);
  drop_object (&semaphore);
}

static void
test_many_objects (Fixture *fixture)
{
  SsemSystemSemaphore *semaphores[200];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (semaphores); i++)
    {
      semaphores[i] = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
      assert_release (semaphores[i], 1);
    }
  assert_value (semaphores[0], G_N_ELEMENTS (semaphores));
  for (i = 0; i < G_N_ELEMENTS (semaphores); i++)
    drop_object (&semaphores[i]);
}

/* --- Which backend --- */

static void
test_environment (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSystemSemaphore) same = NULL;
  g_autoptr(GError) error = NULL;

  g_setenv ("SSEM_BACKEND", fixture->backend_name, TRUE);
  g_assert_true (ssem_backend_is_supported (SSEM_BACKEND_DEFAULT));
  semaphore = ssem_system_semaphore_new (fixture->key, 3, SSEM_ACCESS_MODE_OPEN, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, fixture->backend);

  /* It is the same semaphore as with the property. */
  g_unsetenv ("SSEM_BACKEND");
  same = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_acquire (same, 1);
  assert_value (semaphore, 2);

  drop_object (&same);
  drop_object (&semaphore);
}

/* Without the variable, or with an empty one, the backend is the best of this build. */
static void
test_default (Fixture *fixture)
{
  int is_empty;

  for (is_empty = 0; is_empty < 2; is_empty++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;
      SsemBackend backend;

      if (is_empty)
        g_setenv ("SSEM_BACKEND", "", TRUE);
      semaphore = ssem_system_semaphore_new (fixture->key, 3, SSEM_ACCESS_MODE_OPEN, &error);
      g_assert_no_error (error);
      backend = ssem_system_semaphore_get_backend (semaphore);
      g_assert_cmpint (backend, !=, SSEM_BACKEND_DEFAULT);
      g_assert_true (ssem_backend_is_supported (backend));
      assert_value (semaphore, 3);
      drop_object (&semaphore);
    }
}

static void
test_unknown_backend (Fixture *fixture)
{
  const char *const names[] = { "posix2", "SYSV", "sysv ", "2", "default" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      g_setenv ("SSEM_BACKEND", names[i], TRUE);
      g_assert_false (ssem_backend_is_supported (SSEM_BACKEND_DEFAULT));
      g_assert_true (ssem_backend_is_supported (fixture->backend));
      semaphore = ssem_system_semaphore_new (fixture->key, 3, SSEM_ACCESS_MODE_OPEN, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_null (semaphore);
      g_assert_nonnull (strstr (error->message, names[i]));

      /* With the property, the variable does not count. */
      semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
      assert_value (semaphore, 3);
      drop_object (&semaphore);
    }
}

static void
test_missing_backend (Fixture *fixture)
{
  const struct
  {
    SsemBackend backend;
    const char *name;
  } others[] = {
    { SSEM_BACKEND_SHARED_MEMORY, "shared-memory" },
    { SSEM_BACKEND_SYSV, "sysv" },
    { SSEM_BACKEND_WINDOWS, "windows" },
    { SSEM_BACKEND_POSIX, "posix" },
    { SSEM_BACKEND_ETCD, "etcd" },
  };
  guint i, n_missing = 0;

  for (i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr(SsemSystemSemaphore) by_property = NULL;
      g_autoptr(SsemSystemSemaphore) by_variable = NULL;
      g_autoptr(GError) error = NULL;

      if (ssem_backend_is_supported (others[i].backend))
        continue;

      n_missing++;
      by_property = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                                    "key", fixture->key, "backend", others[i].backend, NULL);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
      g_assert_null (by_property);
      g_clear_error (&error);

      g_setenv ("SSEM_BACKEND", others[i].name, TRUE);
      g_assert_false (ssem_backend_is_supported (SSEM_BACKEND_DEFAULT));
      by_variable = ssem_system_semaphore_new (fixture->key, 3, SSEM_ACCESS_MODE_OPEN, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
      g_assert_null (by_variable);
      g_assert_nonnull (strstr (error->message, others[i].name));
    }

  /* No system has both Windows and the others. */
  g_assert_cmpuint (n_missing, >=, 1);
  fixture_assert_empty (fixture);
}

const char conformance_topic[] = "object";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "properties", 0, test_properties },
  { "defaults", 0, test_defaults },
  { "init-twice", 0, test_init_twice },
  { "init-cancelled", 0, test_init_cancelled },
  { "opens-itself", 0, test_opens_itself },
  { "failed-then-used", 0, test_failed_then_used },
  { "without-key", 0, test_without_key },
  { "no-mode", 0, test_no_mode },
  { "no-backend", 0, test_no_backend },
  { "async-initable", 0, test_async_initable },
  { "new-async", 0, test_new_async },
  { "notify", 0, test_notify },
  { "set-key-fails", 0, test_set_key_fails },
  { "dispose", 0, test_dispose },
  { "many-objects", 0, test_many_objects },
  { "environment", 0, test_environment },
  { "default", 0, test_default },
  { "unknown-backend", 0, test_unknown_backend },
  { "missing-backend", 0, test_missing_backend },
  { NULL },
};
