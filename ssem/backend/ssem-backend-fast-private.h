/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

#ifdef HAVE_SHARED_MEMORY
#include "ssem-backend-shm-private.h"
#endif

G_BEGIN_DECLS

/* The fast path of an acquire or a release: a few instructions, because the units are available and
 * no process waits.
 *
 * A call through the table would take about as long as these instructions. So the public face has
 * them compiled in, for the backends that have a fast path. Where a function returns FALSE, nothing
 * has happened: the operation needs more instructions, or fails, or the backend has no fast path.
 * Then ssem_backend_acquire () or ssem_backend_release () does the whole operation.
 *
 * A fast release that finds waiters is followed by ssem_backend_wake (). It is a call of its own,
 * so that the common case saves no register for it.
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
