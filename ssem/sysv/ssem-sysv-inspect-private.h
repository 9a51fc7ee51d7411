/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"

G_BEGIN_DECLS

/* Looking at sets without attaching, and removing one that nobody has. All answer 0 or -errno;
 * -ENOTSUP on a system whose locks a look would disturb. */

/* The errors are those of attaching; -ENOENT where there is none. */
int ssem_sysv_inspect         (const char    *key,
                               SsemSnapshot **snapshot);

/* Adds what it sees of each semaphore of the user to @snapshots; what is none, or cannot be read,
 * is left out. Adds how many files of other users may be semaphores to @n_others. */
int ssem_sysv_list            (GPtrArray     *snapshots,
                               guint         *n_others);

/* -EBUSY where somebody is attached, or Qt made it. */
int ssem_sysv_remove_leftover (const char    *key);

G_END_DECLS
