/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"
#include "ssem-membership-private.h"

#include "ssem/posix/ssem-posix-acquire-private.h"

G_BEGIN_DECLS

typedef struct
{
  SsemInstance parent;
  SsemMembership *membership;      /* constant after init */
  SsemPosixAttachment *attachment; /* constant after init: the membership's */
  atomic_bool is_closed;
} SsemPosixInstance;

/* Acquires or releases one unit by one call of the C library. Returns FALSE, without any effect, if
 * that is impossible. */
static G_ALWAYS_INLINE inline gboolean
ssem_backend_posix_operate_fast (SsemInstance *instance,
                                 gboolean      is_release)
{
  SsemPosixAttachment *attachment = ((SsemPosixInstance *) instance)->attachment;

  return is_release ? ssem_posix_release_fast (attachment) : ssem_posix_acquire_fast (attachment);
}

G_END_DECLS
