/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"

G_BEGIN_DECLS

/* Inspects segments without attaching. Functions return 0 or -errno. */

/* Inspects the segment of @key. The errors are those of attaching; -ENOENT if there is none. */
int ssem_shm_inspect (const char    *key,
                      SsemSnapshot **snapshot);

/* Adds a snapshot of each segment of the user to @snapshots; leaves out what is no segment or
 * cannot be read. Adds to @n_others how many files of other users may be segments. Sets @directory
 * in any case; the caller frees it. */
int ssem_shm_list    (GPtrArray     *snapshots,
                      guint         *n_others,
                      char         **directory);

G_END_DECLS
