/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-module-private.h"

#include "ssem-loss-watch-private.h"
#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-hooks-private.h"
#include "ssem/os/ssem-module-private.h"
#include "ssem/os/ssem-process-arguments-private.h"
#include "ssem/os/ssem-process-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem/ssem-i18n-private.h"

#include <string.h>

/* The list of loaded modules only grows, so it is read without a lock. Nor is a lock held while a
 * file is loaded, because that runs foreign code. Two threads may load a module at the same time:
 * the system loads the file once, and the second entry says the same as the first. */
typedef struct _Loaded Loaded;

struct _Loaded
{
  const SsemBackendTable *table;
  Loaded *next;
};

static _Atomic (Loaded *) loaded;

static unsigned int
get_fork_count (void)
{
  return ssem_fork_count ();
}

/* Returns what a module tells others about this process. The arguments of a registered command may
 * contain secrets, so they do not leave the machine. */
static char *
get_command (int pid)
{
  gsize size;
  const char *record = ssem_process_arguments_get (&size);
  g_auto(GStrv) arguments = NULL;

  if (record == NULL)
    return ssem_process_get_command (pid);

  arguments = ssem_process_arguments_parse (record, size);

  return ssem_process_arguments_get_name (arguments);
}

static const SsemBackendServices services = {
  .fail_because = ssem_backend_fail_because,
  .fail_maximum = ssem_backend_fail_maximum,
  .report_lost = ssem_loss_watch_report,
  .get_environment = ssem_environment_get,
  .display_text = ssem_display_text,
  .get_command = get_command,
  .new_snapshot = ssem_snapshot_new,
  .new_processes = ssem_snapshot_new_processes,
  .get_fork_count = get_fork_count,
  .block_forks = ssem_fork_block,
  .unblock_forks = ssem_fork_unblock,
  .protect_at_fork = ssem_fork_protect,
  .add_exit_hook = ssem_hooks_add_exit,
  .add_thread_end_hook = ssem_hooks_add_thread_end,
  .watch_thread = ssem_hooks_watch_thread,
  .start_thread = ssem_thread_start,
  .disable_cancel = ssem_thread_disable_cancel,
  .restore_cancel = ssem_thread_restore_cancel,
  .lock = ssem_thread_lock,
  .unlock = ssem_thread_unlock,
};

char *
ssem_backend_module_directory (void)
{
  const char *directory = ssem_environment_get ("SSEM_MODULE_DIR");

  return directory != NULL ? g_strdup (directory) : ssem_module_directory ();
}

/* Returns whether @name can be part of a file name. A path cannot, so the environment names no file
 * outside the directory. */
static gboolean
is_name (const char *name)
{
  return g_ascii_islower (name[0]) &&
         name[strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static char *
get_path (const char *name)
{
  g_autofree char *directory = ssem_backend_module_directory ();
  g_autofree char *file = g_strdup_printf ("libssem-%s." G_MODULE_SUFFIX, name);

  return g_build_filename (directory, file, NULL);
}

static const SsemBackendTable *
find_by_name (const char *name)
{
  /* Acquire: pairs with the release in add (). */
  Loaded *entry = atomic_load_explicit (&loaded, memory_order_acquire);

  while (entry != NULL && !g_str_equal (entry->table->name, name))
    entry = entry->next;

  return entry != NULL ? entry->table : NULL;
}

const SsemBackendTable *
ssem_backend_module_find (SsemBackend id)
{
  Loaded *entry = atomic_load_explicit (&loaded, memory_order_acquire);

  while (entry != NULL && entry->table->id != id)
    entry = entry->next;

  return entry != NULL ? entry->table : NULL;
}

static void
add (const SsemBackendModule *module)
{
  Loaded *entry = g_new (Loaded, 1);

  atomic_store (module->services, &services);
  entry->table = module->table;
  entry->next = atomic_load_explicit (&loaded, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit (&loaded, &entry->next, entry,
                                                 memory_order_release, memory_order_relaxed))
    ;
}

gboolean
ssem_backend_module_exists (const char *name)
{
  g_autofree char *path = is_name (name) ? get_path (name) : NULL;

  return find_by_name (name) != NULL ||
         (path != NULL && g_file_test (path, G_FILE_TEST_EXISTS));
}

/* Returns why @module cannot be the backend @name, or NULL. */
static char *
check_module (const SsemBackendModule *module,
              const char              *name)
{
  if (module->abi != SSEM_BACKEND_MODULE_ABI)
    return g_strdup (_("it was built for another version of the semaphore library"));
  if (!g_str_equal (module->table->name, name))
    return g_strdup_printf (_("it is the backend “%s”"), module->table->name);

  return NULL;
}

const SsemBackendTable *
ssem_backend_module_load (const char  *name,
                          GError     **error)
{
  const SsemBackendTable *table = find_by_name (name);
  const SsemBackendModule *module;
  g_autofree char *path = NULL;
  g_autofree char *reason = NULL;
  g_autofree char *shown_path = NULL;
  g_autofree char *shown_reason = NULL;

  if (table != NULL)
    return table;

  path = get_path (name);
  shown_path = ssem_display_text (path);
  if (!ssem_backend_module_exists (name))
    {
      /* Translators: the second %s is the path of a file. */
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("The backend “%s” is not available: it is not part of the library, and %s "
                     "is not installed"),
                   name, shown_path);
      return NULL;
    }

  module = ssem_module_load (path, SSEM_BACKEND_MODULE_SYMBOL, &reason);
  if (module != NULL)
    reason = check_module (module, name);
  if (reason != NULL)
    {
      shown_reason = ssem_display_text (reason);
      /* Translators: the second %s is the path of a file, the third the reason. */
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("Could not load the backend “%s” from %s: %s"),
                   name, shown_path, shown_reason);
      return NULL;
    }

  add (module);

  return module->table;
}
