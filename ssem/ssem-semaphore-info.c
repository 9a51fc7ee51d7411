/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-semaphore-info.h"

#include "ssem/os/ssem-thread-private.h"
#include "ssem-key-private.h"
#include "ssem-process-info-private.h"
#include "ssem-semaphore-info-private.h"

/**
 * SsemSemaphoreInfo:
 *
 * A snapshot of a semaphore: which processes hold units, which wait, and whether any process uses
 * it.
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
 * A snapshot does not change; the semaphore may have changed when the snapshot is read. Taking it
 * does not affect the semaphore: it attaches no process, waits for no process, and does not affect
 * this process's own use of the key.
 *
 * With shared memory everything is known. The figures belong to one moment, unless the semaphore
 * changes so often that no such moment is found. Acquires and releases through an object whose
 * [property@Ssem.SystemSemaphore:undo] is `FALSE` do not count as held.
 *
 * With System V the kernel does not report which processes hold units or wait. Unknown values are
 * `NULL` or -1, as each function says. Qt does not record which processes use a semaphore, so these
 * are not counted.
 *
 * With POSIX, the system does not report how many threads wait, either. Semaphores that other
 * programs have created are listed, too, and are never leftovers. Other programs are not counted.
 *
 * Any thread may use this type.
 *
 * Since: 1.0
 */
struct _SsemSemaphoreInfo
{
  /* Constant after creation. */
  SsemSnapshot *snapshot;
  GPtrArray *holders;
  GPtrArray *waiters;
};

G_DEFINE_BOXED_TYPE (SsemSemaphoreInfo, ssem_semaphore_info,
                     ssem_semaphore_info_ref, ssem_semaphore_info_unref)

/* --- Looking --- */

/* Returns the public form of @seen; NULL for NULL. */
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

  return processes;
}

/* Returns the public form of @snapshot, and takes it over. */
static SsemSemaphoreInfo *
wrap (SsemSnapshot *snapshot)
{
  SsemSemaphoreInfo *self = g_atomic_rc_box_new0 (SsemSemaphoreInfo);

  self->snapshot = snapshot;
  self->holders = wrap_processes (snapshot->holders);
  self->waiters = wrap_processes (snapshot->waiters);

  return self;
}

/**
 * ssem_semaphore_info_list:
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for every backend of this build, whatever the
 *   environment says
 * @error: return location for an error
 *
 * Lists the semaphores of the user.
 *
 * These are the semaphores that opening a key would find; `SSEM_RUNTIME_DIR` selects another
 * directory. The list leaves out files that are not semaphores or cannot be read, and the
 * semaphores of other users, which [func@Ssem.SemaphoreInfo.count_others] counts.
 *
 * Returns: (transfer container) (element-type SsemSemaphoreInfo): the semaphores, which the array
 *   owns, sorted by the bytes of their keys; or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if the directory of the semaphores cannot be
 *   read, or the directory that the library creates for the user belongs to another user, is a link
 *   or is open to others;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if the directory that the environment names does not
 *   exist;
 * - `G_IO_ERROR_NOT_SUPPORTED` if @backend is not available or cannot list semaphores;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @backend is not a backend;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` or `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR`
 *   if the directory cannot be read for another reason.
 *
 * Since: 1.0
 */
GPtrArray *
ssem_semaphore_info_list (SsemBackend   backend,
                          GError      **error)
{
  return ssem_semaphore_info_list_at (backend, NULL, error);
}

/**
 * ssem_semaphore_info_list_at:
 * @backend: a backend
 * @address: (nullable): where its service is, as [property@Ssem.SystemSemaphore:address] describes
 * @error: return location for an error
 *
 * Lists the semaphores of a backend with an address, as [func@Ssem.SemaphoreInfo.list] does.
 *
 * Returns: (transfer container) (element-type SsemSemaphoreInfo): the semaphores, which the array
 *   owns, sorted by the bytes of their keys; or `NULL` with @error set:
 *
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @address is not an address, or @backend has none;
 * - an error of GIO if the service cannot be reached;
 * - otherwise as [func@Ssem.SemaphoreInfo.list] sets it.
 *
 * Since: 1.0
 */
GPtrArray *
ssem_semaphore_info_list_at (SsemBackend   backend,
                             const char   *address,
                             GError      **error)
{
  SSEM_THREAD_SHIELD;
  g_autoptr(GPtrArray) snapshots = NULL;
  GPtrArray *infos;
  guint n_others, i;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ssem_semaphore_info_ensure_library ();
  snapshots = ssem_backend_list_snapshots (backend, address, &n_others, error);
  if (snapshots == NULL)
    return NULL;

  infos = g_ptr_array_new_with_free_func ((GDestroyNotify) ssem_semaphore_info_unref);
  g_ptr_array_set_free_func (snapshots, NULL);
  for (i = 0; i < snapshots->len; i++)
    g_ptr_array_add (infos, wrap (snapshots->pdata[i]));

  return infos;
}

/**
 * ssem_semaphore_info_count_others:
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for every backend of this build, whatever the
 *   environment says
 *
 * Counts the semaphores that [func@Ssem.SemaphoreInfo.list] leaves out because they belong to other
 * users.
 *
 * There are some only if users share a directory: `/tmp` with System V, `/dev/shm` with POSIX, or
 * the directory that `SSEM_RUNTIME_DIR` names. A process that opened a key as root and then changed
 * its user leaves such a semaphore behind, because only the owner and root may remove it.
 *
 * Returns: a number of semaphores; 0 also where the directory cannot be read
 *
 * Since: 1.0
 */
guint
ssem_semaphore_info_count_others (SsemBackend backend)
{
  SSEM_THREAD_SHIELD;

  ssem_semaphore_info_ensure_library ();

  return ssem_backend_count_others (backend);
}

/**
 * ssem_semaphore_info_query:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for the backend that an object gets by default
 * @error: return location for an error
 *
 * Takes a snapshot of the semaphore of a key.
 *
 * Returns: (transfer full): the snapshot, or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if there is no semaphore of that key;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR` if @key is not a valid key, or its file is not a
 *   semaphore;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if it belongs to another user, or is a link;
 * - `G_IO_ERROR_NOT_SUPPORTED` if @backend is not available or cannot be inspected;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @backend, or the name in the environment, is not a backend;
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
  return ssem_semaphore_info_query_at (key, backend, NULL, error);
}

/**
 * ssem_semaphore_info_query_at:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @backend: a backend
 * @address: (nullable): where its service is, as [property@Ssem.SystemSemaphore:address] describes
 * @error: return location for an error
 *
 * Takes a snapshot of the semaphore of a key in a backend with an address.
 *
 * Returns: (transfer full): the snapshot, or `NULL` with @error set:
 *
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @address is not an address, or @backend has none;
 * - an error of GIO if the service cannot be reached;
 * - otherwise as [func@Ssem.SemaphoreInfo.query] sets it.
 *
 * Since: 1.0
 */
SsemSemaphoreInfo *
ssem_semaphore_info_query_at (const char   *key,
                              SsemBackend   backend,
                              const char   *address,
                              GError      **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTarget target = {
    .backend = backend,
    .key = key,
    .configuration = { .address = address },
  };
  SsemSnapshot *snapshot;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ssem_semaphore_info_ensure_library ();
  if (!ssem_key_check (key, error))
    return NULL;
  snapshot = ssem_backend_query (&target, error);

  return snapshot != NULL ? wrap (snapshot) : NULL;
}

/**
 * ssem_semaphore_info_query_native:
 * @native_key: a native key, as in [property@Ssem.SystemSemaphore:native-key]
 * @error: return location for an error
 *
 * Takes a snapshot of the semaphore of a native key.
 *
 * Returns: (transfer full): the snapshot, or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR` if @native_key does not have the right form, or what
 *   has the name is not a semaphore;
 * - otherwise as [func@Ssem.SemaphoreInfo.query] sets it.
 *
 * Since: 1.0
 */
SsemSemaphoreInfo *
ssem_semaphore_info_query_native (const char  *native_key,
                                  GError     **error)
{
  SSEM_THREAD_SHIELD;
  g_auto(SsemNativeKey) parsed = { .name = NULL };
  SsemBackendTarget target;
  SsemSnapshot *snapshot;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ssem_semaphore_info_ensure_library ();
  if (!ssem_semaphore_info_find_native (native_key, &parsed, &target, error))
    return NULL;
  snapshot = ssem_backend_query (&target, error);

  return snapshot != NULL ? wrap (snapshot) : NULL;
}

/* --- Life --- */

/**
 * ssem_semaphore_info_ref:
 * @self: a snapshot of a semaphore
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
 * Drops a reference; the last one frees @self.
 *
 * Since: 1.0
 */
void
ssem_semaphore_info_unref (SsemSemaphoreInfo *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_rc_box_release_full (self, clear);
}

/* --- Reading --- */

/**
 * ssem_semaphore_info_get_key:
 * @self: a snapshot of a semaphore
 *
 * Returns the key.
 *
 * Returns: (nullable): the key, or `NULL` if it is not known, because another program, such as one
 *   of Qt, created the semaphore, or every process opened it by its native key. With POSIX, most
 *   names contain the key, which is then known.
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
 * ssem_semaphore_info_get_native_key:
 * @self: a snapshot of a semaphore
 *
 * Returns the native key, with which other programs can open the semaphore.
 *
 * See [property@Ssem.SystemSemaphore:native-key].
 *
 * Returns: (nullable): the native key, or `NULL` if there is none, as with shared memory
 *
 * Since: 1.0
 */
const char *
ssem_semaphore_info_get_native_key (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->snapshot->native_key;
}

/**
 * ssem_semaphore_info_get_backend:
 * @self: a snapshot of a semaphore
 *
 * Returns the backend of the semaphore.
 *
 * Returns: a backend, never `SSEM_BACKEND_DEFAULT`
 *
 * Since: 1.0
 */
SsemBackend
ssem_semaphore_info_get_backend (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, SSEM_BACKEND_DEFAULT);

  return self->snapshot->backend;
}

/**
 * ssem_semaphore_info_get_value:
 * @self: a snapshot of a semaphore
 *
 * Returns how many units were available.
 *
 * Units that a dead process held count as available, as they do for an acquire. With POSIX, such
 * units do not come back.
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
 * @self: a snapshot of a semaphore
 *
 * Returns the value that the semaphore was created with or last reset to.
 *
 * Returns: a number of units, or -1 if it is not known, because a Qt program, or with POSIX any
 *   other program, created the semaphore
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
 * @self: a snapshot of a semaphore
 *
 * Returns how many units all holders held together.
 *
 * Returns: a number of units, or -1 if it is not known, as with System V and POSIX
 *
 * Since: 1.0
 */
gint64
ssem_semaphore_info_get_units_held (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, -1);

  return ssem_snapshot_get_units_held (self->snapshot);
}

/**
 * ssem_semaphore_info_get_n_attached:
 * @self: a snapshot of a semaphore
 *
 * Returns how many live processes had the key open.
 *
 * A process that has closed the key and still holds units is a holder, but is not counted here.
 *
 * Returns: a number of processes; -1 if it is not known: with System V if a Qt program created the
 *   semaphore, with POSIX if another program created it or has it open, or if the system does not
 *   report how many processes are attached
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
 * @self: a snapshot of a semaphore
 *
 * Returns how many threads of all processes waited for units.
 *
 * Returns: a number of threads; -1 if it is not known, as with POSIX
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
 * @self: a snapshot of a semaphore
 *
 * Returns whether the semaphore was left over: no live process had it open, because the last one
 * was killed or crashed.
 *
 * The next process that opens the key takes it over, as its mode says.
 * [func@Ssem.semaphore_remove_leftover] removes it.
 *
 * Returns: `TRUE` if no live process had it open; `FALSE` also if that is not known, because a Qt
 *   program created it, and with POSIX for every semaphore that another program created
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
 * @self: a snapshot of a semaphore
 *
 * Returns the processes that held units, each once.
 *
 * Returns: (transfer none) (nullable) (element-type SsemProcessInfo): the processes, ordered by
 *   their hosts and ids, or `NULL` if the backend does not report them
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
 * @self: a snapshot of a semaphore
 *
 * Returns the processes that waited for units, each once.
 *
 * Returns: (transfer none) (nullable) (element-type SsemProcessInfo): the processes, ordered by
 *   their hosts and ids, or `NULL` if the backend does not report them
 *
 * Since: 1.0
 */
GPtrArray *
ssem_semaphore_info_get_waiters (SsemSemaphoreInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->waiters;
}
