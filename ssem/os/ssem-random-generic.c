/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-random-private.h"

#include <stdlib.h>
#include <unistd.h>

guint64
ssem_random_unique (void)
{
  guint64 number = 0;

  /* It fails only for more than 256 bytes. */
  if (getentropy (&number, sizeof number) != 0)
    abort ();

  return number != 0 ? number : 1;
}
