/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"

G_BEGIN_DECLS

/* Looking at segments without attaching. All answer 0 or -errno. */

/* Looks at the segment of @key. The errors are those of attaching; -ENOENT where there is none. */
int ssem_shm_inspect (const char    *key,
                      SsemSnapshot **snapshot);

/* Adds what it sees of each segment of the user to @snapshots; what is none, or cannot be read, is
 * left out. Adds how many files of other users may be segments to @n_others. Names the folder in
 * @folder in any case; the caller frees it. */
int ssem_shm_list    (GPtrArray     *snapshots,
                      guint         *n_others,
                      char         **folder);

G_END_DECLS
