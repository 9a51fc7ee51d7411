/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Keeps a new descriptor clear of the numbers of the standard streams. A program that was started
 * without these streams still reads and writes to them, and must not reach a file of the library.
 * Returns @fd, or its replacement; or -errno, and closes @fd. */
int ssem_file_number_settle (int fd);

G_END_DECLS
