/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Gives a file that was opened without a name (O_TMPFILE) the name @path. Answers 0 or -errno:
 * -EEXIST where there is one of that name, -ENOENT where there is no such folder, -ENOSYS where the
 * system can't do it here. */
int ssem_file_link (int         fd,
                    const char *path);

G_END_DECLS
