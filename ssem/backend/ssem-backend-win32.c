/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem/os/ssem-native-key-text-private.h"
#include "ssem/ssem-i18n-private.h"
#include "ssem/win32/ssem-win32-semaphore-private.h"

#include <stdatomic.h>

/* A named semaphore of Windows, shared with Qt.
 *
 * The system owns the semaphore, which lasts as long as any handle to it. Each instance has handles
 * of its own, and free () closes them. The system does not record which process holds units, so
 * there is no undo.
 *
 * A waiter waits for the semaphore, for the event "closed", which close () sets, and for the
 * cancellable. If it gets units while the instance is closed, it gives them back.
 */
typedef struct
{
  SsemInstance parent;
  SsemWin32Semaphore semaphore; /* constant after init */
  char *name;                   /* of the system's object; constant after init */
  HANDLE closed;                /* a manual-reset event; constant after init */
  atomic_bool is_closed;
} Win32Instance;

static const SsemWin32Opening openings[] = {
  /* The system cannot set the value of a semaphore. Qt documents that the mode is ignored. */
  [SSEM_ACCESS_MODE_OPEN] = SSEM_WIN32_OPEN_OR_CREATE,
  [SSEM_ACCESS_MODE_CREATE] = SSEM_WIN32_OPEN_OR_CREATE,
  [SSEM_ACCESS_MODE_OPEN_EXISTING] = SSEM_WIN32_OPEN_EXISTING,
  [SSEM_ACCESS_MODE_CREATE_EXCLUSIVE] = SSEM_WIN32_CREATE_NEW,
  /* There are no leftovers on Windows. */
  [SSEM_ACCESS_MODE_JOIN] = SSEM_WIN32_OPEN_OR_CREATE,
};

static SsemSystemSemaphoreError
win32_code_for (DWORD system_error)
{
  switch (system_error)
    {
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED;

    case ERROR_BAD_PATHNAME:
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_INVALID_HANDLE: /* another kind of object has the name */
    case ERROR_INVALID_NAME:
    case ERROR_PATH_NOT_FOUND: /* only the name spaces of the system have a backslash */
      return SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR;

    case ERROR_ALREADY_EXISTS:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS;

    case ERROR_FILE_NOT_FOUND:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;

    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_NOT_ENOUGH_QUOTA:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_OUTOFMEMORY:
    case ERROR_TOO_MANY_OPEN_FILES:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;

    default:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;
    }
}

/* Returns what an operation of the table returns for the system's @result. */
static int
win32_failure (DWORD result)
{
  return result == ERROR_TOO_MANY_POSTS ? SSEM_FAILURE_TOO_MANY : (int) result;
}

static void
win32_describe (SsemOperation   operation,
                const char     *key,
                int             system_error,
                GError        **error)
{
  g_autofree char *reason = NULL;

  /* In the library's words where the system's words would mislead. */
  if (system_error == ERROR_INVALID_HANDLE && operation == SSEM_OPERATION_OPEN)
    reason = g_strdup (_("The name belongs to another kind of object"));
  else
    reason = g_win32_error_message (system_error);

  ssem_backend_fail_because (error, win32_code_for ((DWORD) system_error), operation, key, reason);
}

static void
win32_free (SsemInstance *instance)
{
  Win32Instance *self = (Win32Instance *) instance;

  ssem_win32_semaphore_close (&self->semaphore);
  g_clear_pointer (&self->closed, CloseHandle);
  g_free (self->name);
  g_free (self);
}

static SsemInstance *
win32_open (const SsemBackendConfiguration  *configuration,
            const char                      *key,
            int                              initial_value,
            SsemAccessMode                   mode,
            gboolean                         undo,
            GError                         **error)
{
  Win32Instance *self = g_new0 (Win32Instance, 1);
  DWORD result;

  self->parent.table = &ssem_backend_windows;
  self->name = configuration->native_name != NULL ? g_strdup (configuration->native_name)
                                                  : ssem_win32_semaphore_make_name (key);

  result = ssem_win32_semaphore_open (&self->semaphore, self->name, initial_value,
                                      openings[mode]);
  if (result == ERROR_SUCCESS)
    {
      self->closed = CreateEventW (NULL, TRUE, FALSE, NULL);
      if (self->closed == NULL)
        result = GetLastError ();
    }
  if (result != ERROR_SUCCESS)
    {
      win32_describe (SSEM_OPERATION_OPEN, key, (int) result, error);
      win32_free (&self->parent);
      return NULL;
    }

  return &self->parent;
}

static DWORD
take_or_wait (Win32Instance *self,
              int            n,
              gint64         deadline_usec,
              GCancellable  *cancellable)
{
  SsemWin32Waiting waiting;
  DWORD result;

  if (deadline_usec == SSEM_DEADLINE_NOW)
    return ssem_win32_semaphore_take (&self->semaphore, n);

  /* A cancellable makes a handle for a wait. Most acquires of one unit need no wait. */
  if (n == 1)
    {
      result = ssem_win32_semaphore_take (&self->semaphore, n);
      if (result != WAIT_TIMEOUT)
        return result;
    }

  ssem_win32_waiting_init (&waiting, deadline_usec, self->closed, cancellable);
  result = ssem_win32_semaphore_wait (&self->semaphore, n, &waiting);
  ssem_win32_waiting_clear (&waiting);

  return result;
}

static int
win32_acquire (SsemInstance *instance,
               int           n,
               gint64        deadline_usec,
               GCancellable *cancellable,
               guint64      *fencing_token)
{
  Win32Instance *self = (Win32Instance *) instance;
  DWORD result = take_or_wait (self, n, deadline_usec, cancellable);

  if (result == ERROR_SUCCESS && !atomic_load (&self->is_closed))
    return 0;

  if (result == ERROR_SUCCESS)
    ssem_win32_semaphore_give (&self->semaphore, n);
  if (atomic_load (&self->is_closed))
    return SSEM_FAILURE_CLOSED;
  if (result != WAIT_TIMEOUT)
    return win32_failure (result);
  if (deadline_usec == SSEM_DEADLINE_NOW)
    return SSEM_FAILURE_WOULD_BLOCK;
  return g_cancellable_is_cancelled (cancellable) ? SSEM_FAILURE_CANCELLED
                                                  : SSEM_FAILURE_TIMED_OUT;
}

static int
win32_release (SsemInstance *instance,
               int           n)
{
  Win32Instance *self = (Win32Instance *) instance;

  return win32_failure (ssem_win32_semaphore_give (&self->semaphore, n));
}

static int
win32_get_value (SsemInstance *instance,
                 int          *value)
{
  Win32Instance *self = (Win32Instance *) instance;

  return win32_failure (ssem_win32_semaphore_get_value (&self->semaphore, value));
}

static void
win32_close (SsemInstance *instance)
{
  Win32Instance *self = (Win32Instance *) instance;

  atomic_store (&self->is_closed, TRUE);
  SetEvent (self->closed);
}

static char *
win32_get_native_key (SsemInstance *instance)
{
  Win32Instance *self = (Win32Instance *) instance;

  return ssem_native_key_format (SSEM_BACKEND_WINDOWS, 0, self->name);
}

const SsemBackendTable ssem_backend_windows = {
  .id = SSEM_BACKEND_WINDOWS,
  .name = "windows",
  .maximum = SSEM_WIN32_SEMAPHORE_MAX,
  .describe = win32_describe,
  .open = win32_open,
  .acquire = win32_acquire,
  .release = win32_release,
  .get_value = win32_get_value,
  .close = win32_close,
  .free = win32_free,
  .get_native_key = win32_get_native_key,
};
