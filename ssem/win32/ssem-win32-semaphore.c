/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-win32-semaphore-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <winternl.h>

/* Several units together
 *
 * The system gives out one unit at a time. Who needs n collects them: looks whether that many are
 * there, takes them one by one without waiting, and puts back what it has if somebody else was
 * faster. Nobody has a part of what he needs while he waits, so nobody waits for another's part,
 * and those who need one unit get each that n - 1 are not enough for.
 *
 *   looking     the value is read, which takes nothing
 *   collecting  has some units, never waits for a unit
 *   waiting     has nothing
 *
 * Two that collect at a time could take the units from each other and both put them back. So who
 * collects has the mutex "collecting". It is a courtesy only: who does not get it within
 * COURTESY_MSEC, because its owner is stopped, collects without it, and who then fails stays away
 * for a random time, so that two do not meet for ever. An owner that dies leaves it abandoned,
 * which is as good as free. The units that it had are lost, as the units of all who die here are.
 *
 * Who waits for several units is told by the bell, a manual-reset event, which each release of this
 * library sets. The order is: the waiter clears the bell, looks, and waits for the bell; the
 * release adds units and then sets it. So what came after the look ends the wait. Two cases are
 * left, for which the waiter looks every LOOK_EVERY_MSEC without having been told: Qt's releases
 * ring no bell; and of several waiters, one may clear the bell between another's look and wait.
 *
 * Who needs one unit does none of this, but waits for the semaphore itself.
 */

#define COURTESY_MSEC   20
#define LOOK_EVERY_MSEC 20
#define STAY_AWAY_MSEC  10
/* How many units are collected between two looks at the time. */
#define UNITS_PER_LOOK  1024

/* What NtQuerySemaphore () fills in; the name that the headers of the system's drivers give it. */
typedef struct
{
  LONG current_count;
  LONG maximum_count;
} SemaphoreBasicInformation;

#define SEMAPHORE_BASIC_INFORMATION_CLASS 0

/* There since Windows NT, and in no header. Nothing else reads the value without changing it. */
NTSYSAPI NTSTATUS NTAPI NtQuerySemaphore (HANDLE  semaphore,
                                          int     information_class,
                                          void   *information,
                                          ULONG   length,
                                          ULONG  *length_needed);

typedef struct
{
  gunichar2 *units;
  gunichar2 *bell;
  gunichar2 *collecting;
} Names;

/* What the names of a key have in common that are ours alone. It is short whatever the key is; the
 * folder that moves the name space comes first. */
static char *
get_own_name (const char *folder,
              const char *key)
{
  g_autofree char *folder_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, folder, -1);
  g_autofree char *key_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);

  return g_strdup_printf ("ssem_%s_%s", folder_hash, key_hash);
}

static void
names_init (Names      *self,
            const char *key)
{
  const char *folder = ssem_environment_get ("SSEM_RUNTIME_DIR");
  g_autofree char *qt_name = ssem_key_name ("qipc_systemsem_", key);
  g_autofree char *own_name = get_own_name (folder != NULL ? folder : "", key);
  g_autofree char *bell = g_strconcat (own_name, "_bell", NULL);
  g_autofree char *collecting = g_strconcat (own_name, "_collecting", NULL);

  /* Qt does not know of a name space that was moved. */
  self->units = g_utf8_to_utf16 (folder != NULL ? own_name : qt_name, -1, NULL, NULL, NULL);
  self->bell = g_utf8_to_utf16 (bell, -1, NULL, NULL, NULL);
  self->collecting = g_utf8_to_utf16 (collecting, -1, NULL, NULL, NULL);
}

static void
names_clear (Names *self)
{
  g_clear_pointer (&self->units, g_free);
  g_clear_pointer (&self->bell, g_free);
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

  /* Where it is there, the call succeeds and says so. */
  if (opening == SSEM_WIN32_CREATE_NEW)
    result = GetLastError ();

  return result == ERROR_ALREADY_EXISTS ? result : ERROR_SUCCESS;
}

DWORD
ssem_win32_semaphore_open (SsemWin32Semaphore *self,
                           const char         *key,
                           int                 initial_value,
                           SsemWin32Opening    opening)
{
  Names names;
  DWORD result;

  *self = (SsemWin32Semaphore) { NULL };
  names_init (&names, key);

  result = open_units (self, names.units, initial_value, opening);
  if (result == ERROR_SUCCESS)
    {
      self->bell = CreateEventW (NULL, TRUE, FALSE, (LPCWSTR) names.bell);
      if (self->bell == NULL)
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
  g_clear_pointer (&self->bell, CloseHandle);
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

  SetEvent (self->bell);

  return ERROR_SUCCESS;
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

/* With the mutex, if it is to be had. Where it took some units and had to put them back,
 * @was_disturbed is set. */
static DWORD
collect (SsemWin32Semaphore *self,
         int                 n,
         SsemWin32Waiting   *waiting,
         gboolean           *was_disturbed)
{
  int n_taken = 0;
  DWORD result;

  do
    {
      result = take_one (self);
      if (result == ERROR_SUCCESS)
        n_taken++;
      if (n_taken == n)
        return ERROR_SUCCESS;
      if (waiting != NULL && n_taken % UNITS_PER_LOOK == 0 && ssem_win32_waiting_is_over (waiting))
        result = WAIT_TIMEOUT;
    }
  while (result == ERROR_SUCCESS);

  /* It fails only where others have filled the semaphore up to the maximum meanwhile, or nearly. */
  if (n_taken > 0)
    ssem_win32_semaphore_give (self, n_taken);
  *was_disturbed = n_taken > 0;

  return result;
}

static DWORD
take_together (SsemWin32Semaphore *self,
               int                 n,
               SsemWin32Waiting   *waiting,
               gboolean           *was_disturbed)
{
  int value = 0;
  DWORD result, courtesy;

  *was_disturbed = FALSE;

  result = ssem_win32_semaphore_get_value (self, &value);
  if (result != ERROR_SUCCESS)
    return result;
  if (value < n)
    return WAIT_TIMEOUT;

  courtesy = WaitForSingleObject (self->collecting, COURTESY_MSEC);
  if (courtesy == WAIT_FAILED)
    return GetLastError ();

  result = collect (self, n, waiting, was_disturbed);

  if (courtesy == WAIT_OBJECT_0 || courtesy == WAIT_ABANDONED)
    ReleaseMutex (self->collecting);

  return result;
}

DWORD
ssem_win32_semaphore_take (SsemWin32Semaphore *self,
                           int                 n,
                           SsemWin32Waiting   *waiting)
{
  gboolean was_disturbed;

  return n == 1 ? take_one (self) : take_together (self, n, waiting, &was_disturbed);
}

DWORD
ssem_win32_semaphore_wait (SsemWin32Semaphore *self,
                           int                 n,
                           SsemWin32Waiting   *waiting)
{
  DWORD result;

  if (n == 1)
    return ssem_win32_waiting_wait (waiting, self->units, INFINITE);

  for (;;)
    {
      gboolean was_disturbed;

      ResetEvent (self->bell);
      result = take_together (self, n, waiting, &was_disturbed);
      if (result != WAIT_TIMEOUT || ssem_win32_waiting_is_over (waiting))
        return result;

      if (was_disturbed)
        ssem_win32_waiting_wait (waiting, NULL, g_random_int_range (0, STAY_AWAY_MSEC));
      else
        ssem_win32_waiting_wait (waiting, self->bell, LOOK_EVERY_MSEC);
    }
}
