/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>
#ifdef __linux__
#include <sys/ipc.h>
#endif

/* --- Waiting for a list --- */

typedef struct
{
  SsemSemaphoreList *list;
  guint n_refreshed;
  GError *error;        /* of the last listing */
  GString *changes;     /* "+POSITION " and "-POSITION ", of the model */
  GString *notified;    /* names of properties of the watched item, each with a space */
} Watch;

static void
refreshed_cb (SsemSemaphoreList *list,
              const GError      *error,
              Watch             *self)
{
  self->n_refreshed++;
  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
items_changed_cb (GListModel *model,
                  guint       position,
                  guint       n_removed,
                  guint       n_added,
                  Watch      *self)
{
  g_assert_cmpuint (n_removed + n_added, ==, 1);
  g_string_append_printf (self->changes, "%c%u ", n_added > 0 ? '+' : '-', position);
}

static void
notify_cb (GObject    *item,
           GParamSpec *property,
           Watch      *self)
{
  g_string_append_printf (self->notified, "%s ", property->name);
}

/* The list is never refreshed by its timer, unless the case sets the interval. */
static void
watch_begin (Watch       *self,
             SsemBackend  backend)
{
  self->n_refreshed = 0;
  self->error = NULL;
  self->changes = g_string_new (NULL);
  self->notified = g_string_new (NULL);
  self->list = ssem_semaphore_list_new (backend);
  g_assert_cmpint (ssem_semaphore_list_get_interval_usec (self->list), ==, G_USEC_PER_SEC);
  ssem_semaphore_list_set_interval_usec (self->list, 0);
  g_signal_connect (self->list, "refreshed", G_CALLBACK (refreshed_cb), self);
  g_signal_connect (self->list, "items-changed", G_CALLBACK (items_changed_cb), self);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (self->list)), ==, 0);
}

static gboolean
is_refreshed (gpointer data)
{
  Watch *self = data;

  while (self->n_refreshed == 0 && g_main_context_iteration (NULL, FALSE))
    ;

  return self->n_refreshed > 0;
}

static void
watch_wait (Watch *self)
{
  wait_for ("a listing to end", is_refreshed, self);
  self->n_refreshed = 0;
}

static void
watch_refresh (Watch *self)
{
  ssem_semaphore_list_refresh (self->list);
  watch_wait (self);
  g_assert_no_error (self->error);
}

/* Drops the list. A listing that runs, such as one that an event has begun, keeps it until it ends. */
static void
watch_end (Watch *self)
{
  g_object_add_weak_pointer (G_OBJECT (self->list), (gpointer *) &self->list);
  g_object_unref (self->list);
  while (self->list != NULL)
    g_main_context_iteration (NULL, TRUE);
  g_clear_error (&self->error);
  g_string_free (self->changes, TRUE);
  g_string_free (self->notified, TRUE);
}

/* Returns the item of the fixture's key, with a reference; NULL if there is none. */
static SsemSemaphoreItem *
watch_find (Watch   *self,
            Fixture *fixture)
{
  GListModel *model = G_LIST_MODEL (self->list);
  guint i;

  for (i = 0; i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr(SsemSemaphoreItem) item = g_list_model_get_item (model, i);

      if (g_strcmp0 (ssem_semaphore_item_get_key (item), fixture->key) == 0)
        return g_steal_pointer (&item);
    }

  return NULL;
}

typedef struct
{
  Watch *watch;
  Fixture *fixture;
  gboolean is_there;
} Sight;

static gboolean
is_in_sight (gpointer data)
{
  Sight *self = data;
  g_autoptr(SsemSemaphoreItem) item = NULL;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  item = watch_find (self->watch, self->fixture);

  return (item != NULL) == self->is_there;
}

/* Waits until the list itself finds out that the semaphore of the fixture's key is there or not. */
static void
watch_see (Watch    *self,
           Fixture  *fixture,
           gboolean  is_there)
{
  Sight sight = { self, fixture, is_there };

  wait_for (is_there ? "a semaphore to appear" : "a semaphore to disappear", is_in_sight, &sight);
}

#define assert_text(string, expected) \
  G_STMT_START \
    { \
      g_assert_cmpstr ((string)->str, ==, expected); \
      g_string_truncate (string, 0); \
    } \
  G_STMT_END

/* --- Cases --- */

/* An item comes and goes with its semaphore, and is the same object meanwhile. */
static void
test_comes_and_goes (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSemaphoreItem) item = NULL;
  g_autoptr(SsemSemaphoreItem) again = NULL;
  Watch watch;

  watch_begin (&watch, fixture->backend);
  watch_wait (&watch);
  g_assert_no_error (watch.error);
  g_assert_null (watch_find (&watch, fixture));

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_assert_null (watch_find (&watch, fixture));
  g_string_truncate (watch.changes, 0);
  watch_refresh (&watch);
  assert_text (watch.changes, "+0 ");
  item = watch_find (&watch, fixture);
  g_assert_nonnull (item);
  g_assert_cmpint (ssem_semaphore_item_get_value (item), ==, 3);
  g_assert_true (ssem_semaphore_item_get_backend (item) == fixture->backend);

  watch_refresh (&watch);
  again = watch_find (&watch, fixture);
  g_assert_true (again == item);
  assert_text (watch.changes, "");

  drop_object (&semaphore);
  watch_refresh (&watch);
  assert_text (watch.changes, "-0 ");
  g_assert_null (watch_find (&watch, fixture));

  watch_end (&watch);
}

/* Each property notifies when it has changed, and only then. */
static void
test_notifies (Fixture *fixture)
{
  const gboolean knows_holders = fixture_supports (fixture, NEEDS_HOLDERS);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Helper *helper = fixture_open_helper (fixture, 0);
  g_autoptr(SsemSemaphoreItem) item = NULL;
  Watch watch;

  watch_begin (&watch, fixture->backend);
  watch_wait (&watch);
  item = watch_find (&watch, fixture);
  g_signal_connect (item, "notify", G_CALLBACK (notify_cb), &watch);
  g_assert_cmpint (ssem_semaphore_item_get_n_holders (item), ==, knows_holders ? 0 : -1);

  watch_refresh (&watch);
  assert_text (watch.notified, "");

  assert_acquire (semaphore, 1);
  watch_refresh (&watch);
  assert_text (watch.notified, knows_holders ? "info value n-holders " : "info value ");
  g_assert_cmpint (ssem_semaphore_item_get_value (item), ==, 2);

  /* The number of holders is the same; what they hold is not. */
  assert_acquire (semaphore, 1);
  watch_refresh (&watch);
  assert_text (watch.notified, "info value ");
  g_assert_cmpint (ssem_semaphore_info_get_value (ssem_semaphore_item_get_info (item)), ==, 1);

  if (fixture_supports (fixture, NEEDS_WAITER_COUNT))
    {
      helper_send (helper, "acquire 0 2");
      wait_until_blocked (fixture->backend, helper->pid, 1);
      watch_refresh (&watch);
      assert_text (watch.notified, "info n-waiters ");
      g_assert_cmpint (ssem_semaphore_item_get_n_waiters (item), ==, 1);
      assert_release (semaphore, 2);
      helper_expect_ok (helper);
    }

  g_signal_handlers_disconnect_by_data (item, &watch);
  watch_end (&watch);
  drop_object (&semaphore);
}

/* The model is in the order of the keys, however they come. */
static void
test_order (Fixture *fixture)
{
  SsemSystemSemaphore *semaphores[3];
  char *keys[3];
  const int order[] = { 1, 2, 0 };
  Watch watch;
  guint i;

  watch_begin (&watch, fixture->backend);
  watch_wait (&watch);
  g_string_truncate (watch.changes, 0);
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    keys[i] = g_strdup_printf ("%s %u", fixture->key, i);
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      semaphores[i] = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", keys[order[i]],
                                    "backend", fixture->backend, NULL);
      g_assert_true (g_initable_init (G_INITABLE (semaphores[i]), NULL, NULL));
      watch_refresh (&watch);
    }
  assert_text (watch.changes, "+0 +1 +0 ");
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr(SsemSemaphoreItem) item = g_list_model_get_item (G_LIST_MODEL (watch.list), i);

      g_assert_cmpstr (ssem_semaphore_item_get_key (item), ==, keys[i]);
    }
  g_assert_null (g_list_model_get_item (G_LIST_MODEL (watch.list), 3));

  watch_end (&watch);
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      drop_object (&semaphores[i]);
      g_free (keys[i]);
    }
}

/* A refresh during a listing makes another one, so what was done before the call is seen. The timer
 * refreshes, too, and a list that is dropped stops. */
static void
test_refreshes (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Watch watch;

  watch_begin (&watch, fixture->backend);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  watch_refresh (&watch);
  g_clear_object (&semaphore);
  ssem_semaphore_list_set_interval_usec (watch.list, 1);
  while (g_list_model_get_n_items (G_LIST_MODEL (watch.list)) > 0)
    watch_wait (&watch);

  ssem_semaphore_list_refresh (watch.list);
  watch_end (&watch);
}

/* Without an interval and without a refresh, the list sees which semaphores there are. */
static void
test_sees (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Watch watch;
  int i;

  watch_begin (&watch, fixture->backend);
  watch_wait (&watch);
  for (i = 0; i < 3; i++)
    {
      semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
      watch_see (&watch, fixture, TRUE);
      drop_object (&semaphore);
      watch_see (&watch, fixture, FALSE);
    }
  watch_end (&watch);
}

/* The list of all backends sees it, too. */
static void
test_sees_all (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Watch watch;

  watch_begin (&watch, SSEM_BACKEND_DEFAULT);
  watch_wait (&watch);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  watch_see (&watch, fixture, TRUE);
  drop_object (&semaphore);
  watch_see (&watch, fixture, FALSE);
  watch_end (&watch);
}

#ifdef __linux__

/* With System V, the file appears before the semaphore is there. */
static void
test_sees_finished (Fixture *fixture)
{
  Helper *creator = fixture_helper (fixture);
  Watch watch;

  if (!helper_trace (creator))
    {
      g_test_skip ("the system forbids to trace another process");
      return;
    }

  watch_begin (&watch, fixture->backend);
  watch_wait (&watch);
  helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_run_to (creator, SYSTEM_CALL_SEMGET, IPC_CREAT | IPC_EXCL | 0600);
  /* GIO tells that the file has appeared, and two seconds later that nobody has written to it. */
  watch_wait (&watch);
  watch_wait (&watch);
  g_assert_null (watch_find (&watch, fixture));

  helper_let_go (creator);
  watch_see (&watch, fixture, TRUE);
  helper_expect_ok (creator);
  helper_quit (creator);
  watch_see (&watch, fixture, FALSE);
  watch_end (&watch);
}

#endif

/* The directory is made after the list, goes, and is made again. */
static void
test_directory_made (Fixture *fixture)
{
  g_autofree char *moved = g_build_filename (fixture->directory, "moved", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Watch watch;

  g_assert_no_errno (g_rmdir (fixture->keys_directory));
  watch_begin (&watch, fixture->backend);
  watch_wait (&watch);
  g_assert_error (watch.error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                  SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);

  g_assert_no_errno (g_mkdir (fixture->keys_directory, 0700));
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  watch_see (&watch, fixture, TRUE);
  drop_object (&semaphore);
  watch_see (&watch, fixture, FALSE);

  g_assert_no_errno (g_rename (fixture->keys_directory, moved));
  g_assert_no_errno (g_mkdir (fixture->keys_directory, 0700));
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  watch_see (&watch, fixture, TRUE);
  drop_object (&semaphore);
  watch_see (&watch, fixture, FALSE);

  watch_end (&watch);
  fixture_remove_processes (fixture, moved);
  g_assert_no_errno (g_rmdir (moved));
}

static void
test_failed (Fixture *fixture)
{
  Watch watch;

  watch_begin (&watch, SSEM_BACKEND_WINDOWS);
  watch_wait (&watch);
  g_assert_error (watch.error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (watch.list)), ==, 0);
  watch_end (&watch);
}

const char conformance_topic[] = "list";
const Needs conformance_needs = NEEDS_LIST;

const Case conformance_cases[] = {
  { "comes-and-goes", 0, test_comes_and_goes },
  { "notifies", 0, test_notifies },
  { "order", 0, test_order },
  { "refreshes", 0, test_refreshes },
  { "sees", NEEDS_FILES, test_sees },
  { "sees-all", NEEDS_FILES, test_sees_all },
#ifdef __linux__
  { "sees-finished", NEEDS_SYSV, test_sees_finished },
#endif
  { "directory-made", NEEDS_DIRECTORY, test_directory_made },
  { "failed", 0, test_failed },
  { NULL },
};
