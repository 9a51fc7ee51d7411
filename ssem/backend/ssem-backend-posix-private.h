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

/* Returns whether this process is attached. A child of fork () is not until its first operation. */
static inline gboolean
ssem_backend_posix_is_attached (SsemPosixInstance *self)
{
  /* Acquire: pairs with the release in ssem_membership_attach_child (). */
  return G_LIKELY (atomic_load_explicit (&self->membership->fork_count, memory_order_acquire) ==
                   ssem_fork_count ());
}

/* Acquires or releases one unit by one call of the C library. Returns FALSE, without any effect, if
 * that is impossible. */
static G_ALWAYS_INLINE inline gboolean
ssem_backend_posix_operate_fast (SsemInstance *instance,
                                 gboolean      is_release)
{
  SsemPosixInstance *self = (SsemPosixInstance *) instance;

  if (!ssem_backend_posix_is_attached (self))
    return FALSE;

  return is_release ? ssem_posix_release_fast (self->attachment)
                    : ssem_posix_acquire_fast (self->attachment);
}

G_END_DECLS
