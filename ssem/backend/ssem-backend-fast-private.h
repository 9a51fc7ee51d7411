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
 * An operation acquires, or with @is_release releases, @n units. @is_release is a compile-time
 * constant.
 *
 * ssem_backend_open_fast () opens the fast path of an object. It is closed before the instance is,
 * and paused while the object has an error to report. All functions may be called in a signal
 * handler.
 *
 *                  shared memory                        POSIX
 *   operates by    its own instructions                 a call of the C library, for one unit
 *   the state is   the serial of the slots              the address of the instance
 *   announces in   the thread's slot handle             the thread's hazard
 *
 * Most objects are used by one thread. So an object keeps the slot handles or the hazard of one
 * thread, and that thread finds them in a few instructions.
 */
struct _SsemFastPath
{
  SsemFastState state;
#ifdef HAVE_SHARED_MEMORY
  SsemShmFastPath shm;
#endif
  _Atomic (SsemHazard *) hazard; /* ssem_no_hazard while it keeps no thread's */
};

static inline void
ssem_fast_path_init (SsemFastPath *self)
{
#ifdef HAVE_SHARED_MEMORY
  ssem_shm_fast_path_init (&self->shm);
#endif
  atomic_store_explicit (&self->hazard, &ssem_no_hazard, memory_order_relaxed);
}

static inline void
ssem_fast_path_close (SsemFastPath *self)
{
  ssem_fast_state_close (&self->state);
  ssem_fast_path_init (self);
}

/* The fast path of shared memory, in the thread whose slot handles the object keeps. */
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

/* Returns the hazard that the object keeps, which may be another thread's. */
static inline SsemHazard *
ssem_fast_path_get_hazard (SsemFastPath *self)
{
  return atomic_load_explicit (&self->hazard, memory_order_relaxed);
}

/* The fast path of POSIX, for one unit, with this thread's @hazard. */
static G_ALWAYS_INLINE inline gboolean
ssem_fast_path_operate_by_call (SsemFastPath *self,
                                SsemHazard   *hazard,
                                gboolean      is_release)
{
#ifdef HAVE_POSIX_SEMAPHORES
  SsemInstance *instance = ssem_hazard_enter_fast (hazard, &self->state);
  gboolean is_done;

  if (G_UNLIKELY (instance == NULL))
    return FALSE;

  is_done = ssem_backend_posix_operate_fast (instance, is_release);
  ssem_hazard_leave_fast (hazard);

  return is_done;
#else
  return FALSE;
#endif
}

/* Does the same in any thread that has used the semaphore recently, in a few instructions more. The
 * object keeps what it finds, unless it keeps that of another living thread. */
static inline gboolean
ssem_fast_path_operate_in_any_thread (SsemFastPath *self,
                                      SsemBackend   backend,
                                      gboolean      is_release,
                                      int           n)
{
  if (backend == SSEM_BACKEND_POSIX)
    return n == 1 &&
           ssem_fast_path_operate_by_call (self, ssem_hazard_find_fast (&self->hazard),
                                           is_release);

#ifdef HAVE_SHARED_MEMORY
  return ssem_shm_fast_path_operate_in_any_thread (&self->shm, &self->state, is_release, n);
#else
  return FALSE;
#endif
}

G_END_DECLS
