/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-semaphore-info-private.h"

#include "ssem/os/ssem-thread-private.h"
#include "ssem-key-private.h"
#include "ssem-system-semaphore.h"

/* Removing and resetting semaphores, and what that has in common with looking at them. */

void
ssem_semaphore_info_ensure_library (void)
{
  static gsize is_done;

  if (g_once_init_enter (&is_done))
    {
      g_type_class_ref (SSEM_TYPE_SYSTEM_SEMAPHORE);
      g_once_init_leave (&is_done, 1);
    }
}

gboolean
ssem_semaphore_info_find_native (const char         *native_key,
                                 SsemNativeKey      *parsed,
                                 SsemBackendTarget  *target,
                                 GError            **error)
{
  /* Fails with the same words as for an empty key. */
  if (native_key == NULL)
    return ssem_key_check (NULL, error);

  if (!ssem_native_key_check (native_key, SSEM_BACKEND_DEFAULT, parsed, error))
    return FALSE;

  *target = (SsemBackendTarget) {
    .backend = parsed->backend,
    .key = native_key,
    .configuration = ssem_native_key_configure (parsed),
  };

  return TRUE;
}

/**
 * ssem_semaphore_remove_leftover:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for the backend that an object gets by default
 * @error: return location for an error
 *
 * Removes a semaphore that no live process has open.
 *
 * With POSIX, that may be one that another program created, although such a semaphore is no
 * leftover.
 *
 * No process loses a semaphore by it: a process that opens the key at the same time gets either the
 * old semaphore, and this function fails, or a new one.
 *
 * Returns: `TRUE` if it was removed, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_BUSY` if a live process has it open, or with System V a Qt program created it;
 * - otherwise as [func@Ssem.SemaphoreInfo.query] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_remove_leftover (const char   *key,
                                SsemBackend   backend,
                                GError      **error)
{
  return ssem_semaphore_remove_leftover_at (key, backend, NULL, error);
}

/**
 * ssem_semaphore_remove_leftover_at:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @backend: a backend
 * @address: (nullable): where its service is, as [property@Ssem.SystemSemaphore:address] describes
 * @error: return location for an error
 *
 * Removes a semaphore that no live process has open, in a backend with an address, as
 * [func@Ssem.semaphore_remove_leftover] does.
 *
 * Returns: `TRUE` if it was removed, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_BUSY` if a live process has it open;
 * - otherwise as [func@Ssem.SemaphoreInfo.query_at] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_remove_leftover_at (const char   *key,
                                   SsemBackend   backend,
                                   const char   *address,
                                   GError      **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTarget target = {
    .backend = backend,
    .key = key,
    .configuration = { .address = address },
  };

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  ssem_semaphore_info_ensure_library ();

  return ssem_key_check (key, error) && ssem_backend_remove (&target, error);
}

/**
 * ssem_semaphore_remove_leftover_native:
 * @native_key: a native key, as in [property@Ssem.SystemSemaphore:native-key]
 * @error: return location for an error
 *
 * Removes a semaphore that no live process has open, as [func@Ssem.semaphore_remove_leftover] does.
 *
 * Returns: `TRUE` if it was removed, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_BUSY` if a live process has it open, or a Qt program created it;
 * - otherwise as [func@Ssem.SemaphoreInfo.query_native] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_remove_leftover_native (const char  *native_key,
                                       GError     **error)
{
  SSEM_THREAD_SHIELD;
  g_auto(SsemNativeKey) parsed = { .name = NULL };
  SsemBackendTarget target;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  ssem_semaphore_info_ensure_library ();

  return ssem_semaphore_info_find_native (native_key, &parsed, &target, error) &&
         ssem_backend_remove (&target, error);
}

/**
 * ssem_semaphore_reset:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @value: the new value: 0 to the backend's maximum, 32767 with System V, else `G_MAXINT`
 * @backend: a backend, or `SSEM_BACKEND_DEFAULT` for the backend that an object gets by default
 * @error: return location for an error
 *
 * Sets the value of an existing semaphore, and forgets every acquire that has not been released.
 *
 * This does the same as opening the key with `SSEM_ACCESS_MODE_CREATE` and closing it: the
 * processes that have it open stay attached, and waiters that the new value can serve wake up. If
 * no other process has it open, the semaphore is gone afterwards, because its last user has left.
 *
 * Returns: `TRUE` if it was reset, or `FALSE` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if there is no semaphore of that key;
 * - `G_IO_ERROR_NOT_SUPPORTED` if the backend cannot set a value, as with POSIX and the named
 *   semaphores of Windows;
 * - otherwise as [ctor@Ssem.SystemSemaphore.new] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_reset (const char   *key,
                      int           value,
                      SsemBackend   backend,
                      GError      **error)
{
  return ssem_semaphore_reset_at (key, value, backend, NULL, error);
}

/**
 * ssem_semaphore_reset_at:
 * @key: a key: 1 to 1024 bytes of UTF-8
 * @value: the new value: 0 to the backend's maximum
 * @backend: a backend
 * @address: (nullable): where its service is, as [property@Ssem.SystemSemaphore:address] describes
 * @error: return location for an error
 *
 * Sets the value of an existing semaphore in a backend with an address, as
 * [func@Ssem.semaphore_reset] does.
 *
 * The processes that held units get the signal [signal@Ssem.SystemSemaphore::lost].
 *
 * Returns: `TRUE` if it was reset, or `FALSE` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if there is no semaphore of that key;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @address is not an address, or @backend has none;
 * - otherwise as [func@Ssem.semaphore_reset] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_reset_at (const char   *key,
                         int           value,
                         SsemBackend   backend,
                         const char   *address,
                         GError      **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTarget target = {
    .backend = backend,
    .key = key,
    .configuration = { .address = address },
  };

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  ssem_semaphore_info_ensure_library ();

  return ssem_key_check (key, error) && ssem_value_check (value, error) &&
         ssem_backend_reset (&target, value, error);
}

/**
 * ssem_semaphore_reset_native:
 * @native_key: a native key, as in [property@Ssem.SystemSemaphore:native-key]
 * @value: the new value: 0 to the backend's maximum, 32767 with System V, else `G_MAXINT`
 * @error: return location for an error
 *
 * Sets the value of an existing semaphore, as [func@Ssem.semaphore_reset] does.
 *
 * Returns: `TRUE` if it was reset, or `FALSE` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if there is no such semaphore;
 * - `G_IO_ERROR_NOT_SUPPORTED` if the backend cannot set a value, as with POSIX and the named
 *   semaphores of Windows;
 * - otherwise as [ctor@Ssem.SystemSemaphore.new_for_native_key] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_semaphore_reset_native (const char  *native_key,
                             int          value,
                             GError     **error)
{
  SSEM_THREAD_SHIELD;
  g_auto(SsemNativeKey) parsed = { .name = NULL };
  SsemBackendTarget target;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  ssem_semaphore_info_ensure_library ();

  return ssem_semaphore_info_find_native (native_key, &parsed, &target, error) &&
         ssem_value_check (value, error) &&
         ssem_backend_reset (&target, value, error);
}
