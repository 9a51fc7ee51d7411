/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-barrier-private.h"

#include <windows.h>

gboolean ssem_barrier_is_asymmetric = TRUE;

void
ssem_barrier_init (void)
{
}

gboolean
ssem_barrier_heavy (void)
{
  FlushProcessWriteBuffers ();

  return TRUE;
}
