/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns whether a file or a link at @path belongs to a user other than the effective user of this
 * process. @owner, if not NULL, becomes that user's ID. */
gboolean ssem_file_is_of_other (const char *path,
                                guint      *owner);

G_END_DECLS
