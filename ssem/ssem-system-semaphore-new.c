/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

/* Returns an object that is not open. These values are not checked before it opens, unlike those of
 * properties, so that opening reports the error. */
static SsemSystemSemaphore *
construct (const char     *key,
           int             initial_value,
           SsemAccessMode  mode)
{
  SsemSystemSemaphore *self = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL);

  self->key = g_strdup (key);
  self->initial_value = initial_value;
  self->mode = mode;

  return self;
}

/**
 * ssem_system_semaphore_new:
 * @key: the key: not empty, valid UTF-8, at most 1024 bytes
 * @initial_value: the value where the semaphore is created or reset: 0 or more units
 * @mode: what to do when the semaphore exists already, and when it doesn't
 * @error: return location for an error
 *
 * Opens the semaphore of @key, or creates it.
 *
 * To choose [property@Ssem.SystemSemaphore:undo], [property@Ssem.SystemSemaphore:backend] or
 * [property@Ssem.SystemSemaphore:address], use [func@Gio.Initable.new] with the properties. With
 * shared memory, opening never waits for another process. With System V and POSIX it waits while
 * another process opens or closes the same key, and with etcd for the cluster; if that is too long,
 * use [func@Ssem.SystemSemaphore.new_async]. Do not call this function in a signal handler.
 *
 * Returns: (transfer full): a semaphore that is open, or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR` if @key is not a valid key, or what is in the
 *   semaphore's place is not a semaphore of that key;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` with `SSEM_ACCESS_MODE_OPEN_EXISTING` if the key is
 *   unknown, and with any mode if the directory of the semaphores does not exist;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS` with `SSEM_ACCESS_MODE_CREATE_EXCLUSIVE` if a live
 *   process uses the semaphore, or may be using it because another program, such as one of Qt,
 *   created it;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if the semaphore belongs to another user, its
 *   file is a link, the directory is not writable, or the directory that the library creates for
 *   the user belongs to another user, is a link or is open to others;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` if @initial_value is past the backend's maximum,
 *   or the system has no more semaphores, descriptors, memory or disk space; with shared memory
 *   also if 4095 threads of all processes use the semaphore;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @initial_value is negative, @mode is not an access mode, or
 *   the environment variable `SSEM_BACKEND` names no backend;
 * - `G_IO_ERROR_NOT_SUPPORTED` if the backend is not available, or its module cannot be loaded;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR` for anything else.
 *
 * Since: 1.0
 */
SsemSystemSemaphore *
ssem_system_semaphore_new (const char      *key,
                           int              initial_value,
                           SsemAccessMode   mode,
                           GError         **error)
{
  SsemSystemSemaphore *self;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = construct (key, initial_value, mode);
  if (!g_initable_init (G_INITABLE (self), NULL, error))
    g_clear_object (&self);

  return self;
}

/**
 * ssem_system_semaphore_new_for_native_key:
 * @native_key: the native key, for example `systemv:/run/user/1000/market`: at most 4096 bytes
 * @initial_value: the value where the semaphore is created or reset: 0 or more units
 * @mode: what to do when the semaphore exists already, and when it doesn't
 * @error: return location for an error
 *
 * Opens a semaphore by the exact name of the system's object, or creates it.
 *
 * This shares a semaphore with a program that does not use this library: one of Qt 6.6 or later, or
 * a program that calls the system's functions. See [property@Ssem.SystemSemaphore:native-key] for
 * the form of the native key, and [func@Ssem.native_key_for_qt] for the native keys of Qt.
 *
 * The native key chooses the backend; the environment variable `SSEM_BACKEND` has no effect. The
 * property [property@Ssem.SystemSemaphore:key] of the object is `NULL`.
 *
 * Do not call this function in a signal handler.
 *
 * Returns: (transfer full): a semaphore that is open, or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR` if @native_key does not have the right form, the system
 *   allows no such name, or what has the name is not a semaphore of that kind;
 * - `G_IO_ERROR_NOT_SUPPORTED` if this system has no semaphores of the type in @native_key, or the
 *   library was built without their backend;
 * - otherwise as [ctor@Ssem.SystemSemaphore.new] sets it.
 *
 * Since: 1.0
 */
SsemSystemSemaphore *
ssem_system_semaphore_new_for_native_key (const char      *native_key,
                                          int              initial_value,
                                          SsemAccessMode   mode,
                                          GError         **error)
{
  SsemSystemSemaphore *self;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL);
  self->native_key = g_strdup (native_key);
  self->is_native = native_key != NULL;
  self->initial_value = initial_value;
  self->mode = mode;

  if (!g_initable_init (G_INITABLE (self), NULL, error))
    g_clear_object (&self);

  return self;
}

/**
 * ssem_system_semaphore_new_async:
 * @key: the key: not empty, valid UTF-8, at most 1024 bytes
 * @initial_value: the value where the semaphore is created or reset: 0 or more units
 * @mode: what to do when the semaphore exists already, and when it doesn't
 * @cancellable: (nullable): a cancellable that prevents the opening, or `NULL`
 * @callback: (scope async) (closure user_data): called when the semaphore is open, or opening it
 *   has failed
 * @user_data: data for @callback
 *
 * Opens the semaphore of @key, or creates it, without blocking the caller.
 *
 * This is [ctor@Ssem.SystemSemaphore.new] in another thread. To choose
 * [property@Ssem.SystemSemaphore:undo], [property@Ssem.SystemSemaphore:backend],
 * [property@Ssem.SystemSemaphore:native-key] or [property@Ssem.SystemSemaphore:address], use
 * [func@Gio.AsyncInitable.new_async] with the properties.
 *
 * @callback is called in the thread-default main context of the caller; call
 * [ctor@Ssem.SystemSemaphore.new_finish] there to get the semaphore. @cancellable has no effect
 * once the opening has begun. Do not call this function in a signal handler.
 *
 * Since: 1.0
 */
void
ssem_system_semaphore_new_async (const char          *key,
                                 int                  initial_value,
                                 SsemAccessMode       mode,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  /* The request has a reference of its own. */
  g_autoptr(SsemSystemSemaphore) self = NULL;

  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  self = construct (key, initial_value, mode);
  g_async_initable_init_async (G_ASYNC_INITABLE (self), G_PRIORITY_DEFAULT, cancellable, callback,
                               user_data);
}

/**
 * ssem_system_semaphore_new_finish:
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Returns the result of a request made with [func@Ssem.SystemSemaphore.new_async].
 *
 * Returns: (transfer full): a semaphore that is open, or `NULL` with @error set:
 *
 * - `G_IO_ERROR_CANCELLED` if the cancellable was cancelled before the opening began;
 * - otherwise as [ctor@Ssem.SystemSemaphore.new] sets it.
 *
 * Since: 1.0
 */
SsemSystemSemaphore *
ssem_system_semaphore_new_finish (GAsyncResult  *result,
                                  GError       **error)
{
  g_autoptr(GObject) source = NULL;
  GObject *object;

  g_return_val_if_fail (G_IS_ASYNC_RESULT (result), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  source = g_async_result_get_source_object (result);
  g_return_val_if_fail (SSEM_IS_SYSTEM_SEMAPHORE (source), NULL);

  object = g_async_initable_new_finish (G_ASYNC_INITABLE (source), result, error);

  return object != NULL ? SSEM_SYSTEM_SEMAPHORE (object) : NULL;
}
