/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem/shm/ssem-shm-port-private.h"

/* What messages name in place of a path. */
const char *
ssem_shm_member_get_culprit (SsemShmMember *member)
{
  return "the port of the test";
}
