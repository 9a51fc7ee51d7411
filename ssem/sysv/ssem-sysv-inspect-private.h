/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"
#include "ssem/sysv/ssem-sysv-key-private.h"

G_BEGIN_DECLS

/* Inspects semaphores without attaching, and removes leftovers. Functions return 0 or -errno;
 * -ENOTSUP on a system where opening and closing a file would drop the locks of this process. */

/* Inspects the semaphore at @location. The errors are those of attaching; -ENOENT where there is
 * none. */
int ssem_sysv_inspect         (const SsemSysvLocation  *location,
                               SsemSnapshot           **snapshot);

/* Adds a snapshot of each semaphore of the user to @snapshots. Leaves out files that are not
 * semaphores or cannot be read. Adds to @n_others how many files of other users may be
 * semaphores. */
int ssem_sysv_list            (GPtrArray               *snapshots,
                               guint                   *n_others);

/* Removes the semaphore at @location; -EBUSY where a process is attached, or Qt made it. */
int ssem_sysv_remove_leftover (const SsemSysvLocation  *location);

G_END_DECLS
