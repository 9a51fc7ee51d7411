/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem-backend-module-private.h"
#include "ssem-loss-watch-private.h"
#include "ssem/os/ssem-barrier-private.h"
#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/ssem-i18n-private.h"

/* Initialisation
 *
 * A backend is initialised by the first ssem_backend_open (), because most programs use only one.
 * The list of initialised backends only grows. It is read without a lock; an entry is added with
 * forks blocked, so that a child finds a backend either initialised or untouched.
 */
typedef struct _Initialised Initialised;

struct _Initialised
{
  const SsemBackendTable *table;
  Initialised *next;
};

static _Atomic (Initialised *) initialised;

/* --- Choosing --- */

const SsemBackendTable *
ssem_backend_find (SsemBackend id)
{
  int i;

  for (i = 0; ssem_backends[i] != NULL; i++)
    {
      if (ssem_backends[i]->id == id)
        return ssem_backends[i];
    }

  return ssem_backend_module_find (id);
}

/* The names of the members of SsemBackend. A build need not have them all. */
static const char *const known_names[] = {
  [SSEM_BACKEND_DEFAULT] = "default",
  [SSEM_BACKEND_SHARED_MEMORY] = "shared-memory",
  [SSEM_BACKEND_SYSV] = "sysv",
  [SSEM_BACKEND_WINDOWS] = "windows",
  [SSEM_BACKEND_POSIX] = "posix",
  [SSEM_BACKEND_ETCD] = "etcd",
};

const char *
ssem_backend_get_name (SsemBackend id)
{
  return (guint) id < G_N_ELEMENTS (known_names) ? known_names[id] : NULL;
}

static gboolean
is_known (const char *name)
{
  guint i;

  for (i = SSEM_BACKEND_DEFAULT + 1; i < G_N_ELEMENTS (known_names); i++)
    {
      if (g_str_equal (known_names[i], name))
        return TRUE;
    }

  return FALSE;
}

/* Returns the backend @name: one that is linked in, or a module. */
static const SsemBackendTable *
choose_by_name (const char  *name,
                GError     **error)
{
  g_autofree char *directory = NULL;
  g_autofree char *shown_directory = NULL;
  g_autofree char *shown_name = NULL;
  int i;

  for (i = 0; ssem_backends[i] != NULL; i++)
    {
      if (g_str_equal (ssem_backends[i]->name, name))
        return ssem_backends[i];
    }
  if (is_known (name) || ssem_backend_module_exists (name))
    return ssem_backend_module_load (name, error);

  directory = ssem_backend_module_directory ();
  shown_directory = ssem_display_text (directory);
  shown_name = ssem_display_text (name);
  g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _("Unknown backend “%s” in the environment variable SSEM_BACKEND: use “%s”, “%s”, "
                 "“%s”, “%s”, “%s” or the name of a module in %s"),
               shown_name,
               known_names[SSEM_BACKEND_SHARED_MEMORY],
               known_names[SSEM_BACKEND_SYSV],
               known_names[SSEM_BACKEND_WINDOWS],
               known_names[SSEM_BACKEND_POSIX],
               known_names[SSEM_BACKEND_ETCD],
               shown_directory);

  return NULL;
}

const SsemBackendTable *
ssem_backend_choose (SsemBackend   wanted,
                     GError      **error)
{
  const SsemBackendTable *table;
  const char *name = NULL;

  if (wanted == SSEM_BACKEND_DEFAULT)
    {
      name = ssem_environment_get ("SSEM_BACKEND");
      if (name != NULL)
        return choose_by_name (name, error);
      if (ssem_backends[0] == NULL)
        g_set_error_literal (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                             _("The semaphore library was built without any backend"));
      return ssem_backends[0];
    }

  table = ssem_backend_find (wanted);
  if (table != NULL)
    return table;
  if (wanted < G_N_ELEMENTS (known_names))
    return ssem_backend_module_load (known_names[wanted], error);

  g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _("Unknown backend %d"), (int) wanted);

  return NULL;
}

/**
 * ssem_backend_is_supported:
 * @backend: a backend
 *
 * Returns whether this installation of the library has @backend.
 *
 * It loads the backend's module if the backend is a module. For `SSEM_BACKEND_DEFAULT`, it returns
 * whether an object that asks for no particular backend gets one: `FALSE` when the environment
 * variable `SSEM_BACKEND` names a backend that is missing.
 *
 * Any thread may call this function.
 *
 * Returns: `TRUE` if it can be used
 *
 * Since: 1.0
 */
gboolean
ssem_backend_is_supported (SsemBackend backend)
{
  return ssem_backend_choose (backend, NULL) != NULL;
}

/* --- Calling a table --- */

static gboolean
check_address (const SsemBackendTable          *table,
               const SsemBackendConfiguration  *configuration,
               GError                         **error)
{
  g_autofree char *shown = NULL;

  if (configuration->address == NULL || ssem_backend_can (table, SSEM_CAPABILITY_ADDRESS))
    return TRUE;

  shown = ssem_display_text (configuration->address);
  g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _("Unexpected address “%s”: the backend “%s” is on this machine; an address needs "
                 "the backend “%s”"),
               shown, table->name, known_names[SSEM_BACKEND_ETCD]);

  return FALSE;
}

static gboolean
is_initialised (const SsemBackendTable *table)
{
  /* Acquire: pairs with the release in initialise (). */
  Initialised *entry = atomic_load_explicit (&initialised, memory_order_acquire);

  while (entry != NULL && entry->table != table)
    entry = entry->next;

  return entry != NULL;
}

static void
initialise (const SsemBackendTable *table)
{
  Initialised *entry;

  ssem_fork_block ();
  if (!is_initialised (table))
    {
      ssem_debug_init ();
      if (table->init != NULL)
        table->init ();
      entry = g_new (Initialised, 1);
      entry->table = table;
      entry->next = atomic_load_explicit (&initialised, memory_order_relaxed);
      atomic_store_explicit (&initialised, entry, memory_order_release);
    }
  ssem_fork_unblock ();
}

SsemInstance *
ssem_backend_open (const SsemBackendTable          *table,
                   const SsemBackendConfiguration  *configuration,
                   const char                      *key,
                   int                              initial_value,
                   SsemAccessMode                   mode,
                   gboolean                         undo,
                   GError                         **error)
{
  if (!check_address (table, configuration, error))
    return NULL;
  if (!is_initialised (table))
    initialise (table);

  return table->open (configuration, key, initial_value, mode, undo, error);
}

void
ssem_backend_trace_attach (const SsemBackendTable *table,
                           const char             *key,
                           const char             *path)
{
  g_autofree char *shown_key = NULL;
  g_autofree char *shown_path = NULL;

  if (!ssem_debug_is_on)
    return;

  shown_key = ssem_display_text (key);
  shown_path = ssem_display_text (path);
  ssem_debug ("Attached to the semaphore “%s”, backend %s, in %s", shown_key, table->name,
              shown_path);
}

int
ssem_backend_acquire (SsemInstance *instance,
                      int           n,
                      gint64        deadline_usec,
                      GCancellable *cancellable,
                      guint64      *fencing_token)
{
  *fencing_token = 0;

  return instance->table->acquire (instance, n, deadline_usec, cancellable, fencing_token);
}

int
ssem_backend_acquire_interruptible (SsemInstance *instance,
                                    int           n,
                                    gint64        deadline_usec,
                                    GCancellable *cancellable,
                                    guint64      *fencing_token)
{
  const SsemBackendTable *table = instance->table;

  *fencing_token = 0;

  return ssem_backend_can (table, SSEM_CAPABILITY_INTERRUPT)
         ? table->acquire_interruptible (instance, n, deadline_usec, cancellable, fencing_token)
         : table->acquire (instance, n, deadline_usec, cancellable, fencing_token);
}

gboolean
ssem_backend_acquire_async (SsemInstance     *instance,
                            int               n,
                            GCancellable     *cancellable,
                            SsemAcquiredFunc  acquired,
                            gpointer          data)
{
  if (!ssem_backend_can (instance->table, SSEM_CAPABILITY_ASYNC))
    return FALSE;

  instance->table->acquire_async (instance, n, cancellable, acquired, data);

  return TRUE;
}

int
ssem_backend_release (SsemInstance *instance,
                      int           n)
{
  return instance->table->release (instance, n);
}

int
ssem_backend_get_value (SsemInstance *instance,
                        int          *value)
{
  return instance->table->get_value (instance, value);
}

void
ssem_backend_open_fast (SsemInstance *instance,
                        SsemFastPath *path)
{
  /* Without the fence for all threads, nobody could know whether a thread is on the fast path. */
  if (instance->table->open_fast != NULL && ssem_barrier_is_asymmetric)
    instance->table->open_fast (instance, path);
}

gboolean
ssem_backend_is_in_fast (SsemInstance *instance)
{
  return instance->table->is_in_fast != NULL && instance->table->is_in_fast (instance);
}

void
ssem_backend_close (SsemInstance *instance)
{
  instance->table->close (instance);
}

void
ssem_backend_free (SsemInstance *instance)
{
  SsemLossWatch *watch = atomic_load (&instance->loss_watch);
  g_autoptr(GError) loss = atomic_load (&instance->loss);

  instance->table->free (instance);
  if (watch != NULL)
    ssem_loss_watch_unref (watch);
}

char *
ssem_backend_get_native_key (SsemInstance *instance)
{
  return instance->table->get_native_key != NULL ? instance->table->get_native_key (instance)
                                                 : NULL;
}

SsemSnapshot *
ssem_backend_inspect (const SsemBackendTable          *table,
                      const SsemBackendConfiguration  *configuration,
                      const char                      *key,
                      GError                         **error)
{
  if (!ssem_backend_can (table, SSEM_CAPABILITY_INSPECT))
    {
      ssem_backend_fail_to_look (error);
      return NULL;
    }
  if (!check_address (table, configuration, error))
    return NULL;

  return table->inspect (configuration, key, error);
}

gboolean
ssem_backend_list (const SsemBackendTable          *table,
                   const SsemBackendConfiguration  *configuration,
                   GPtrArray                       *snapshots,
                   guint                           *n_others,
                   GError                         **error)
{
  if (!ssem_backend_can (table, SSEM_CAPABILITY_LIST))
    return ssem_backend_fail_to_look (error);

  return check_address (table, configuration, error) &&
         table->list (configuration, snapshots, n_others, error);
}

char *
ssem_backend_get_directory (const SsemBackendTable  *table,
                            const char             **prefix)
{
  return table->get_directory != NULL ? table->get_directory (prefix) : NULL;
}

gboolean
ssem_backend_remove_leftover (const SsemBackendTable          *table,
                              const SsemBackendConfiguration  *configuration,
                              const char                      *key,
                              GError                         **error)
{
  if (!ssem_backend_can (table, SSEM_CAPABILITY_REMOVE))
    return ssem_backend_fail_to_look (error);

  return check_address (table, configuration, error) &&
         table->remove_leftover (configuration, key, error);
}

void
ssem_backend_describe (const SsemBackendTable  *table,
                       SsemOperation            operation,
                       const char              *key,
                       int                      failure,
                       GError                 **error)
{
  g_autofree char *shown = ssem_display_text (key);

  switch (failure)
    {
    case SSEM_FAILURE_WOULD_BLOCK:
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
                   _("The semaphore “%s” has too few free units"), shown);
      break;
    case SSEM_FAILURE_TIMED_OUT:
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   _("Timed out while waiting for units of the semaphore “%s”"), shown);
      break;
    case SSEM_FAILURE_CANCELLED:
      /* GIO's own words, in its own translation. */
      g_set_error_literal (error, SSEM_IO_ERROR, G_IO_ERROR_CANCELLED,
                           g_dgettext ("glib20", "Operation was cancelled"));
      break;
    case SSEM_FAILURE_CLOSED:
      ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, operation, key,
                                 _("Another thread has changed the key of the object or disposed "
                                   "of it"));
      break;
    case SSEM_FAILURE_TOO_MANY:
      ssem_backend_fail_maximum (error, operation, key, table->maximum);
      break;
    case SSEM_FAILURE_TOO_DEEP:
      ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES, operation,
                                 key, _("Too many signal handlers of this thread use the "
                                        "semaphore at the same time"));
      break;
    case SSEM_FAILURE_INTERRUPTED:
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INTR,
                   _("A signal handler ran during the wait for units of the semaphore “%s”"),
                   shown);
      break;
    case SSEM_FAILURE_LOST:
      ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST, operation, key,
                                 _("The connection was lost for too long, so the held units were "
                                   "given to other processes"));
      break;
    default:
      table->describe (operation, key, failure, error);
      break;
    }
}
