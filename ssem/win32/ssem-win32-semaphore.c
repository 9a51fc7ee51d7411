/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-win32-semaphore-private.h"

#include "ssem/os/ssem-collect-private.h"
#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <string.h>
#include <winternl.h>

/* Several units together
 *
 * ssem-collect.c collects them. Its lock is the mutex "collecting". The system abandons the mutex
 * of a dead owner, and then it can be locked.
 *
 * A waiter for several units waits for the manual-reset event "added", which each release of this
 * library sets. The waiter resets the event, looks, and waits for the event; the release adds units
 * and then sets the event. Of several waiters, one may reset the event between another's look and
 * its wait, which then lasts until the other's next look.
 *
 * A waiter for one unit waits for the semaphore itself.
 */

/* What NtQuerySemaphore () fills in. The headers for drivers call it so. */
typedef struct
{
  LONG current_count;
  LONG maximum_count;
} SemaphoreBasicInformation;

#define SEMAPHORE_BASIC_INFORMATION_CLASS 0

/* Exists since Windows NT, but in no header. No other function reads the value without changing
 * it. */
NTSYSAPI NTSTATUS NTAPI NtQuerySemaphore (HANDLE  semaphore,
                                          int     information_class,
                                          void   *information,
                                          ULONG   length,
                                          ULONG  *length_needed);

typedef struct
{
  gunichar2 *units;
  gunichar2 *added;
  gunichar2 *collecting;
} Names;

char *
ssem_win32_semaphore_make_name (const char *key)
{
  const char *directory = ssem_environment_get ("SSEM_RUNTIME_DIR");
  g_autofree char *directory_hash = NULL;
  g_autofree char *key_hash = NULL;

  if (directory == NULL)
    return ssem_key_name (SSEM_KEY_QT_PREFIX, key);

  /* Qt has no name space that a variable moves. */
  directory_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, directory, -1);
  key_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);

  return g_strdup_printf ("ssem_%s_%s", directory_hash, key_hash);
}

/* Returns the name of another object that belongs to the semaphore @name. It is short for every
 * name, and in the same name space of the system: "Local\\" is the one of names without a
 * prefix. */
static gunichar2 *
get_own_name (const char *name,
              const char *suffix)
{
  const char *prefix = g_str_has_prefix (name, "Global\\") ? "Global\\" : "";
  const char *rest = g_str_has_prefix (name, "Local\\") ? name + strlen ("Local\\") : name;
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, rest, -1);
  g_autofree char *own_name = g_strdup_printf ("%sssem_%s_%s", prefix, hash, suffix);

  return g_utf8_to_utf16 (own_name, -1, NULL, NULL, NULL);
}

static void
names_init (Names      *self,
            const char *name)
{
  self->units = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
  self->added = get_own_name (name, "added");
  self->collecting = get_own_name (name, "collecting");
}

static void
names_clear (Names *self)
{
  g_clear_pointer (&self->units, g_free);
  g_clear_pointer (&self->added, g_free);
  g_clear_pointer (&self->collecting, g_free);
}

static DWORD
open_units (SsemWin32Semaphore *self,
            const gunichar2    *name,
            int                 initial_value,
            SsemWin32Opening    opening)
{
  DWORD result = ERROR_SUCCESS;

  if (opening == SSEM_WIN32_OPEN_EXISTING)
    {
      self->units = OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name);
      return self->units != NULL ? ERROR_SUCCESS : GetLastError ();
    }

  self->units = CreateSemaphoreW (NULL, initial_value, SSEM_WIN32_SEMAPHORE_MAX,
                                  (LPCWSTR) name);
  if (self->units == NULL)
    return GetLastError ();

  /* The call succeeds for an existing semaphore, and sets this error. */
  if (opening == SSEM_WIN32_CREATE_NEW)
    result = GetLastError ();

  return result == ERROR_ALREADY_EXISTS ? result : ERROR_SUCCESS;
}

DWORD
ssem_win32_semaphore_open (SsemWin32Semaphore *self,
                           const char         *name,
                           int                 initial_value,
                           SsemWin32Opening    opening)
{
  Names names;
  DWORD result;

  *self = (SsemWin32Semaphore) { NULL };
  names_init (&names, name);

  result = open_units (self, names.units, initial_value, opening);
  if (result == ERROR_SUCCESS)
    {
      self->added = CreateEventW (NULL, TRUE, FALSE, (LPCWSTR) names.added);
      if (self->added == NULL)
        result = GetLastError ();
    }
  if (result == ERROR_SUCCESS)
    {
      self->collecting = CreateMutexW (NULL, FALSE, (LPCWSTR) names.collecting);
      if (self->collecting == NULL)
        result = GetLastError ();
    }
  names_clear (&names);

  if (result != ERROR_SUCCESS)
    ssem_win32_semaphore_close (self);

  return result;
}

void
ssem_win32_semaphore_close (SsemWin32Semaphore *self)
{
  g_clear_pointer (&self->units, CloseHandle);
  g_clear_pointer (&self->added, CloseHandle);
  g_clear_pointer (&self->collecting, CloseHandle);
}

DWORD
ssem_win32_semaphore_get_value (SsemWin32Semaphore *self,
                                int                *value)
{
  SemaphoreBasicInformation information = { 0 };
  NTSTATUS status;

  status = NtQuerySemaphore (self->units, SEMAPHORE_BASIC_INFORMATION_CLASS,
                             &information, sizeof information, NULL);
  if (status < 0)
    return RtlNtStatusToDosError (status);

  *value = information.current_count;

  return ERROR_SUCCESS;
}

DWORD
ssem_win32_semaphore_give (SsemWin32Semaphore *self,
                           int                 n)
{
  if (!ReleaseSemaphore (self->units, n, NULL))
    return GetLastError ();

  SetEvent (self->added);

  return ERROR_SUCCESS;
}

/* --- Several units together --- */

/* Returns the system's @error as the functions of the class do. */
static int
win32_result (DWORD error)
{
  return error == WAIT_TIMEOUT ? SSEM_COLLECT_TOO_FEW : (int) error;
}

static int
win32_get_value (gpointer  semaphore,
                 int      *value)
{
  return win32_result (ssem_win32_semaphore_get_value (semaphore, value));
}

static DWORD
take_one (SsemWin32Semaphore *self)
{
  switch (WaitForSingleObject (self->units, 0))
    {
    case WAIT_OBJECT_0:
      return ERROR_SUCCESS;
    case WAIT_TIMEOUT:
      return WAIT_TIMEOUT;
    default:
      return GetLastError ();
    }
}

static int
win32_take_one (gpointer semaphore)
{
  return win32_result (take_one (semaphore));
}

/* This fails only where other releases have filled the semaphore to its maximum meanwhile. */
static void
win32_give_back (gpointer semaphore,
                 int      n)
{
  ssem_win32_semaphore_give (semaphore, n);
}

static int
win32_lock (gpointer semaphore,
            gpointer waiting)
{
  SsemWin32Semaphore *self = semaphore;

  switch (WaitForSingleObject (self->collecting, SSEM_COLLECT_COURTESY_MSEC))
    {
    case WAIT_OBJECT_0:
    case WAIT_ABANDONED:
      return 0;
    case WAIT_TIMEOUT:
      return SSEM_COLLECT_TOO_FEW;
    default:
      return win32_result (GetLastError ());
    }
}

static void
win32_unlock (gpointer semaphore)
{
  SsemWin32Semaphore *self = semaphore;

  ReleaseMutex (self->collecting);
}

static void
win32_listen (gpointer semaphore)
{
  SsemWin32Semaphore *self = semaphore;

  ResetEvent (self->added);
}

static void
win32_wait_for_units (gpointer semaphore,
                      gpointer waiting,
                      int      at_most_msec)
{
  SsemWin32Semaphore *self = semaphore;

  ssem_win32_waiting_wait (waiting, self->added, (DWORD) at_most_msec);
}

static void
win32_stay_away (gpointer semaphore,
                 gpointer waiting,
                 int      at_most_msec)
{
  ssem_win32_waiting_wait (waiting, NULL, (DWORD) g_random_int_range (0, at_most_msec));
}

static gboolean
win32_is_over (gpointer waiting)
{
  return ssem_win32_waiting_is_over (waiting);
}

static const SsemCollectClass win32_collect_class = {
  .get_value = win32_get_value,
  .take_one = win32_take_one,
  .give_back = win32_give_back,
  .lock = win32_lock,
  .unlock = win32_unlock,
  .listen = win32_listen,
  .wait_for_units = win32_wait_for_units,
  .stay_away = win32_stay_away,
  .is_over = win32_is_over,
};

/* The reverse of win32_result (). */
static DWORD
win32_error (int result)
{
  return result == SSEM_COLLECT_TOO_FEW ? WAIT_TIMEOUT : (DWORD) result;
}

/* --- Acquiring --- */

DWORD
ssem_win32_semaphore_take (SsemWin32Semaphore *self,
                           int                 n)
{
  return n == 1 ? take_one (self) : win32_error (ssem_collect_try (&win32_collect_class, self, n));
}

DWORD
ssem_win32_semaphore_wait (SsemWin32Semaphore *self,
                           int                 n,
                           SsemWin32Waiting   *waiting)
{
  if (n == 1)
    return ssem_win32_waiting_wait (waiting, self->units, INFINITE);

  return win32_error (ssem_collect_wait (&win32_collect_class, self, n, waiting));
}
