/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-win32-semaphore-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <string.h>
#include <winternl.h>

/* Several units together
 *
 * The system gives out one unit at a time. An acquire of n units collects them: it checks whether n
 * are available, takes them one by one without waiting, and puts them back if another thread was
 * faster. It holds no units while it waits, so two acquires never wait for each other's units.
 * Where n - 1 units are available, an acquire of one unit gets one of them.
 *
 *   looking     reads the value, which takes nothing
 *   collecting  has some units, and never waits for a unit
 *   waiting     has no units
 *
 * Two threads that collect at the same time could take units from each other, and both put them
 * back. So a collector locks the mutex "collecting". It gets no lock within COURTESY_MSEC if the
 * owner is stopped; then it collects without the lock, and stays away for a random time if it
 * fails, so that two collectors do not meet forever. The system abandons the mutex of a dead owner,
 * and then it can be locked. The units that a dead collector had are lost, like all units of dead
 * processes here.
 *
 * A waiter for several units waits for the manual-reset event "added", which each release of this
 * library sets. The waiter resets the event, looks, and waits for the event; the release adds units
 * and then sets the event. So units that were added after the look end the wait. The waiter also
 * looks every LOOK_EVERY_MSEC, for two cases: Qt's releases set no event; and of several waiters,
 * one may reset the event between another's look and its wait.
 *
 * A waiter for one unit waits for the semaphore itself.
 */

#define COURTESY_MSEC   20
#define LOOK_EVERY_MSEC 20
#define STAY_AWAY_MSEC  10
/* How many units are collected between two looks at the time. */
#define UNITS_PER_LOOK  1024

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
 * name, and in the same name space of the system: "Local\\" is the one of names without a prefix.
 * */
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

/* Takes @n units one by one, with the mutex if that could be locked. Sets @was_disturbed where it
 * took some units and had to put them back. */
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

  /* This fails only where other releases have filled the semaphore to its maximum meanwhile. */
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

      ResetEvent (self->added);
      result = take_together (self, n, waiting, &was_disturbed);
      if (result != WAIT_TIMEOUT || ssem_win32_waiting_is_over (waiting))
        return result;

      if (was_disturbed)
        ssem_win32_waiting_wait (waiting, NULL, g_random_int_range (0, STAY_AWAY_MSEC));
      else
        ssem_win32_waiting_wait (waiting, self->added, LOOK_EVERY_MSEC);
    }
}
