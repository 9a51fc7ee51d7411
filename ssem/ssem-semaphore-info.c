/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-semaphore-info.h"

#include "ssem/backend/ssem-backend-private.h"
#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem-i18n-private.h"
#include "ssem-key-private.h"
#include "ssem-process-info-private.h"
#include "ssem-system-semaphore.h"

#include <string.h>

/**
 * SsemSemaphoreInfo:
 *
 * What a semaphore was like when somebody looked: who holds units, who waits, and whether it is in
 * use at all.
 *
 * ```c
 * g_autoptr(GError) error = NULL;
 * g_autoptr(GPtrArray) infos = ssem_semaphore_info_list (SSEM_BACKEND_DEFAULT, &error);
 *
 * if (infos == NULL)
 *   g_error ("%s", error->message);
 * for (guint i = 0; i < infos->len; i++)
 *   {
 *     SsemSemaphoreInfo *info = infos->pdata[i];
 *     const char *key = ssem_semaphore_info_get_key (info);
 *
 *     g_print ("%s: %d free\n", key != NULL ? key : "?", ssem_semaphore_info_get_value (info));
 *   }
 * ```
 *
 * It is a snapshot, which does not change, and is already old when it is read. Looking does not
 * touch the semaphore: it makes nobody an attached process, waits for nobody, and takes nothing
 * from the process's own use of the key.
 *
 * With shared memory everything is known. The figures belong to one moment, unless the semaphore is
 * changed so often that no such moment is found. What is acquired or released through an object
 * whose [property@Ssem.SystemSemaphore:undo] is `FALSE` counts neither for nor against a process.
 *
 * With System V the kernel does not tell who holds units or waits. What is not known is `NULL` or
 * -1, as each function says. Qt leaves no trace of the processes that use a semaphore, so they are
 * neither counted nor found to be dead.
 *
 * This type may be used from any thread.
 *
 * Since: 1.0
 */
struct _SsemSemaphoreInfo
{
  /* Constant after creation. */
  SsemBackend backend;
  SsemSnapshot *snapshot;
  gint64 units_held;
  GPtrArray *holders;
  GPtrArray *waiters;
};

static const SsemBackendConfiguration no_configuration;

G_DEFINE_BOXED_TYPE (SsemSemaphoreInfo, ssem_semaphore_info,
                     ssem_semaphore_info_ref, ssem_semaphore_info_unref)

/* The class binds the domain of the messages, and starts what is one for the whole process. */
static void
ensure_library (void)
{
  static gsize is_done;

  if (g_once_init_enter (&is_done))
    {
      g_type_class_ref (SSEM_TYPE_SYSTEM_SEMAPHORE);
      g_once_init_leave (&is_done, 1);
    }
}

/* --- Making --- */

static int
compare_processes (gconstpointer a,
                   gconstpointer b)
{
  SsemProcessInfo *process_a = *(SsemProcessInfo *const *) a;
  SsemProcessInfo *process_b = *(SsemProcessInfo *const *) b;

  return ssem_process_info_get_pid (process_a) - ssem_process_info_get_pid (process_b);
}

/* NULL for NULL. */
static GPtrArray *
wrap_processes (GArray *seen)
{
  GPtrArray *processes;
  guint i;

  if (seen == NULL)
    return NULL;

  processes = g_ptr_array_new_with_free_func ((GDestroyNotify) ssem_process_info_unref);
  for (i = 0; i < seen->len; i++)
    g_ptr_array_add (processes,
                     ssem_process_info_new (&g_array_index (seen, SsemSnapshotProcess, i)));
  g_ptr_array_sort (processes, compare_processes);

  return processes;
}

/* Takes over @snapshot. */
static SsemSemaphoreInfo *
wrap (SsemBackend   backend,
      SsemSnapshot *snapshot)
{
  SsemSemaphoreInfo *self = g_atomic_rc_box_new0 (SsemSemaphoreInfo);
  guint i;

  self->backend = backend;
  self->snapshot = snapshot;
  self->holders = wrap_processes (snapshot->holders);
  self->waiters = wrap_processes (snapshot->waiters);

  self->units_held = self->holders != NULL ? 0 : -1;
  for (i = 0; self->holders != NULL && i < self->holders->len; i++)
    self->units_held += ssem_process_info_get_units (self->holders->pdata[i]);

  return self;
}

static int
compare_infos (gconstpointer a,
               gconstpointer b)
{
  const SsemSemaphoreInfo *info_a = *(SsemSemaphoreInfo *const *) a;
  const SsemSemaphoreInfo *info_b = *(SsemSemaphoreInfo *const *) b;
  int by_key = g_strcmp0 (info_a->snapshot->key, info_b->snapshot->key);

  return by_key != 0 ? by_key : (int) info_a->backend - (int) info_b->backend;
}

static gboolean
list_backend (const SsemBackendTable  *table,
              GPtrArray               *infos,
              GError                 **error)
{
  g_autoptr(GPtrArray) snapshots = g_ptr_array_new ();
  guint n_others = 0;
  gboolean is_listed = ssem_backend_list (table, &no_configuration, snapshots, &n_others, error);
  guint i;

  for (i = 0; i < snapshots->len; i++)
    g_ptr_array_add (infos, wrap (table->id, snapshots->pdata[i]));

  return is_listed;
}

/**
 * ssem_semaphore_info_list:
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for every one that this build has, whatever the
 *   environment says
 * @error: return location for an error
 *
 * Looks at every semaphore of the user.
 *
 * These are the ones in the place where opening a key would look, which `SSEM_RUNTIME_DIR` moves. A
 * file that is no semaphore, or that cannot be read, is left out; so are the semaphores of other
 * users, which [func@Ssem.SemaphoreInfo.count_others] counts.
 *
 * Returns: (transfer container) (element-type SsemSemaphoreInfo): the semaphores, which the array
 *   owns, ordered by the bytes of their keys; or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if the folder of the semaphores cannot be read,
 *   or the one that the library makes for the user is somebody else's, a link or open to others;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if the folder that the environment names does not
 *   exist;
 * - `G_IO_ERROR_NOT_SUPPORTED` if this build does not have @backend, or the system does not tell;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @backend is no backend;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` or `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR`
 *   if the folder cannot be read for another reason.
 *
 * Since: 1.0
 */
GPtrArray *
ssem_semaphore_info_list (SsemBackend   backend,
                          GError      **error)
{
  SSEM_THREAD_SHIELD;
  g_autoptr(GPtrArray) infos = NULL;
  gboolean is_any_listed = FALSE;
  g_autoptr(GError) failure = NULL;
  int i;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ensure_library ();
  infos = g_ptr_array_new_with_free_func ((GDestroyNotify) ssem_semaphore_info_unref);
  if (backend != SSEM_BACKEND_DEFAULT)
    {
      const SsemBackendTable *table = ssem_backend_choose (backend, error);

      if (table == NULL || !list_backend (table, infos, error))
        return NULL;
      is_any_listed = TRUE;
    }

  for (i = 0; backend == SSEM_BACKEND_DEFAULT && ssem_backends[i] != NULL; i++)
    {
      g_clear_error (&failure);
      if (list_backend (ssem_backends[i], infos, &failure))
        {
          is_any_listed = TRUE;
        }
      else if (!g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return NULL;
        }
    }

  if (!is_any_listed)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }

  g_ptr_array_sort (infos, compare_infos);

  return g_steal_pointer (&infos);
}

static guint
count_others (const SsemBackendTable *table)
{
  g_autoptr(GPtrArray) snapshots =
    g_ptr_array_new_with_free_func ((GDestroyNotify) ssem_snapshot_free);
  guint n_others = 0;

  ssem_backend_list (table, &no_configuration, snapshots, &n_others, NULL);

  return n_others;
}

/**
 * ssem_semaphore_info_count_others:
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for every one that this build has, whatever the
 *   environment says
 *
 * Counts the semaphores that [func@Ssem.SemaphoreInfo.list] leaves out because they belong to other
 * users.
 *
 * There are some only where users share a directory: `/tmp` with System V, or the one that
 * `SSEM_RUNTIME_DIR` names. A process that opened a key as root and then changed its user leaves
 * such a semaphore over, because it may not remove it. Only its owner and root can do so.
 *
 * Returns: a number of semaphores; 0 also where the directory cannot be read
 *
 * Since: 1.0
 */
guint
ssem_semaphore_info_count_others (SsemBackend backend)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTable *table;
  guint n_others = 0;
  int i;

  ensure_library ();
  if (backend != SSEM_BACKEND_DEFAULT)
    {
      table = ssem_backend_choose (backend, NULL);
      return table != NULL ? count_others (table) : 0;
    }

  for (i = 0; ssem_backends[i] != NULL; i++)
    n_others += count_others (ssem_backends[i]);

  return n_others;
}

/**
 * ssem_semaphore_info_query:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for the one that an object would get that asks for
 *   none
 * @error: return location for an error
 *
 * Looks at the semaphore of a key.
 *
 * Returns: (transfer full): what there is to tell, or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if there is no semaphore of that key;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR` if @key is not a key, or what lies in its place is no
 *   semaphore;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if it is another user's, or a link;
 * - `G_IO_ERROR_NOT_SUPPORTED` if this build does not have @backend, or the system does not tell;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @backend, or what the environment names, is no backend;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` if the process has no more descriptors;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR` for anything else.
 *
 * Since: 1.0
 */
SsemSemaphoreInfo *
ssem_semaphore_info_query (const char   *key,
                           SsemBackend   backend,
                           GError      **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTable *table;
  SsemSnapshot *snapshot;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ensure_library ();
  if (!ssem_key_check (key, error))
    return NULL;
  table = ssem_backend_choose (backend, error);
  if (table == NULL)
    return NULL;
  snapshot = ssem_backend_inspect (table, &no_configuration, key, error);

  return snapshot != NULL ? wrap (table->id, snapshot) : NULL;
}

/* --- Life --- */

/**
 * ssem_semaphore_info_ref:
 * @self: what was seen of a semaphore
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
SsemSemaphoreInfo *
ssem_semaphore_info_ref (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  SsemSemaphoreInfo *self = data;

  ssem_snapshot_free (self->snapshot);
  g_clear_pointer (&self->holders, g_ptr_array_unref);
  g_clear_pointer (&self->waiters, g_ptr_array_unref);
}

/**
 * ssem_semaphore_info_unref:
 * @self: (transfer full): what was seen of a semaphore
 *
 * Gives a reference back; the last one frees @self.
 *
 * Since: 1.0
 */
void
ssem_semaphore_info_unref (SsemSemaphoreInfo *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_rc_box_release_full (self, clear);
}

/* --- Telling --- */

/**
 * ssem_semaphore_info_get_key:
 * @self: what was seen of a semaphore
 *
 * The key.
 *
 * Returns: (nullable): the key, or `NULL` if a Qt program made the semaphore: it writes the key
 *   nowhere
 *
 * Since: 1.0
 */
const char *
ssem_semaphore_info_get_key (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->snapshot->key;
}

/**
 * ssem_semaphore_info_get_backend:
 * @self: what was seen of a semaphore
 *
 * What the semaphore is built from.
 *
 * Returns: a backend, never `SSEM_BACKEND_DEFAULT`
 *
 * Since: 1.0
 */
SsemBackend
ssem_semaphore_info_get_backend (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, SSEM_BACKEND_DEFAULT);

  return self->backend;
}

/**
 * ssem_semaphore_info_get_value:
 * @self: what was seen of a semaphore
 *
 * How many units were available.
 *
 * Units that a dead process held count as available, as they do for whoever acquires.
 *
 * Returns: a number of units, 0 or more
 *
 * Since: 1.0
 */
int
ssem_semaphore_info_get_value (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, -1);

  return self->snapshot->value;
}

/**
 * ssem_semaphore_info_get_initial_value:
 * @self: what was seen of a semaphore
 *
 * The value that the semaphore was created with or last reset to.
 *
 * Returns: a number of units, or -1 if it is not known, because a Qt program made the semaphore
 *
 * Since: 1.0
 */
int
ssem_semaphore_info_get_initial_value (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, -1);

  return self->snapshot->initial_value;
}

/**
 * ssem_semaphore_info_get_units_held:
 * @self: what was seen of a semaphore
 *
 * How many units the holders held, together.
 *
 * Returns: a number of units, or -1 if it is not known
 *
 * Since: 1.0
 */
gint64
ssem_semaphore_info_get_units_held (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, -1);

  return self->units_held;
}

/**
 * ssem_semaphore_info_get_n_attached:
 * @self: what was seen of a semaphore
 *
 * How many live processes had the key open.
 *
 * A process that has closed it, and still holds units, is a holder that is not counted here.
 *
 * Returns: a number of processes; or -1 if it is not known: with System V where a Qt program made
 *   the semaphore, or where somebody is attached and the system does not tell how many
 *
 * Since: 1.0
 */
int
ssem_semaphore_info_get_n_attached (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, -1);

  return self->snapshot->n_attached;
}

/**
 * ssem_semaphore_info_get_n_waiters:
 * @self: what was seen of a semaphore
 *
 * How many threads waited for units, of all processes together.
 *
 * Returns: a number of threads
 *
 * Since: 1.0
 */
int
ssem_semaphore_info_get_n_waiters (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, -1);

  return self->snapshot->n_waiters;
}

/**
 * ssem_semaphore_info_is_leftover:
 * @self: what was seen of a semaphore
 *
 * Whether the semaphore was left over: no live process had it open, because the last one was killed
 * or crashed.
 *
 * The next process that opens the key takes it over, as its mode says.
 * [func@Ssem.semaphore_remove_leftover] removes it.
 *
 * Returns: `TRUE` if nobody had it open; `FALSE` where that is not known, because a Qt program made
 *   it
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_info_is_leftover (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->snapshot->is_leftover;
}

/**
 * ssem_semaphore_info_get_holders:
 * @self: what was seen of a semaphore
 *
 * The processes that held units, each once.
 *
 * Returns: (transfer none) (nullable) (element-type SsemProcessInfo): the processes, ordered by
 *   their numbers, or `NULL` if the backend does not tell
 *
 * Since: 1.0
 */
GPtrArray *
ssem_semaphore_info_get_holders (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->holders;
}

/**
 * ssem_semaphore_info_get_waiters:
 * @self: what was seen of a semaphore
 *
 * The processes that waited for units, each once.
 *
 * Returns: (transfer none) (nullable) (element-type SsemProcessInfo): the processes, ordered by
 *   their numbers, or `NULL` if the backend does not tell
 *
 * Since: 1.0
 */
GPtrArray *
ssem_semaphore_info_get_waiters (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->waiters;
}

/* --- Mending --- */

/**
 * ssem_semaphore_remove_leftover:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for the one that an object would get that asks for
 *   none
 * @error: return location for an error
 *
 * Removes a semaphore that no live process has open.
 *
 * It never takes one away from anybody: whoever opens the key at the same time either gets the old
 * semaphore, and this function fails, or a new one.
 *
 * Returns: `TRUE` if it was removed, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_BUSY` if a live process has it open, or a Qt program made it;
 * - otherwise as [func@Ssem.SemaphoreInfo.query] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_remove_leftover (const char   *key,
                                SsemBackend   backend,
                                GError      **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTable *table;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  ensure_library ();
  if (!ssem_key_check (key, error))
    return FALSE;
  table = ssem_backend_choose (backend, error);

  return table != NULL &&
         ssem_backend_remove_leftover (table, &no_configuration, key, error);
}

static SsemSystemSemaphore *
open_semaphore (const char      *key,
                int              value,
                SsemAccessMode   mode,
                SsemBackend      backend,
                GError         **error)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                         "key", key,
                         "initial-value", value,
                         "mode", mode,
                         "backend", backend,
                         NULL);
}

/**
 * ssem_semaphore_reset:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @value: the new value: 0 to the backend's maximum, 32767 with System V, else `G_MAXINT`
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for the one that an object would get that asks for
 *   none
 * @error: return location for an error
 *
 * Sets the value of a semaphore that exists, and forgets every acquire that has not been released.
 *
 * It is what opening the key with `SSEM_ACCESS_MODE_CREATE` and closing it does: those who have it
 * open stay attached, and waiters that the new value can serve wake up. Where nobody else has it
 * open, the semaphore is gone afterwards, since its last user has left.
 *
 * Returns: `TRUE` if it was reset, or `FALSE` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if there is no semaphore of that key;
 * - `G_IO_ERROR_NOT_SUPPORTED` if the backend has no way to set a value, as on Windows;
 * - otherwise as [ctor@Ssem.SystemSemaphore.new] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_reset (const char   *key,
                      int           value,
                      SsemBackend   backend,
                      GError      **error)
{
  g_autoptr(SsemSystemSemaphore) opened = NULL;
  g_autoptr(SsemSystemSemaphore) reset = NULL;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  /* Once it is open, it stays until the second one, which would create it, has reset it. */
  opened = open_semaphore (key, value, SSEM_ACCESS_MODE_OPEN_EXISTING, backend, error);
  if (opened == NULL)
    return FALSE;

  if (!ssem_backend_can (ssem_backend_find (ssem_system_semaphore_get_backend (opened)),
                         SSEM_CAPABILITY_RESET))
    {
      g_autofree char *shown = ssem_display_text (key);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("Could not set the value of the semaphore “%s”: this backend cannot set values"),
                   shown);
      return FALSE;
    }

  reset = open_semaphore (key, value, SSEM_ACCESS_MODE_CREATE, backend, error);

  return reset != NULL;
}
