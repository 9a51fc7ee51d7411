/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a file, or a link, is at @path and belongs to another user than the one that this process
 * acts for. @owner, if not NULL, becomes that user's number. */
gboolean ssem_file_is_of_other (const char *path,
                                guint      *owner);

G_END_DECLS
