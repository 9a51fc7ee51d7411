/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Gives the name @path to a file that was opened without a name (O_TMPFILE). Returns 0 or -errno:
 * -EEXIST where the name is taken, -ENOENT where the directory is missing, -ENOSYS where the system
 * cannot do it. */
int ssem_file_link (int         fd,
                    const char *path);

G_END_DECLS
