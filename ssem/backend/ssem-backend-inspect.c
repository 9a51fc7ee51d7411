/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-inspect-private.h"

#include "ssem/os/ssem-display-private.h"
#include "ssem/ssem-i18n-private.h"

/* --- Looking --- */

static int
compare_processes (gconstpointer a,
                   gconstpointer b)
{
  const SsemSnapshotProcess *process_a = a;
  const SsemSnapshotProcess *process_b = b;
  int by_host = g_strcmp0 (process_a->host, process_b->host);

  return by_host != 0 ? by_host : process_a->pid - process_b->pid;
}

/* Completes what the backend has made. */
static void
complete (SsemSnapshot *snapshot,
          SsemBackend   backend)
{
  snapshot->backend = backend;
  if (snapshot->holders != NULL)
    g_array_sort (snapshot->holders, compare_processes);
  if (snapshot->waiters != NULL)
    g_array_sort (snapshot->waiters, compare_processes);
}

static int
compare_snapshots (gconstpointer a,
                   gconstpointer b)
{
  const SsemSnapshot *snapshot_a = *(SsemSnapshot *const *) a;
  const SsemSnapshot *snapshot_b = *(SsemSnapshot *const *) b;
  int by_key = g_strcmp0 (snapshot_a->key, snapshot_b->key);

  if (by_key != 0)
    return by_key;
  if (snapshot_a->backend != snapshot_b->backend)
    return (int) snapshot_a->backend - (int) snapshot_b->backend;

  /* The keys of both are unknown. */
  return g_strcmp0 (snapshot_a->native_key, snapshot_b->native_key);
}

static GPtrArray *
new_snapshots (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) ssem_snapshot_free);
}

static gboolean
list_backend (const SsemBackendTable  *table,
              const char              *address,
              GPtrArray               *snapshots,
              guint                   *n_others,
              GError                 **error)
{
  const SsemBackendConfiguration configuration = { .address = address };
  guint i = snapshots->len;
  gboolean is_listed = ssem_backend_list (table, &configuration, snapshots, n_others, error);

  for (; i < snapshots->len; i++)
    complete (snapshots->pdata[i], table->id);

  return is_listed;
}

GPtrArray *
ssem_backend_list_snapshots (SsemBackend   wanted,
                             const char   *address,
                             guint        *n_others,
                             GError      **error)
{
  g_autoptr(GPtrArray) snapshots = new_snapshots ();
  g_autoptr(GError) failure = NULL;
  gboolean is_any_listed = FALSE;
  guint n = 0;
  int i;

  if (wanted != SSEM_BACKEND_DEFAULT)
    {
      const SsemBackendTable *table = ssem_backend_choose (wanted, error);

      if (table == NULL || !list_backend (table, address, snapshots, &n, error))
        return NULL;
      is_any_listed = TRUE;
    }

  for (i = 0; wanted == SSEM_BACKEND_DEFAULT && ssem_backends[i] != NULL; i++)
    {
      g_clear_error (&failure);
      if (list_backend (ssem_backends[i], address, snapshots, &n, &failure))
        {
          is_any_listed = TRUE;
        }
      else if (!g_error_matches (failure, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
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

  g_ptr_array_sort (snapshots, compare_snapshots);
  *n_others = n;

  return g_steal_pointer (&snapshots);
}

void
ssem_backend_visit_directories (SsemBackend              wanted,
                                SsemBackendDirectoryFunc func,
                                gpointer                 data)
{
  int i;

  for (i = 0; ssem_backends[i] != NULL; i++)
    {
      const char *prefix = NULL;
      g_autofree char *directory = NULL;

      if (wanted == SSEM_BACKEND_DEFAULT || wanted == ssem_backends[i]->id)
        directory = ssem_backend_get_directory (ssem_backends[i], &prefix);
      if (directory != NULL)
        func (directory, prefix, data);
    }
}

static guint
count_others (const SsemBackendTable *table)
{
  const SsemBackendConfiguration configuration = { .address = NULL };
  g_autoptr(GPtrArray) snapshots = new_snapshots ();
  guint n_others = 0;

  ssem_backend_list (table, &configuration, snapshots, &n_others, NULL);

  return n_others;
}

guint
ssem_backend_count_others (SsemBackend wanted)
{
  const SsemBackendTable *table;
  guint n_others = 0;
  int i;

  if (wanted != SSEM_BACKEND_DEFAULT)
    {
      table = ssem_backend_choose (wanted, NULL);
      return table != NULL ? count_others (table) : 0;
    }

  for (i = 0; ssem_backends[i] != NULL; i++)
    n_others += count_others (ssem_backends[i]);

  return n_others;
}

SsemSnapshot *
ssem_backend_query (const SsemBackendTarget  *target,
                    GError                  **error)
{
  const SsemBackendTable *table = ssem_backend_choose (target->backend, error);
  SsemSnapshot *snapshot;

  if (table == NULL)
    return NULL;
  snapshot = ssem_backend_inspect (table, &target->configuration, target->key, error);
  if (snapshot != NULL)
    complete (snapshot, table->id);

  return snapshot;
}

/* --- Removing and resetting --- */

gboolean
ssem_backend_remove (const SsemBackendTarget  *target,
                     GError                  **error)
{
  const SsemBackendTable *table = ssem_backend_choose (target->backend, error);

  return table != NULL &&
         ssem_backend_remove_leftover (table, &target->configuration, target->key, error);
}

static SsemInstance *
open_instance (const SsemBackendTable   *table,
               const SsemBackendTarget  *target,
               int                       value,
               SsemAccessMode            mode,
               GError                  **error)
{
  return ssem_backend_open (table, &target->configuration, target->key, value, mode,
                            ssem_backend_can (table, SSEM_CAPABILITY_UNDO), error);
}

static void
close_instance (SsemInstance *instance)
{
  ssem_backend_close (instance);
  ssem_backend_free (instance);
}

gboolean
ssem_backend_reset (const SsemBackendTarget  *target,
                    int                       value,
                    GError                  **error)
{
  const SsemBackendTable *table = ssem_backend_choose (target->backend, error);
  SsemInstance *opened, *reset;

  if (table == NULL)
    return FALSE;

  /* While this instance has it open, the second one finds it, and does not create another. */
  opened = open_instance (table, target, value, SSEM_ACCESS_MODE_OPEN_EXISTING, error);
  if (opened == NULL)
    return FALSE;

  if (!ssem_backend_can (table, SSEM_CAPABILITY_RESET))
    {
      g_autofree char *shown = ssem_display_text (target->key);

      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("Could not set the value of the semaphore “%s”: "
                     "this backend cannot set values"),
                   shown);
      close_instance (opened);
      return FALSE;
    }

  reset = open_instance (table, target, value, SSEM_ACCESS_MODE_CREATE, error);
  if (reset != NULL)
    close_instance (reset);
  close_instance (opened);

  return reset != NULL;
}
