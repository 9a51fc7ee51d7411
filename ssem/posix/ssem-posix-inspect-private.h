/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"

G_BEGIN_DECLS

/* Inspects semaphores without attaching, and removes leftovers. Functions return 0 or -errno. */

/* Inspects the semaphore @name. @key is the key that has led to the name, or NULL. The errors are
 * those of attaching; -ENOENT where there is none. */
int ssem_posix_inspect         (const char    *name,
                                const char    *key,
                                SsemSnapshot **snapshot);

/* Adds a snapshot of each semaphore of the user to @snapshots, also of those that other programs
 * created. Leaves out files that are no semaphores, and semaphores of another SSEM_RUNTIME_DIR.
 * Adds to @n_others how many files of other users may be semaphores. */
int ssem_posix_list            (GPtrArray     *snapshots,
                                guint         *n_others);

/* Removes the semaphore @name, also one that another program created; -EBUSY if a process has it
 * open. @key may be NULL. */
int ssem_posix_remove_leftover (const char    *name,
                                const char    *key);

G_END_DECLS
