/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/backend/ssem-backend-module-private.h"

#include <gio/gio.h>
#include <string.h>

/* The backend "hosts", a module for the tests alone: what looking at a backend on a network may
 * show.
 *
 * The address says what is there:
 *
 *   farm  one semaphore in use, with holders on three machines, and one that is left over
 *   down  nothing can be reached
 *   none  no semaphores; the default
 *
 * Nothing can be acquired, and nothing changes. */

#define IN_USE "render farm"
#define LEFTOVER "seats"

typedef struct
{
  const char *host;
  int pid;
  const char *command;
  gint64 units;
} Person;

/* Not in the order in which people see them. */
static const Person holders[] = {
  { "boreas", 4711, "encode", 2 },
  { "atlas", 4711, "encode", 1 },
  { NULL, 815, "encode\033[31m", 1 },
  { "atlas", 42, "encode", 3 },
};
static const Person waiters[] = {
  { "cronos", 7, NULL, 5 },
};

static SsemBackendServicesPointer services;

static const SsemBackendTable table;

static GArray *
copy_people (const Person *people,
             gsize         n)
{
  GArray *processes = services->new_processes ();
  gsize i;

  for (i = 0; i < n; i++)
    {
      SsemSnapshotProcess process = {
        .host = g_strdup (people[i].host),
        .pid = people[i].pid,
        .command = people[i].command != NULL ? services->display_text (people[i].command) : NULL,
        .units = people[i].units,
        .since_usec = G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC,
      };

      g_array_append_val (processes, process);
    }

  return processes;
}

static SsemSnapshot *
look (const char *key)
{
  SsemSnapshot *snapshot = services->new_snapshot ();

  snapshot->key = g_strdup (key);
  snapshot->initial_value = 8;
  snapshot->is_leftover = g_str_equal (key, LEFTOVER);
  snapshot->value = snapshot->is_leftover ? 8 : 1;
  snapshot->n_attached = snapshot->is_leftover ? 0 : 5;
  snapshot->n_waiters = snapshot->is_leftover ? 0 : 1;
  snapshot->holders = copy_people (holders, snapshot->is_leftover ? 0 : G_N_ELEMENTS (holders));
  snapshot->waiters = copy_people (waiters, snapshot->is_leftover ? 0 : G_N_ELEMENTS (waiters));

  return snapshot;
}

static gboolean
reach (const SsemBackendConfiguration  *configuration,
       GError                         **error)
{
  if (g_strcmp0 (configuration->address, "down") != 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "Could not reach “%s”",
               configuration->address);

  return FALSE;
}

static gboolean
find (const SsemBackendConfiguration  *configuration,
      const char                      *key,
      SsemOperation                    operation,
      GError                         **error)
{
  if (!reach (configuration, error))
    return FALSE;
  if (g_strcmp0 (configuration->address, "farm") == 0 &&
      (g_str_equal (key, IN_USE) || g_str_equal (key, LEFTOVER)))
    return TRUE;

  return services->fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, operation, key,
                                 "There is none");
}

static SsemSnapshot *
hosts_inspect (const SsemBackendConfiguration  *configuration,
               const char                      *key,
               GError                         **error)
{
  return find (configuration, key, SSEM_OPERATION_INSPECT, error) ? look (key) : NULL;
}

static gboolean
hosts_list (const SsemBackendConfiguration  *configuration,
            GPtrArray                       *snapshots,
            guint                           *n_others,
            GError                         **error)
{
  if (!reach (configuration, error))
    return FALSE;

  if (g_strcmp0 (configuration->address, "farm") == 0)
    {
      g_ptr_array_add (snapshots, look (LEFTOVER));
      g_ptr_array_add (snapshots, look (IN_USE));
    }

  return TRUE;
}

static gboolean
hosts_remove_leftover (const SsemBackendConfiguration  *configuration,
                       const char                      *key,
                       GError                         **error)
{
  if (!find (configuration, key, SSEM_OPERATION_REMOVE, error))
    return FALSE;
  if (g_str_equal (key, LEFTOVER))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "The semaphore “%s” is in use", key);

  return FALSE;
}

static void
hosts_describe (SsemOperation   operation,
                const char     *key,
                int             system_error,
                GError        **error)
{
  services->fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR, operation, key,
                          g_strerror (system_error));
}

static SsemInstance *
hosts_open (const SsemBackendConfiguration  *configuration,
            const char                      *key,
            int                              initial_value,
            SsemAccessMode                   mode,
            gboolean                         undo,
            GError                         **error)
{
  SsemInstance *instance;

  if (!find (configuration, key, SSEM_OPERATION_OPEN, error))
    return NULL;

  instance = g_new0 (SsemInstance, 1);
  instance->table = &table;

  return instance;
}

static int
hosts_acquire (SsemInstance *instance,
               int           n,
               gint64        deadline_usec,
               GCancellable *cancellable,
               guint64      *fencing_token)
{
  return SSEM_FAILURE_WOULD_BLOCK;
}

static int
hosts_release (SsemInstance *instance,
               int           n)
{
  return SSEM_FAILURE_TOO_MANY;
}

static int
hosts_get_value (SsemInstance *instance,
                 int          *value)
{
  *value = 1;

  return 0;
}

static void
hosts_close (SsemInstance *instance)
{
}

static void
hosts_free (SsemInstance *instance)
{
  g_free (instance);
}

static const SsemBackendTable table = {
  .id = 1001,
  .name = "hosts",
  .capabilities = SSEM_CAPABILITY_UNDO | SSEM_CAPABILITY_RESET | SSEM_CAPABILITY_ATOMIC_N |
                  SSEM_CAPABILITY_INSPECT | SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE |
                  SSEM_CAPABILITY_ADDRESS,
  .maximum = G_MAXINT,
  .describe = hosts_describe,
  .open = hosts_open,
  .acquire = hosts_acquire,
  .release = hosts_release,
  .get_value = hosts_get_value,
  .close = hosts_close,
  .free = hosts_free,
  .inspect = hosts_inspect,
  .list = hosts_list,
  .remove_leftover = hosts_remove_leftover,
};

G_MODULE_EXPORT const SsemBackendModule ssem_backend_module = {
  .abi = SSEM_BACKEND_MODULE_ABI,
  .table = &table,
  .services = &services,
};
