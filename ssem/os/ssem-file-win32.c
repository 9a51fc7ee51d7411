/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-private.h"

/* No backend of Windows keeps semaphores in files. */
gboolean
ssem_file_is_of_other (const char *path,
                       guint      *owner)
{
  return FALSE;
}
