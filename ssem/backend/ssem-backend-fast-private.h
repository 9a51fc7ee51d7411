/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

#include "ssem-hazard-private.h"

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
 * ssem_backend_open_fast () opens the fast path of an object. It is closed before the instance is,
 * and paused while the object has an error to report. All functions may be called in a signal
 * handler.
 */
struct _SsemFastPath
{
#ifdef HAVE_SHARED_MEMORY
  SsemShmFastPath shm;
#else
  char unused;
#endif
};

#ifdef HAVE_SHARED_MEMORY

static inline void
ssem_fast_path_init (SsemFastPath *self)
{
  ssem_shm_fast_path_init (&self->shm);
}

static G_ALWAYS_INLINE inline gboolean
ssem_fast_path_acquire (SsemFastPath *self,
                        int           n)
{
  return ssem_shm_fast_path_operate (&self->shm, FALSE, n);
}

static G_ALWAYS_INLINE inline gboolean
ssem_fast_path_release (SsemFastPath *self,
                        int           n)
{
  return ssem_shm_fast_path_operate (&self->shm, TRUE, n);
}

/* A few instructions more, for a thread that shares the object with others. */
static inline gboolean
ssem_fast_path_acquire_in_any_thread (SsemFastPath *self,
                                      int           n)
{
  return ssem_shm_fast_path_operate_in_any_thread (&self->shm, FALSE, n);
}

static inline gboolean
ssem_fast_path_release_in_any_thread (SsemFastPath *self,
                                      int           n)
{
  return ssem_shm_fast_path_operate_in_any_thread (&self->shm, TRUE, n);
}

static inline void
ssem_fast_path_close (SsemFastPath *self)
{
  ssem_shm_fast_path_close (&self->shm);
}

static inline void
ssem_fast_path_set_paused (SsemFastPath *self,
                           gboolean      is_paused)
{
  ssem_shm_fast_path_set_paused (&self->shm, is_paused);
}

static inline gboolean
ssem_fast_path_is_paused (SsemFastPath *self)
{
  return ssem_shm_fast_path_is_paused (&self->shm);
}

#else

static inline void
ssem_fast_path_init (SsemFastPath *self)
{
}

static inline gboolean
ssem_fast_path_acquire (SsemFastPath *self,
                        int           n)
{
  return FALSE;
}

static inline gboolean
ssem_fast_path_release (SsemFastPath *self,
                        int           n)
{
  return FALSE;
}

static inline gboolean
ssem_fast_path_acquire_in_any_thread (SsemFastPath *self,
                                      int           n)
{
  return FALSE;
}

static inline gboolean
ssem_fast_path_release_in_any_thread (SsemFastPath *self,
                                      int           n)
{
  return FALSE;
}

static inline void
ssem_fast_path_close (SsemFastPath *self)
{
}

static inline void
ssem_fast_path_set_paused (SsemFastPath *self,
                           gboolean      is_paused)
{
}

static inline gboolean
ssem_fast_path_is_paused (SsemFastPath *self)
{
  return FALSE;
}

#endif

/* The fast path of a backend whose operation is one call of the C library. The instance in @location
 * is entered as on the slow path. */

static inline gboolean
ssem_fast_path_is_by_call (SsemBackend backend)
{
  return backend == SSEM_BACKEND_POSIX;
}

#ifdef HAVE_POSIX_SEMAPHORES

static inline gboolean
ssem_fast_path_acquire_by_call (_Atomic (SsemInstance *) *location,
                                int                       n)
{
  SsemHazard *hazard;
  SsemInstance *instance = ssem_hazard_enter_fast (location, &hazard);
  gboolean is_acquired;

  if (instance == NULL)
    return FALSE;

  is_acquired = ssem_backend_posix_acquire_fast (instance, n);
  ssem_hazard_leave_fast (hazard);

  return is_acquired;
}

static inline gboolean
ssem_fast_path_release_by_call (_Atomic (SsemInstance *) *location,
                                int                       n)
{
  SsemHazard *hazard;
  SsemInstance *instance = ssem_hazard_enter_fast (location, &hazard);
  gboolean is_released;

  if (instance == NULL)
    return FALSE;

  is_released = ssem_backend_posix_release_fast (instance, n);
  ssem_hazard_leave_fast (hazard);

  return is_released;
}

#else

static inline gboolean
ssem_fast_path_acquire_by_call (_Atomic (SsemInstance *) *location,
                                int                       n)
{
  return FALSE;
}

static inline gboolean
ssem_fast_path_release_by_call (_Atomic (SsemInstance *) *location,
                                int                       n)
{
  return FALSE;
}

#endif

G_END_DECLS
