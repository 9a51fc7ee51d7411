/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

G_BEGIN_DECLS

/* Looking at semaphores and administering them, in one backend or in all. The public face and the
 * `ssem` command use these functions. The callers have checked keys and values. */

/* The semaphore to look at. */
typedef struct
{
  SsemBackend backend;                    /* DEFAULT: as an object without a backend gets it */
  const char *key;                        /* with a native key, its text */
  SsemBackendConfiguration configuration; /* with a native key, its name */
} SsemBackendTarget;

/* Returns a snapshot of each semaphore of the user, sorted by key, in the backend @wanted. DEFAULT
 * stands for all backends that are linked in and can list. @address is that of the service, or
 * NULL: see SsemBackendConfiguration. Sets @n_others to the number of semaphores of other users,
 * which the list leaves out. */
GPtrArray    *ssem_backend_list_snapshots (SsemBackend               wanted,
                                           const char               *address,
                                           guint                    *n_others,
                                           GError                  **error);

typedef void (*SsemBackendDirectoryFunc) (const char *directory,
                                          const char *prefix,
                                          gpointer    data);

/* Calls @func for the directory of each backend that @wanted stands for, as above: what a list of
 * these backends contains changes when something appears in such a directory or disappears from
 * it, and its name begins with @prefix. A backend that is not linked in has no directory. */
void          ssem_backend_visit_directories (SsemBackend              wanted,
                                              SsemBackendDirectoryFunc func,
                                              gpointer                 data);

/* Counts the semaphores of other users, and leaves out a backend that cannot list. */
guint         ssem_backend_count_others   (SsemBackend               wanted);

SsemSnapshot *ssem_backend_query          (const SsemBackendTarget  *target,
                                           GError                  **error);
gboolean      ssem_backend_remove         (const SsemBackendTarget  *target,
                                           GError                  **error);

/* Sets the value of a semaphore that exists. ssem_hazard_init () must have been called. */
gboolean      ssem_backend_reset          (const SsemBackendTarget  *target,
                                           int                       value,
                                           GError                  **error);

G_END_DECLS
