/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A program that was started without its standard streams still reads and writes by their numbers,
 * and must not hit a file of ours. Answers @fd, or the number above theirs that it has got instead;
 * -errno, and then it is closed. */
int ssem_file_number_settle (int fd);

G_END_DECLS
