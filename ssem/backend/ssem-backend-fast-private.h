/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

#include "ssem-hazard-private.h"

#include "ssem/os/ssem-fast-state-private.h"

#ifdef HAVE_SHARED_MEMORY
#include "ssem/shm/ssem-shm-slot-private.h"
#endif
#ifdef HAVE_POSIX_SEMAPHORES
#include "ssem-backend-posix-private.h"
#endif

G_BEGIN_DECLS

/* The fast path of an acquire or a release: a few instructions, because the units are available and
 * no thread waits.
 *
 * A call through the table would take about as long as these instructions. So the public face has
 * them compiled in, for the backends that have a fast path. Where a function returns FALSE, nothing
 * has happened: the operation needs more instructions, or fails, or the backend has no fast path.
 * Then ssem_backend_acquire () or ssem_backend_release () does the whole operation.
 *
 * An operation acquires, or with @is_release releases, @n units. @is_release is a compile-time
 * constant.
 *
 * ssem_backend_open_fast () opens the fast path of an object. It is closed before the instance is,
 * and paused while the object has an error to report. All functions may be called in a signal
 * handler.
 */
struct _SsemFastPath
{
  SsemFastState state;
#ifdef HAVE_SHARED_MEMORY
  SsemShmFastPath shm;
#endif
};

static inline void
ssem_fast_path_init (SsemFastPath *self)
{
#ifdef HAVE_SHARED_MEMORY
  ssem_shm_fast_path_init (&self->shm);
#endif
}

static inline void
ssem_fast_path_close (SsemFastPath *self)
{
  ssem_fast_state_close (&self->state);
  ssem_fast_path_init (self);
}

static G_ALWAYS_INLINE inline gboolean
ssem_fast_path_operate (SsemFastPath *self,
                        gboolean      is_release,
                        int           n)
{
#ifdef HAVE_SHARED_MEMORY
  return ssem_shm_fast_path_operate (&self->shm, &self->state, is_release, n);
#else
  return FALSE;
#endif
}

/* A few instructions more, for a thread that shares the object with others. */
static inline gboolean
ssem_fast_path_operate_in_any_thread (SsemFastPath *self,
                                      gboolean      is_release,
                                      int           n)
{
#ifdef HAVE_SHARED_MEMORY
  return ssem_shm_fast_path_operate_in_any_thread (&self->shm, &self->state, is_release, n);
#else
  return FALSE;
#endif
}

/* The fast path of a backend whose operation is one call of the C library. The instance in @location
 * is entered as on the slow path. */

static inline gboolean
ssem_fast_path_is_by_call (SsemBackend backend)
{
  return backend == SSEM_BACKEND_POSIX;
}

static G_ALWAYS_INLINE inline gboolean
ssem_fast_path_operate_by_call (_Atomic (SsemInstance *) *location,
                                gboolean                  is_release,
                                int                       n)
{
#ifdef HAVE_POSIX_SEMAPHORES
  SsemHazard *hazard;
  SsemInstance *instance = n == 1 ? ssem_hazard_enter_fast (location, &hazard) : NULL;
  gboolean is_done;

  if (instance == NULL)
    return FALSE;

  is_done = ssem_backend_posix_operate_fast (instance, is_release);
  ssem_hazard_leave_fast (hazard);

  return is_done;
#else
  return FALSE;
#endif
}

G_END_DECLS
