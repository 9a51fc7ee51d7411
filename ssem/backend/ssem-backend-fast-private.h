/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

#ifdef HAVE_SHARED_MEMORY
#include "ssem-backend-shm-private.h"
#endif

G_BEGIN_DECLS

/* What most operations are: units that are there are taken, or given to nobody in particular, in a
 * few instructions.
 *
 * A call through the table would be a good part of those. So this is not in the table: the face has
 * it compiled in, for the backends that can. FALSE: it would need more, or fail, or the backend
 * can't; nothing has happened, and acquire () or release () will tell.
 *
 * Units that are given at once and awaited are followed by ssem_backend_wake (), which is a call of
 * its own so that nothing has to be kept for after it in the common case.
 */
#ifdef HAVE_SHARED_MEMORY

static inline gboolean
ssem_backend_acquire_fast (SsemInstance *instance,
                           int           n)
{
  return G_LIKELY (instance->table == &ssem_backend_shm) &&
         ssem_backend_shm_acquire_fast (instance, n);
}

static inline gboolean
ssem_backend_release_fast (SsemInstance *instance,
                           int           n,
                           gboolean     *has_waiters)
{
  return G_LIKELY (instance->table == &ssem_backend_shm) &&
         ssem_backend_shm_release_fast (instance, n, has_waiters);
}

static inline void
ssem_backend_wake (SsemInstance *instance,
                   int           n)
{
  ssem_backend_shm_wake (instance, n);
}

#else

static inline gboolean
ssem_backend_acquire_fast (SsemInstance *instance,
                           int           n)
{
  return FALSE;
}

static inline gboolean
ssem_backend_release_fast (SsemInstance *instance,
                           int           n,
                           gboolean     *has_waiters)
{
  *has_waiters = FALSE;

  return FALSE;
}

static inline void
ssem_backend_wake (SsemInstance *instance,
                   int           n)
{
}

#endif

G_END_DECLS
