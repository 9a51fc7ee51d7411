/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-python-values-private.h"

G_BEGIN_DECLS

/* Acquiring and releasing. The design note is in ssem-python-request.c. */

/* What a call asks for. The caller keeps references to the two objects. */
typedef struct
{
  SsemSystemSemaphore *semaphore;
  int n;
  gint64 timeout_usec; /* negative: forever */
  GCancellable *cancellable;
} SsemPythonRequest;

/* Acquires the units. Returns FALSE with @error set, or with an exception. */
gboolean ssem_python_acquire         (const SsemPythonRequest  *request,
                                      GError                  **error);

/* Returns 1 if the process holds the units, 0 if they did not come in time, or -1 with an
 * exception. */
int      ssem_python_acquire_in_time (const SsemPythonRequest  *request);

/* Releases units, which may take a longer time. */
gboolean ssem_python_release_slowly  (SsemSystemSemaphore      *semaphore,
                                      int                       n,
                                      GError                  **error);

/* Prepares this file in a new interpreter. */
gboolean ssem_python_request_import  (void);

/* Returns whether the backend is on this machine, so that nothing can be lost. */
static inline gboolean
ssem_python_is_local (SsemSystemSemaphore *semaphore)
{
  SsemBackend backend = ssem_system_semaphore_get_backend (semaphore);

  return backend == SSEM_BACKEND_SHARED_MEMORY || backend == SSEM_BACKEND_SYSV ||
         backend == SSEM_BACKEND_POSIX || backend == SSEM_BACKEND_WINDOWS;
}

/* How many units a short operation has where each unit takes a call of the C library. */
#define SSEM_PYTHON_FEW_UNITS 16

/* Returns whether an operation of @n units that does not wait for them takes a short time: it asks
 * no server, and works on few units one by one. */
static inline gboolean
ssem_python_is_short (SsemSystemSemaphore *semaphore,
                      int                  n)
{
  SsemBackend backend = ssem_system_semaphore_get_backend (semaphore);

  return backend == SSEM_BACKEND_SHARED_MEMORY || backend == SSEM_BACKEND_SYSV ||
         (backend == SSEM_BACKEND_POSIX && n <= SSEM_PYTHON_FEW_UNITS);
}

/* Returns whether the units may be lost, and the wait is in a queue of other machines. */
static inline gboolean
ssem_python_is_on_network (SsemSystemSemaphore *semaphore)
{
  return ssem_system_semaphore_get_backend (semaphore) >= SSEM_BACKEND_ETCD;
}

static inline gboolean
ssem_python_release (SsemSystemSemaphore  *semaphore,
                     int                   n,
                     GError              **error)
{
  if (G_LIKELY (ssem_python_is_short (semaphore, n)))
    return ssem_system_semaphore_release (semaphore, n, error);

  return ssem_python_release_slowly (semaphore, n, error);
}

G_END_DECLS
