/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

/* <stdlib.h> declares rand_s () only then. It asks the system, unlike rand (). */
#define _CRT_RAND_S

#include "ssem-random-private.h"

#include <stdlib.h>

guint64
ssem_random_unique (void)
{
  unsigned int halves[2] = { 0 };
  guint64 number;

  /* It fails only if the system's generator is missing. */
  if (rand_s (&halves[0]) != 0 || rand_s (&halves[1]) != 0)
    abort ();
  number = (guint64) halves[1] << 32 | halves[0];

  return number != 0 ? number : 1;
}
