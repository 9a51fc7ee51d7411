/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib.h>

#include "ssem-version-macros.h"

G_BEGIN_DECLS

/**
 * SsemAccessMode:
 * @SSEM_ACCESS_MODE_OPEN: Use the semaphore as it is and ignore the initial value; if the key is
 *   unknown, create the semaphore with the initial value.
 * @SSEM_ACCESS_MODE_CREATE: Use the semaphore, set its value to the initial value and forget every
 *   acquire that has not been released; processes that use it stay attached to it. If the key is
 *   unknown, create the semaphore with the initial value. With a named semaphore of Windows, whose
 *   value cannot be set, the same as @SSEM_ACCESS_MODE_OPEN. With POSIX, as in Qt, the key leads to
 *   a new semaphore from then on; processes that use the old one keep it.
 * @SSEM_ACCESS_MODE_OPEN_EXISTING: Use the semaphore as it is; if the key is unknown, fail with
 *   `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND`.
 * @SSEM_ACCESS_MODE_CREATE_EXCLUSIVE: Create the semaphore, or reset one that no live process is
 *   attached to; otherwise fail with `SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS`. A semaphore that
 *   a Qt program, or with POSIX any other program, created counts as in use.
 * @SSEM_ACCESS_MODE_JOIN: Use the semaphore as it is while a live process is attached to it; reset
 *   one that no live process is attached to, and create one if the key is unknown, with the initial
 *   value. A semaphore that a Qt program, or with POSIX any other program, created counts as in
 *   use. With a named semaphore of Windows, the same as @SSEM_ACCESS_MODE_OPEN.
 *
 * What opening a key does if the semaphore exists, and if it does not.
 *
 * The first two have the numbers and the meaning of `QSystemSemaphore::AccessMode`. To limit how
 * many jobs run at the same time, use @SSEM_ACCESS_MODE_JOIN: a semaphore that a killed program
 * left over does not keep its old limit.
 *
 * Since: 1.0
 */
typedef enum
{
  SSEM_ACCESS_MODE_OPEN,
  SSEM_ACCESS_MODE_CREATE,
  SSEM_ACCESS_MODE_OPEN_EXISTING,
  SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
  SSEM_ACCESS_MODE_JOIN,
} SsemAccessMode;

/**
 * SsemBackend:
 * @SSEM_BACKEND_DEFAULT: The backend that the environment variable `SSEM_BACKEND` names
 *   (`shared-memory`, `sysv`, `windows`, `posix`, `etcd` or another module), or else the best of
 *   the platform.
 * @SSEM_BACKEND_SHARED_MEMORY: A counter in shared memory. Only this backend makes an uncontended
 *   acquire without a system call. The default on Linux and Windows.
 * @SSEM_BACKEND_SYSV: A System V semaphore, shared with Qt programs that use the same key. A wait
 *   for several units may last as long as other processes acquire and release fewer; see the page
 *   [Platforms](platforms.html#fairness).
 * @SSEM_BACKEND_WINDOWS: A named semaphore of Windows, shared with Qt programs that use the same
 * key.
 * @SSEM_BACKEND_POSIX: A POSIX semaphore, shared with programs that call `sem_open()`, and with
 *   programs of Qt 6.6 and later. The key `market` is the name `/market`. Units do not come back
 *   when a process dies. Only on Linux; see the page [Platforms](platforms.html#posix).
 * @SSEM_BACKEND_ETCD: A semaphore in an etcd cluster, shared by processes on several machines. It
 *   can lose what a process holds; see [signal@Ssem.SystemSemaphore::lost]. This backend is a
 *   module, which may be missing.
 *
 * How a semaphore is implemented.
 *
 * Processes share a semaphore only through the same backend. [func@Ssem.Backend.is_supported]
 * returns whether a backend is available.
 *
 * Since: 1.0
 */
typedef enum
{
  SSEM_BACKEND_DEFAULT,
  SSEM_BACKEND_SHARED_MEMORY,
  SSEM_BACKEND_SYSV,
  SSEM_BACKEND_WINDOWS,
  SSEM_BACKEND_POSIX,
  SSEM_BACKEND_ETCD,
} SsemBackend;

/**
 * SsemQtNaming:
 * @SSEM_QT_NAMING_LEGACY: The name of Qt 4.4 to 6.5, and of `QSystemSemaphore::legacyNativeKey()`
 *   since Qt 6.6. The constructor `QSystemSemaphore(const QString &, int, AccessMode)` uses this
 *   name in every version.
 * @SSEM_QT_NAMING_PLATFORM_SAFE: The name of `QSystemSemaphore::platformSafeKey()` since Qt 6.6.
 *
 * How Qt makes the name of a system's object from a string.
 *
 * See [func@Ssem.native_key_for_qt].
 *
 * Since: 1.0
 */
typedef enum
{
  SSEM_QT_NAMING_LEGACY,
  SSEM_QT_NAMING_PLATFORM_SAFE,
} SsemQtNaming;

SSEM_AVAILABLE_IN_1_0
gboolean ssem_backend_is_supported (SsemBackend backend);

G_END_DECLS
