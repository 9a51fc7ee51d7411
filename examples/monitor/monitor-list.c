/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-list.h"

/* A list model of the user's semaphores, kept up to date.
 *
 * Changes of a semaphore send no notification: an acquire is a few instructions in memory. A thread
 * therefore lists all semaphores every second, and after each action of the window. The main thread
 * then updates the model. Semaphores that still exist keep their objects, so their widgets keep the
 * focus, the position and the text that the user has typed.
 *
 * Only one listing runs at a time. If the window acts meanwhile, the listing may have missed the
 * action, so its result is dropped and a new listing starts. The model is thus never older than the
 * last action.
 */

#define SECONDS_BETWEEN_LOOKS 1

struct _MonitorList
{
  GObject parent_instance;

  GListStore *semaphores;
  GPtrArray *opened;  /* by the user, and not in a listing yet */
  guint timer;
  gboolean is_looking;
  gboolean is_stale;  /* the result of the running listing must be dropped */
  gboolean is_stopped;
};

G_DEFINE_FINAL_TYPE (MonitorList, monitor_list, G_TYPE_OBJECT)

enum
{
  LOOKED, /* a listing has ended; has the error, or NULL */
  FAILED, /* has the error */
  OPENED, /* has the position of the semaphore that the user has opened */
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void look (MonitorList *self);

/* --- The model --- */

/* Compares as ssem_semaphore_info_list () sorts. Semaphores of Qt programs without a key are all
 * equal, and may swap positions without a signal. */
static int
compare_infos (SsemSemaphoreInfo *a,
               SsemSemaphoreInfo *b)
{
  int by_key = g_strcmp0 (ssem_semaphore_info_get_key (a), ssem_semaphore_info_get_key (b));

  if (by_key != 0)
    return by_key;

  return (int) ssem_semaphore_info_get_backend (a) - (int) ssem_semaphore_info_get_backend (b);
}

static void
acted_cb (MonitorSemaphore *semaphore,
          MonitorList      *self)
{
  look (self);
}

static void
semaphore_failed_cb (MonitorSemaphore *semaphore,
                     GError           *error,
                     MonitorList      *self)
{
  g_signal_emit (self, signals[FAILED], 0, error);
}

static void
insert_semaphore (MonitorList       *self,
                  guint              position,
                  SsemSemaphoreInfo *info)
{
  g_autoptr(MonitorSemaphore) semaphore = monitor_semaphore_new (info);

  g_signal_connect_object (semaphore, "acted", G_CALLBACK (acted_cb), self, 0);
  g_signal_connect_object (semaphore, "failed", G_CALLBACK (semaphore_failed_cb), self, 0);
  g_list_store_insert (self->semaphores, position, semaphore);
}

/* Passes an object that the user has opened to its list item, and emits "opened". */
static void
hand_over (MonitorList *self,
           guint        position)
{
  g_autoptr(MonitorSemaphore) semaphore =
    g_list_model_get_item (G_LIST_MODEL (self->semaphores), position);
  SsemSemaphoreInfo *info = monitor_semaphore_get_info (semaphore);
  guint i;

  for (i = self->opened->len; i > 0; i--)
    {
      SsemSystemSemaphore *opened = self->opened->pdata[i - 1];
      g_autofree char *key = ssem_system_semaphore_get_key (opened);

      if (g_strcmp0 (key, ssem_semaphore_info_get_key (info)) != 0 ||
          ssem_system_semaphore_get_backend (opened) != ssem_semaphore_info_get_backend (info))
        continue;

      monitor_semaphore_keep (semaphore, opened);
      g_ptr_array_remove_index (self->opened, i - 1);
      g_signal_emit (self, signals[OPENED], 0, position);
    }
}

/* Merges the listing into the model. Both are sorted, so one pass finds all changes. */
static void
merge (MonitorList *self,
       GPtrArray   *infos)
{
  guint position = 0;
  guint i = 0;

  for (;;)
    {
      g_autoptr(MonitorSemaphore) semaphore =
        g_list_model_get_item (G_LIST_MODEL (self->semaphores), position);
      SsemSemaphoreInfo *info = i < infos->len ? infos->pdata[i] : NULL;
      int order;

      if (semaphore == NULL && info == NULL)
        return;
      else if (semaphore == NULL)
        order = 1;
      else if (info == NULL)
        order = -1;
      else
        order = compare_infos (monitor_semaphore_get_info (semaphore), info);

      if (order > 0)
        insert_semaphore (self, position, info);
      else
        monitor_semaphore_set_info (semaphore, order == 0 ? info : NULL);

      /* A semaphore for which the window still waits goes when the wait ends. */
      if (order < 0 && !monitor_semaphore_is_used (semaphore))
        {
          g_list_store_remove (self->semaphores, position);
          continue;
        }

      if (order >= 0)
        {
          hand_over (self, position);
          i++;
        }
      position++;
    }
}

/* --- Listing --- */

static int
compare_elements (gconstpointer a,
                  gconstpointer b)
{
  return compare_infos (*(SsemSemaphoreInfo *const *) a, *(SsemSemaphoreInfo *const *) b);
}

/* Adds the semaphores of the cluster that the environment names, if it names one. */
static gboolean
add_cluster (GPtrArray  *infos,
             GError    **error)
{
  g_autoptr(GPtrArray) others = NULL;
  guint i;

  if (g_getenv ("SSEM_ETCD_ENDPOINTS") == NULL || !ssem_backend_is_supported (SSEM_BACKEND_ETCD))
    return TRUE;

  others = ssem_semaphore_info_list (SSEM_BACKEND_ETCD, error);
  for (i = 0; others != NULL && i < others->len; i++)
    g_ptr_array_add (infos, ssem_semaphore_info_ref (others->pdata[i]));
  g_ptr_array_sort (infos, compare_elements);

  return others != NULL;
}

static void
look_in_thread (GTask        *task,
                gpointer      source_object,
                gpointer      task_data,
                GCancellable *cancellable)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) infos = ssem_semaphore_info_list (SSEM_BACKEND_DEFAULT, &error);

  if (infos != NULL && add_cluster (infos, &error))
    g_task_return_pointer (task, g_steal_pointer (&infos), (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
looked_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  MonitorList *self = MONITOR_LIST (object);
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) infos = g_task_propagate_pointer (G_TASK (result), &error);

  self->is_looking = FALSE;
  if (self->is_stopped)
    return;

  if (self->is_stale)
    {
      look (self);
      return;
    }

  if (infos != NULL)
    merge (self, infos);
  g_signal_emit (self, signals[LOOKED], 0, error);
}

static void
look (MonitorList *self)
{
  g_autoptr(GTask) task = NULL;

  self->is_stale = self->is_looking;
  if (self->is_looking || self->is_stopped)
    return;

  self->is_looking = TRUE;
  task = g_task_new (self, NULL, looked_cb, NULL);
  g_task_set_source_tag (task, look);
  g_task_run_in_thread (task, look_in_thread);
}

static gboolean
timer_cb (gpointer data)
{
  MonitorList *self = data;

  /* A listing runs already, and is new enough. */
  if (!self->is_looking)
    look (self);

  return G_SOURCE_CONTINUE;
}

/* --- Opening --- */

static void
opened_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(MonitorList) self = user_data;
  g_autoptr(GError) error = NULL;
  GObject *opened = g_async_initable_new_finish (G_ASYNC_INITABLE (object), result, &error);

  if (opened != NULL)
    g_ptr_array_add (self->opened, opened);
  else
    g_signal_emit (self, signals[FAILED], 0, error);
  if (self->is_stopped)
    g_ptr_array_set_size (self->opened, 0);
  look (self);
}

/* Opens or creates the semaphore @key for the user, and keeps it open until the user closes it. */
void
monitor_list_open (MonitorList *self,
                   const char  *key,
                   int          initial_value)
{
  g_async_initable_new_async (SSEM_TYPE_SYSTEM_SEMAPHORE, G_PRIORITY_DEFAULT, NULL,
                              opened_cb, g_object_ref (self),
                              "key", key,
                              "initial-value", initial_value,
                              NULL);
}

/* --- Life cycle --- */

/* Ends all activity of the window. The units that it holds come back when the process ends. */
void
monitor_list_stop (MonitorList *self)
{
  guint i;

  self->is_stopped = TRUE;
  g_clear_handle_id (&self->timer, g_source_remove);
  g_ptr_array_set_size (self->opened, 0);
  for (i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->semaphores)); i++)
    {
      g_autoptr(MonitorSemaphore) semaphore =
        g_list_model_get_item (G_LIST_MODEL (self->semaphores), i);

      monitor_semaphore_close (semaphore);
    }
}

static void
monitor_list_dispose (GObject *object)
{
  MonitorList *self = MONITOR_LIST (object);

  monitor_list_stop (self);

  G_OBJECT_CLASS (monitor_list_parent_class)->dispose (object);
}

static void
monitor_list_finalize (GObject *object)
{
  MonitorList *self = MONITOR_LIST (object);

  g_clear_object (&self->semaphores);
  g_clear_pointer (&self->opened, g_ptr_array_unref);

  G_OBJECT_CLASS (monitor_list_parent_class)->finalize (object);
}

static void
monitor_list_class_init (MonitorListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = monitor_list_dispose;
  object_class->finalize = monitor_list_finalize;

  signals[LOOKED] = g_signal_new ("looked", MONITOR_TYPE_LIST, G_SIGNAL_RUN_LAST,
                                  0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
  signals[FAILED] = g_signal_new ("failed", MONITOR_TYPE_LIST, G_SIGNAL_RUN_LAST,
                                  0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
  signals[OPENED] = g_signal_new ("opened", MONITOR_TYPE_LIST, G_SIGNAL_RUN_LAST,
                                  0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
}

static void
monitor_list_init (MonitorList *self)
{
  self->semaphores = g_list_store_new (MONITOR_TYPE_SEMAPHORE);
  self->opened = g_ptr_array_new_with_free_func (g_object_unref);
  self->timer = g_timeout_add_seconds (SECONDS_BETWEEN_LOOKS, timer_cb, self);
  look (self);
}

MonitorList *
monitor_list_new (void)
{
  return g_object_new (MONITOR_TYPE_LIST, NULL);
}

GListModel *
monitor_list_get_model (MonitorList *self)
{
  return G_LIST_MODEL (self->semaphores);
}
