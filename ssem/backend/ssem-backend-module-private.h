/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"
#include "ssem/ssem-version.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* A module is a backend that is not linked into the library, because it depends on more than GLib.
 * It is the file libssem-NAME.so (on Windows .dll) in the directory LIBDIR/ssem-1/modules, where
 * NAME is the backend's name. The library loads it when a program asks for that backend, once, and
 * never unloads it.
 *
 * The functions of the library are hidden, so a module cannot link to them. The library gives it
 * the few that it needs in a table of services. A copy of them inside the module would not do: the
 * list of locks to take before a fork, for example, must exist once in a process.
 *
 * A module includes this header and defines the symbol ssem_backend_module. Its backend has the id
 * of a member of SsemBackend, or one from 1000 on.
 */
typedef struct
{
  /* As in ssem-backend-private.h. */
  gboolean     (* fail_because)    (GError                   **error,
                                    SsemSystemSemaphoreError   code,
                                    SsemOperation              operation,
                                    const char                *key,
                                    const char                *reason);
  gboolean     (* fail_maximum)    (GError                   **error,
                                    SsemOperation              operation,
                                    const char                *key,
                                    int                        maximum);
  void         (* report_lost)     (SsemInstance              *instance,
                                    GError                    *error);

  /* As in ssem/os. A module adds its hooks, and protects its locks, in init (). */
  const char  *(* get_environment) (const char                *name);
  char        *(* display_text)    (const char                *text);
  char        *(* get_command)     (int                        pid);
  SsemSnapshot *(* new_snapshot)   (void);
  GArray      *(* new_processes)   (void);

  unsigned int (* get_fork_count)  (void);
  void         (* block_forks)     (void);
  void         (* unblock_forks)   (void);
  void         (* protect_at_fork) (GMutex                    *lock,
                                    void                    (* child) (void));
  void         (* add_exit_hook)   (void                    (* hook) (void));
  void         (* add_thread_end_hook) (void                (* hook) (void));
  void         (* watch_thread)    (void);

  gboolean     (* start_thread)    (const char                *name,
                                    GThreadFunc                func,
                                    gpointer                   data,
                                    GError                   **error);
  int          (* disable_cancel)  (void);
  void         (* restore_cancel)  (int                        state);
  void         (* lock)            (GMutex                    *lock);
  void         (* unlock)          (GMutex                    *lock);
} SsemBackendServices;

typedef _Atomic (const SsemBackendServices *) SsemBackendServicesPointer;

typedef struct
{
  guint32 abi;                          /* SSEM_BACKEND_MODULE_ABI; stays the first member */
  const SsemBackendTable *table;
  SsemBackendServicesPointer *services; /* the library writes it before it calls the table */
} SsemBackendModule;

/* A stamp of what the library and a module must agree on. A module of another version of the
 * library, or of another layout, is refused. */
#define SSEM_BACKEND_MODULE_ABI \
  ((guint32) ((guint32) SSEM_MAJOR_VERSION << 28 ^ (guint32) SSEM_MINOR_VERSION << 22 ^ \
              (guint32) SSEM_MICRO_VERSION << 16 ^ (guint32) sizeof (SsemBackendTable) << 8 ^ \
              (guint32) sizeof (SsemBackendServices) << 4 ^ (guint32) sizeof (SsemInstance) ^ \
              (guint32) sizeof (SsemBackendConfiguration) << 12))

#define SSEM_BACKEND_MODULE_SYMBOL "ssem_backend_module"

extern const SsemBackendModule ssem_backend_module;

/* Returns whether a module for the backend @name is installed. */
gboolean                ssem_backend_module_exists    (const char   *name);

/* Returns the backend @name, whose module it loads if need be. Fails with G_IO_ERROR_NOT_SUPPORTED
 * and a message that says which file and why. */
const SsemBackendTable *ssem_backend_module_load      (const char   *name,
                                                       GError      **error);

/* Returns the loaded backend of @id, or NULL. */
const SsemBackendTable *ssem_backend_module_find      (SsemBackend   id);

/* Returns the directory of the modules. */
char                   *ssem_backend_module_directory (void);

G_END_DECLS
