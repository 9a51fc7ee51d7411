/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (* SsemDirectoryNameFunc) (const char *name,
                                        gpointer    data);

/* Calls @func for each name in the directory @fd, except "." and "..". Allocates and frees nothing,
 * which readdir (3) would do. Returns 0 or -errno. */
int ssem_directory_read (int                    fd,
                         SsemDirectoryNameFunc  func,
                         gpointer               data);

G_END_DECLS
