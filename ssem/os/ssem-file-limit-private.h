/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns 0 where this process may have a file of @size bytes; -EFBIG where RLIMIT_FSIZE is lower.
 * To be called before a file grows: past the limit the system sends SIGXFSZ, which kills a program
 * that has no handler for it. */
int ssem_file_check_limit (goffset size);

G_END_DECLS
