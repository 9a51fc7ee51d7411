/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-private.h"

/* Where each system has a way of its own, and none that they share. */

guint32
ssem_process_get_name_space (void)
{
  return 0;
}

char *
ssem_process_get_command (int pid)
{
  return NULL;
}

void
ssem_process_count_locks (SsemLockCount *files,
                          gsize          n_files,
                          goffset        byte)
{
  gsize i;

  for (i = 0; i < n_files; i++)
    files[i].n = -1;
}
