/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Loads the shared object @path, which stays loaded until the process ends, and returns the address
 * of @symbol in it. On failure it returns NULL and the system's @reason, which the caller frees. */
gpointer ssem_module_load      (const char  *path,
                                const char  *symbol,
                                char       **reason);

/* Returns the directory where an installation keeps the library's modules. */
char    *ssem_module_directory (void);

G_END_DECLS
