/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-semaphore-item-private.h"

#include "ssem-enums.h"
#include "ssem-process-info.h"

/**
 * SsemSemaphoreItem:
 *
 * An element of a [class@Ssem.SemaphoreList]: a semaphore, and what was last seen of it.
 *
 * A [struct@Ssem.SemaphoreInfo] does not change. An item lives as long as its semaphore is in the
 * list, and notifies of the properties that change. It belongs to the thread of its list.
 *
 * Since: 1.0
 */
struct _SsemSemaphoreItem
{
  GObject parent_instance;

  SsemSemaphoreInfo *info;
};

enum
{
  PROP_INFO = 1,
  PROP_KEY,
  PROP_BACKEND,
  PROP_VALUE,
  PROP_N_HOLDERS,
  PROP_N_WAITERS,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SsemSemaphoreItem, ssem_semaphore_item, G_TYPE_OBJECT)

/* --- Comparing --- */

static int
count_holders (SsemSemaphoreInfo *info)
{
  GPtrArray *holders = ssem_semaphore_info_get_holders (info);

  return holders != NULL ? (int) holders->len : -1;
}

static gboolean
are_processes_equal (GPtrArray *a,
                     GPtrArray *b)
{
  guint i;

  if (a == NULL || b == NULL || a->len != b->len)
    return a == b;

  for (i = 0; i < a->len; i++)
    {
      if (ssem_process_info_get_pid (a->pdata[i]) != ssem_process_info_get_pid (b->pdata[i]) ||
          ssem_process_info_get_units (a->pdata[i]) != ssem_process_info_get_units (b->pdata[i]) ||
          ssem_process_info_get_since (a->pdata[i]) != ssem_process_info_get_since (b->pdata[i]) ||
          g_strcmp0 (ssem_process_info_get_host (a->pdata[i]),
                     ssem_process_info_get_host (b->pdata[i])) != 0)
        return FALSE;
    }

  return TRUE;
}

static gboolean
are_infos_equal (SsemSemaphoreInfo *a,
                 SsemSemaphoreInfo *b)
{
  return ssem_semaphore_info_get_value (a) == ssem_semaphore_info_get_value (b) &&
         ssem_semaphore_info_get_initial_value (a) == ssem_semaphore_info_get_initial_value (b) &&
         ssem_semaphore_info_get_units_held (a) == ssem_semaphore_info_get_units_held (b) &&
         ssem_semaphore_info_get_n_attached (a) == ssem_semaphore_info_get_n_attached (b) &&
         ssem_semaphore_info_get_n_waiters (a) == ssem_semaphore_info_get_n_waiters (b) &&
         ssem_semaphore_info_is_leftover (a) == ssem_semaphore_info_is_leftover (b) &&
         are_processes_equal (ssem_semaphore_info_get_holders (a),
                              ssem_semaphore_info_get_holders (b)) &&
         are_processes_equal (ssem_semaphore_info_get_waiters (a),
                              ssem_semaphore_info_get_waiters (b));
}

/* --- GObject --- */

static void
ssem_semaphore_item_get_property (GObject    *object,
                                  guint       property_id,
                                  GValue     *value,
                                  GParamSpec *pspec)
{
  SsemSemaphoreItem *self = SSEM_SEMAPHORE_ITEM (object);

  switch (property_id)
    {
    case PROP_INFO:
      g_value_set_boxed (value, self->info);
      break;
    case PROP_KEY:
      g_value_set_string (value, ssem_semaphore_item_get_key (self));
      break;
    case PROP_BACKEND:
      g_value_set_enum (value, ssem_semaphore_item_get_backend (self));
      break;
    case PROP_VALUE:
      g_value_set_int (value, ssem_semaphore_item_get_value (self));
      break;
    case PROP_N_HOLDERS:
      g_value_set_int (value, ssem_semaphore_item_get_n_holders (self));
      break;
    case PROP_N_WAITERS:
      g_value_set_int (value, ssem_semaphore_item_get_n_waiters (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
ssem_semaphore_item_finalize (GObject *object)
{
  SsemSemaphoreItem *self = SSEM_SEMAPHORE_ITEM (object);

  ssem_semaphore_info_unref (self->info);

  G_OBJECT_CLASS (ssem_semaphore_item_parent_class)->finalize (object);
}

static void
ssem_semaphore_item_class_init (SsemSemaphoreItemClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = ssem_semaphore_item_get_property;
  object_class->finalize = ssem_semaphore_item_finalize;

  /**
   * SsemSemaphoreItem:info: (getter get_info)
   *
   * The last snapshot. It notifies of every change, of the holders' units, too.
   *
   * Since: 1.0
   */
  properties[PROP_INFO] =
    g_param_spec_boxed ("info", NULL, NULL, SSEM_TYPE_SEMAPHORE_INFO, flags);

  /**
   * SsemSemaphoreItem:key: (getter get_key)
   *
   * The key, or `NULL` if it is not known.
   *
   * Since: 1.0
   */
  properties[PROP_KEY] = g_param_spec_string ("key", NULL, NULL, NULL, flags);

  /**
   * SsemSemaphoreItem:backend: (getter get_backend)
   *
   * The backend, never `SSEM_BACKEND_DEFAULT`.
   *
   * Since: 1.0
   */
  properties[PROP_BACKEND] =
    g_param_spec_enum ("backend", NULL, NULL, SSEM_TYPE_BACKEND, SSEM_BACKEND_DEFAULT, flags);

  /**
   * SsemSemaphoreItem:value: (getter get_value)
   *
   * How many units are available.
   *
   * Since: 1.0
   */
  properties[PROP_VALUE] = g_param_spec_int ("value", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * SsemSemaphoreItem:n-holders: (getter get_n_holders)
   *
   * How many processes hold units; -1 if the backend does not know.
   *
   * Since: 1.0
   */
  properties[PROP_N_HOLDERS] =
    g_param_spec_int ("n-holders", NULL, NULL, -1, G_MAXINT, -1, flags);

  /**
   * SsemSemaphoreItem:n-waiters: (getter get_n_waiters)
   *
   * How many threads wait for units; -1 if the backend does not know.
   *
   * Since: 1.0
   */
  properties[PROP_N_WAITERS] =
    g_param_spec_int ("n-waiters", NULL, NULL, -1, G_MAXINT, -1, flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
ssem_semaphore_item_init (SsemSemaphoreItem *self)
{
}

SsemSemaphoreItem *
ssem_semaphore_item_new (SsemSemaphoreInfo *info)
{
  SsemSemaphoreItem *self = g_object_new (SSEM_TYPE_SEMAPHORE_ITEM, NULL);

  self->info = ssem_semaphore_info_ref (info);

  return self;
}

void
ssem_semaphore_item_set_info (SsemSemaphoreItem *self,
                              SsemSemaphoreInfo *info)
{
  g_autoptr(SsemSemaphoreInfo) old = NULL;

  if (are_infos_equal (self->info, info))
    return;

  /* Before the notifications: a handler sees the new values of all properties. */
  old = self->info;
  self->info = ssem_semaphore_info_ref (info);

  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_INFO]);
  if (ssem_semaphore_info_get_value (old) != ssem_semaphore_info_get_value (info))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_VALUE]);
  if (count_holders (old) != count_holders (info))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_HOLDERS]);
  if (ssem_semaphore_info_get_n_waiters (old) != ssem_semaphore_info_get_n_waiters (info))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_WAITERS]);
}

/* --- Public calls --- */

/**
 * ssem_semaphore_item_get_info: (get-property info)
 * @self: an item of a list
 *
 * Returns the last snapshot.
 *
 * Returns: (transfer none): the snapshot
 *
 * Since: 1.0
 */
SsemSemaphoreInfo *
ssem_semaphore_item_get_info (SsemSemaphoreItem *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_ITEM (self), NULL);

  return self->info;
}

/**
 * ssem_semaphore_item_get_key: (get-property key)
 * @self: an item of a list
 *
 * Returns the key.
 *
 * Returns: (nullable): the key, or `NULL` if it is not known, as
 *   [method@Ssem.SemaphoreInfo.get_key] says
 *
 * Since: 1.0
 */
const char *
ssem_semaphore_item_get_key (SsemSemaphoreItem *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_ITEM (self), NULL);

  return ssem_semaphore_info_get_key (self->info);
}

/**
 * ssem_semaphore_item_get_backend: (get-property backend)
 * @self: an item of a list
 *
 * Returns the backend of the semaphore.
 *
 * Returns: a backend, never `SSEM_BACKEND_DEFAULT`
 *
 * Since: 1.0
 */
SsemBackend
ssem_semaphore_item_get_backend (SsemSemaphoreItem *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_ITEM (self), SSEM_BACKEND_DEFAULT);

  return ssem_semaphore_info_get_backend (self->info);
}

/**
 * ssem_semaphore_item_get_value: (get-property value)
 * @self: an item of a list
 *
 * Returns how many units are available.
 *
 * Returns: a number of units, 0 or more
 *
 * Since: 1.0
 */
int
ssem_semaphore_item_get_value (SsemSemaphoreItem *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_ITEM (self), 0);

  return ssem_semaphore_info_get_value (self->info);
}

/**
 * ssem_semaphore_item_get_n_holders: (get-property n-holders)
 * @self: an item of a list
 *
 * Returns how many processes hold units.
 *
 * Returns: a number of processes, or -1 if the backend does not know
 *
 * Since: 1.0
 */
int
ssem_semaphore_item_get_n_holders (SsemSemaphoreItem *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_ITEM (self), -1);

  return count_holders (self->info);
}

/**
 * ssem_semaphore_item_get_n_waiters: (get-property n-waiters)
 * @self: an item of a list
 *
 * Returns how many threads wait for units.
 *
 * Returns: a number of threads, or -1 if the backend does not know
 *
 * Since: 1.0
 */
int
ssem_semaphore_item_get_n_waiters (SsemSemaphoreItem *self)
{
  g_return_val_if_fail (SSEM_IS_SEMAPHORE_ITEM (self), -1);

  return ssem_semaphore_info_get_n_waiters (self->info);
}
