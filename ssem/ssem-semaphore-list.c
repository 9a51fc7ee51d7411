/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-semaphore-list.h"

#include "ssem-directory-watch-private.h"
#include "ssem-enums.h"
#include "ssem-semaphore-item-private.h"
#include "ssem/backend/ssem-backend-inspect-private.h"

/**
 * SsemSemaphoreList:
 *
 * A list model of the user's semaphores that keeps itself up to date.
 *
 * Its elements are objects of the class [class@Ssem.SemaphoreItem], sorted by key and backend. A
 * semaphore that still exists keeps its object, which notifies of what has changed.
 *
 * The list is empty until the first listing has ended. A thread lists the semaphores:
 *
 * - when one appears or disappears, where the backend keeps them in a directory and the system
 *   reports changes of directories, as Linux does with inotify for the backends `SHARED_MEMORY`,
 *   `SYSV` and `POSIX`;
 * - at an interval, [property@Ssem.SemaphoreList:interval-usec], because an acquire is a few
 *   instructions in memory, which the system does not report to other processes;
 * - when [method@Ssem.SemaphoreList.refresh] is called.
 *
 * Looking at a semaphore does not affect it: see [struct@Ssem.SemaphoreInfo].
 *
 * The page [Cookbook](cookbook.html#a-list-in-a-gtk-window) has a window with such a list.
 *
 * Use the list in the thread that has created it, where the thread-default main context must run.
 *
 * Since: 1.0
 */

/* The model is changed by listed_cb () alone, in the context of the list.
 *
 * At most one listing runs at a time. Its callback has a reference on the list, and its thread has
 * none, or the thread could drop the last one, and the items of the list. If refresh () is called
 * meanwhile, the listing may have missed what the caller wants to see, so its result is dropped and
 * another one starts. If a directory changes meanwhile, another listing follows, too, but the result
 * counts: other processes may change it again and again. The timer needs no other listing. Dispose
 * stops the timer and the watches; a listing that still runs then changes nothing.
 */
struct _SsemSemaphoreList
{
  GObject parent_instance;

  /* Constant after construction. */
  SsemBackend backend;
  char *address;
  GMainContext *context;

  gint64 interval_usec;
  GSource *timer;
  GPtrArray *watches; /* of SsemDirectoryWatch */
  GPtrArray *items;   /* of SsemSemaphoreItem, sorted */
  gboolean is_listing;
  gboolean is_stale;    /* another listing takes the place of the one that runs */
  gboolean has_changed; /* another listing follows the one that runs */
  gboolean is_disposed;
};

#define DEFAULT_INTERVAL_USEC G_USEC_PER_SEC

enum
{
  PROP_BACKEND = 1,
  PROP_ADDRESS,
  PROP_INTERVAL_USEC,
  N_PROPS,
};

enum
{
  SIGNAL_REFRESHED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

static void list_model_iface_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SsemSemaphoreList, ssem_semaphore_list, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_iface_init))

/* --- Merging --- */

static int
compare_infos (SsemSemaphoreInfo *a,
               SsemSemaphoreInfo *b)
{
  int order = g_strcmp0 (ssem_semaphore_info_get_key (a), ssem_semaphore_info_get_key (b));

  if (order == 0)
    order = (int) ssem_semaphore_info_get_backend (a) - (int) ssem_semaphore_info_get_backend (b);
  /* Semaphores of other programs may have no key. */
  if (order == 0)
    order = g_strcmp0 (ssem_semaphore_info_get_native_key (a),
                       ssem_semaphore_info_get_native_key (b));

  return order;
}

static int
compare_elements (gconstpointer a,
                  gconstpointer b)
{
  return compare_infos (*(SsemSemaphoreInfo *const *) a, *(SsemSemaphoreInfo *const *) b);
}

/* Handlers of "items-changed" and "notify" see a model without gaps: each change is complete before
 * it is told. They may drop the last reference but the caller's. */
static void
merge (SsemSemaphoreList *self,
       GPtrArray         *infos)
{
  guint position = 0;
  guint i = 0;

  g_ptr_array_sort (infos, compare_elements);

  while (position < self->items->len || i < infos->len)
    {
      SsemSemaphoreItem *item = position < self->items->len ? self->items->pdata[position] : NULL;
      SsemSemaphoreInfo *info = i < infos->len ? infos->pdata[i] : NULL;
      int order = item == NULL ? 1
                  : info == NULL ? -1
                  : compare_infos (ssem_semaphore_item_get_info (item), info);

      if (order < 0)
        {
          g_ptr_array_remove_index (self->items, position);
          g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
          continue;
        }

      if (order > 0)
        {
          g_ptr_array_insert (self->items, (int) position, ssem_semaphore_item_new (info));
          g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
        }
      else
        {
          ssem_semaphore_item_set_info (item, info);
        }
      position++;
      i++;
    }
}

/* --- Listing --- */

typedef struct
{
  SsemBackend backend;
  char *address;
} Place;

static void
place_free (gpointer data)
{
  Place *place = data;

  g_free (place->address);
  g_free (place);
}

static void
list_in_thread (GTask        *task,
                gpointer      source,
                gpointer      data,
                GCancellable *cancellable)
{
  const Place *place = data;
  GError *error = NULL;
  GPtrArray *infos;

  infos = place->address == NULL
          ? ssem_semaphore_info_list (place->backend, &error)
          : ssem_semaphore_info_list_at (place->backend, place->address, &error);
  if (infos != NULL)
    g_task_return_pointer (task, infos, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
listed_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      data)
{
  g_autoptr(SsemSemaphoreList) self = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) infos = g_task_propagate_pointer (G_TASK (result), &error);

  self->is_listing = FALSE;
  if (self->is_disposed)
    return;

  if (self->is_stale)
    {
      ssem_semaphore_list_refresh (self);
      return;
    }

  if (infos != NULL)
    merge (self, infos);
  g_signal_emit (self, signals[SIGNAL_REFRESHED], 0, error);

  if (self->has_changed && !self->is_listing)
    ssem_semaphore_list_refresh (self);
}

static void
changed_cb (gpointer data)
{
  SsemSemaphoreList *self = data;

  if (self->is_listing)
    self->has_changed = TRUE;
  else
    ssem_semaphore_list_refresh (self);
}

static void
watch_directory (const char *directory,
                 const char *prefix,
                 gpointer    data)
{
  SsemSemaphoreList *self = data;

  g_ptr_array_add (self->watches, ssem_directory_watch_new (directory, prefix, changed_cb, self));
}

static gboolean
timer_cb (gpointer data)
{
  SsemSemaphoreList *self = data;

  if (!self->is_listing)
    ssem_semaphore_list_refresh (self);

  return G_SOURCE_CONTINUE;
}

static void
stop_timer (SsemSemaphoreList *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

static void
start_timer (SsemSemaphoreList *self)
{
  gint64 interval_msec = (self->interval_usec + 999) / 1000;

  stop_timer (self);
  if (interval_msec == 0)
    return;

  self->timer = g_timeout_source_new ((guint) MIN (interval_msec, (gint64) G_MAXUINT));
  g_source_set_static_name (self->timer, "[ssem] list");
  g_source_set_callback (self->timer, timer_cb, self, NULL);
  g_source_attach (self->timer, self->context);
}

/* --- GListModel --- */

static GType
ssem_semaphore_list_get_item_type (GListModel *model)
{
  return SSEM_TYPE_SEMAPHORE_ITEM;
}

static guint
ssem_semaphore_list_get_n_items (GListModel *model)
{
  return SSEM_SEMAPHORE_LIST (model)->items->len;
}

static gpointer
ssem_semaphore_list_get_item (GListModel *model,
                              guint       position)
{
  GPtrArray *items = SSEM_SEMAPHORE_LIST (model)->items;

  return position < items->len ? g_object_ref (items->pdata[position]) : NULL;
}

static void
list_model_iface_init (GListModelInterface *iface)
{
  iface->get_item_type = ssem_semaphore_list_get_item_type;
  iface->get_n_items = ssem_semaphore_list_get_n_items;
  iface->get_item = ssem_semaphore_list_get_item;
}

/* --- GObject --- */

static void
ssem_semaphore_list_get_property (GObject    *object,
                                  guint       property_id,
                                  GValue     *value,
                                  GParamSpec *pspec)
{
  SsemSemaphoreList *self = SSEM_SEMAPHORE_LIST (object);

  switch (property_id)
    {
    case PROP_BACKEND:
      g_value_set_enum (value, self->backend);
      break;
    case PROP_ADDRESS:
      g_value_set_string (value, self->address);
      break;
    case PROP_INTERVAL_USEC:
      g_value_set_int64 (value, self->interval_usec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
ssem_semaphore_list_set_property (GObject      *object,
                                  guint         property_id,
                                  const GValue *value,
                                  GParamSpec   *pspec)
{
  SsemSemaphoreList *self = SSEM_SEMAPHORE_LIST (object);

  switch (property_id)
    {
    case PROP_BACKEND:
      self->backend = g_value_get_enum (value);
      break;
    case PROP_ADDRESS:
      self->address = g_value_dup_string (value);
      break;
    case PROP_INTERVAL_USEC:
      ssem_semaphore_list_set_interval_usec (self, g_value_get_int64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
ssem_semaphore_list_constructed (GObject *object)
{
  SsemSemaphoreList *self = SSEM_SEMAPHORE_LIST (object);

  G_OBJECT_CLASS (ssem_semaphore_list_parent_class)->constructed (object);

  start_timer (self);
  ssem_backend_visit_directories (self->backend, watch_directory, self);
  ssem_semaphore_list_refresh (self);
}

static void
ssem_semaphore_list_dispose (GObject *object)
{
  SsemSemaphoreList *self = SSEM_SEMAPHORE_LIST (object);

  self->is_disposed = TRUE;
  stop_timer (self);
  g_ptr_array_set_size (self->watches, 0);

  G_OBJECT_CLASS (ssem_semaphore_list_parent_class)->dispose (object);
}

static void
ssem_semaphore_list_finalize (GObject *object)
{
  SsemSemaphoreList *self = SSEM_SEMAPHORE_LIST (object);

  g_ptr_array_unref (self->watches);
  g_ptr_array_unref (self->items);
  g_main_context_unref (self->context);
  g_free (self->address);

  G_OBJECT_CLASS (ssem_semaphore_list_parent_class)->finalize (object);
}

static void
ssem_semaphore_list_class_init (SsemSemaphoreListClass *klass)
{
  const GParamFlags construct_only = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                     G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = ssem_semaphore_list_get_property;
  object_class->set_property = ssem_semaphore_list_set_property;
  object_class->constructed = ssem_semaphore_list_constructed;
  object_class->dispose = ssem_semaphore_list_dispose;
  object_class->finalize = ssem_semaphore_list_finalize;

  /**
   * SsemSemaphoreList:backend: (getter get_backend)
   *
   * The backend whose semaphores are listed; `SSEM_BACKEND_DEFAULT` lists those of all backends of
   * this machine.
   *
   * Since: 1.0
   */
  properties[PROP_BACKEND] =
    g_param_spec_enum ("backend", NULL, NULL, SSEM_TYPE_BACKEND, SSEM_BACKEND_DEFAULT,
                       construct_only);

  /**
   * SsemSemaphoreList:address: (getter get_address)
   *
   * The address of the backend's service, or `NULL`, as with
   * [func@Ssem.SemaphoreInfo.list_at].
   *
   * Since: 1.0
   */
  properties[PROP_ADDRESS] =
    g_param_spec_string ("address", NULL, NULL, NULL, construct_only);

  /**
   * SsemSemaphoreList:interval-usec: (getter get_interval_usec) (setter set_interval_usec)
   *
   * The time between two listings in microseconds, rounded up to milliseconds; 0 for no listings at
   * an interval. Then a new value is seen when there is another reason to list.
   *
   * Since: 1.0
   */
  properties[PROP_INTERVAL_USEC] =
    g_param_spec_int64 ("interval-usec", NULL, NULL, 0, G_MAXINT64, DEFAULT_INTERVAL_USEC,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * SsemSemaphoreList::refreshed:
   * @self: a list
   * @error: (nullable): why the semaphores could not be listed, or `NULL` for a success
   *
   * A listing has ended, and the list is up to date.
   *
   * After a failure the list is as it was. The errors are those of
   * [func@Ssem.SemaphoreInfo.list_at].
   *
   * Since: 1.0
   */
  signals[SIGNAL_REFRESHED] =
    g_signal_new ("refreshed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
ssem_semaphore_list_init (SsemSemaphoreList *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->watches = g_ptr_array_new_with_free_func ((GDestroyNotify) ssem_directory_watch_free);
  self->items = g_ptr_array_new_with_free_func (g_object_unref);
  self->interval_usec = DEFAULT_INTERVAL_USEC;
}

/* --- Public calls --- */

/**
 * ssem_semaphore_list_new:
 * @backend: the backend whose semaphores are listed; `SSEM_BACKEND_DEFAULT` for all backends of this
 *   machine
 *
 * Makes a list of the user's semaphores, and begins the first listing.
 *
 * To choose [property@Ssem.SemaphoreList:address], use [ctor@GObject.Object.new] with the
 * properties.
 *
 * Returns: (transfer full): the list, which is empty until the main context has run
 *
 * Since: 1.0
 */
SsemSemaphoreList *
ssem_semaphore_list_new (SsemBackend backend)
{
  return g_object_new (SSEM_TYPE_SEMAPHORE_LIST, "backend", backend, NULL);
}

/**
 * ssem_semaphore_list_get_backend: (get-property backend)
 * @self: a list
 *
 * Returns the backend whose semaphores are listed.
 *
 * Returns: the backend, or `SSEM_BACKEND_DEFAULT`
 *
 * Since: 1.0
 */
SsemBackend
ssem_semaphore_list_get_backend (SsemSemaphoreList *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_LIST (self), SSEM_BACKEND_DEFAULT);

  return self->backend;
}

/**
 * ssem_semaphore_list_get_address: (get-property address)
 * @self: a list
 *
 * Returns the address of the backend's service.
 *
 * Returns: (nullable): the address, or `NULL` for the backend's default
 *
 * Since: 1.0
 */
const char *
ssem_semaphore_list_get_address (SsemSemaphoreList *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_LIST (self), NULL);

  return self->address;
}

/**
 * ssem_semaphore_list_get_interval_usec: (get-property interval-usec)
 * @self: a list
 *
 * Returns the time between two listings.
 *
 * Returns: the time in microseconds, or 0 for no listings at an interval
 *
 * Since: 1.0
 */
gint64
ssem_semaphore_list_get_interval_usec (SsemSemaphoreList *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_LIST (self), 0);

  return self->interval_usec;
}

/**
 * ssem_semaphore_list_set_interval_usec: (set-property interval-usec)
 * @self: a list
 * @interval_usec: the time in microseconds, 0 or more, rounded up to milliseconds; 0 for no listings
 *   at an interval
 *
 * Sets the time between two listings, and begins it anew.
 *
 * Since: 1.0
 */
void
ssem_semaphore_list_set_interval_usec (SsemSemaphoreList *self,
                                       gint64             interval_usec)
{
  g_return_if_fail (SSEM_IS_SEMAPHORE_LIST (self));
  g_return_if_fail (interval_usec >= 0);

  if (self->interval_usec == interval_usec)
    return;

  self->interval_usec = interval_usec;
  start_timer (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_INTERVAL_USEC]);
}

/**
 * ssem_semaphore_list_refresh:
 * @self: a list
 *
 * Lists the semaphores now, in a thread.
 *
 * The signal [signal@Ssem.SemaphoreList::refreshed] tells the end. What happened before this call is
 * in the list then.
 *
 * Since: 1.0
 */
void
ssem_semaphore_list_refresh (SsemSemaphoreList *self)
{
  g_autoptr(GTask) task = NULL;
  Place *place;

  g_return_if_fail (SSEM_IS_SEMAPHORE_LIST (self));

  self->is_stale = self->is_listing;
  if (self->is_listing || self->is_disposed)
    return;

  self->is_listing = TRUE;
  self->has_changed = FALSE;
  place = g_new (Place, 1);
  place->backend = self->backend;
  place->address = g_strdup (self->address);
  task = g_task_new (NULL, NULL, listed_cb, g_object_ref (self));
  g_task_set_source_tag (task, ssem_semaphore_list_refresh);
  g_task_set_task_data (task, place, place_free);
  g_task_run_in_thread (task, list_in_thread);
}
