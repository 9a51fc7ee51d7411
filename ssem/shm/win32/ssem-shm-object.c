/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-object-private.h"

#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <sddl.h>
#include <stdio.h>
#include <string.h>

/* A named object exists as long as a process has a handle to it. The system removes the name with
 * the last handle, also if the process is killed.
 *
 * Names lie in "Local\", the directory of the session. Users of one session share it. So each
 * object is made for the user alone, with the user as its owner: by default, an elevated process
 * would make the group of administrators the owner, and the user's other processes could not open
 * the object. What was opened must have the same owner.
 *
 * No handle is inheritable, so a child keeps nothing of its parent.
 */

#define TOKEN_USER_SIZE (sizeof (TOKEN_USER) + SECURITY_MAX_SID_SIZE)
#define DESCRIPTOR_SIZE 1024

static GMutex user_lock;

/* Protected by user_lock until find_user () has succeeded, and constant then. */
static union
{
  TOKEN_USER user;
  char room[TOKEN_USER_SIZE];
} token_user;
static SECURITY_ATTRIBUTES attributes = { .nLength = sizeof attributes };

/* Returns the error of the system's last call. */
static int
last_error (void)
{
  return ssem_shm_object_error (GetLastError ());
}

static int
read_user (void)
{
  HANDLE token = NULL;
  DWORD length;
  int result = 0;

  if (!OpenProcessToken (GetCurrentProcess (), TOKEN_QUERY, &token))
    return last_error ();
  if (!GetTokenInformation (token, TokenUser, &token_user, sizeof token_user, &length))
    result = last_error ();
  CloseHandle (token);

  return result;
}

/* All rights for the user and for the system itself, and for nobody else. */
static int
make_attributes (void)
{
  char *user = NULL;
  g_autofree char *rights = NULL;

  if (!ConvertSidToStringSidA (token_user.user.User.Sid, &user))
    return last_error ();
  rights = g_strdup_printf ("O:%sD:P(A;;GA;;;%s)(A;;GA;;;SY)", user, user);
  LocalFree (user);

  return ConvertStringSecurityDescriptorToSecurityDescriptorA (rights, SDDL_REVISION_1,
                                                               &attributes.lpSecurityDescriptor,
                                                               NULL)
         ? 0 : last_error ();
}

/* Finds the user of this process. Not at the start of the backend: a process may look at semaphores
 * without opening one. What the system refuses once, for want of memory, it may grant later. */
static int
find_user (void)
{
  static gboolean is_found; /* protected by user_lock */
  int result = 0;

  ssem_thread_lock (&user_lock);
  if (!is_found)
    {
      result = read_user ();
      if (result == 0)
        result = make_attributes ();
      is_found = result == 0;
    }
  ssem_thread_unlock (&user_lock);

  return result;
}

void
ssem_shm_object_make_name (SsemShmObjectName *self,
                           const char        *format,
                           ...)
{
  char text[SSEM_SHM_NAME_MAX];
  va_list arguments;
  gsize i = 0;

  va_start (arguments, format);
  g_vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);

  do
    self->text[i] = (wchar_t) text[i];
  while (text[i++] != '\0');
}

int
ssem_shm_object_error (DWORD error)
{
  switch (error)
    {
    case ERROR_SUCCESS:
      return 0;
    case ERROR_ACCESS_DENIED:
      return -EACCES;
    case ERROR_ALREADY_EXISTS:
      return -EEXIST;
    case ERROR_FILE_NOT_FOUND:
      return -ENOENT;
    case ERROR_INVALID_HANDLE: /* another kind of object has the name */
      return -EPROTOTYPE;
    case ERROR_TOO_MANY_OPEN_FILES:
      return -EMFILE;
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_NOT_ENOUGH_QUOTA:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_OUTOFMEMORY:
    case ERROR_PAGEFILE_QUOTA:
      return -ENOMEM;
    case ERROR_DISK_FULL: /* the paging file cannot grow */
      return -ENOSPC;
    default:
      return -EIO;
    }
}

int
ssem_shm_object_check_owner (HANDLE object)
{
  union
  {
    SECURITY_DESCRIPTOR_RELATIVE descriptor;
    char room[DESCRIPTOR_SIZE];
  } found;
  PSID owner = NULL;
  BOOL is_default;
  DWORD length;
  int result = find_user ();

  if (result == 0 && !GetKernelObjectSecurity (object, OWNER_SECURITY_INFORMATION, &found,
                                               sizeof found, &length))
    result = last_error ();
  if (result == 0 &&
      (!GetSecurityDescriptorOwner (&found, &owner, &is_default) || owner == NULL ||
       !EqualSid (owner, token_user.user.User.Sid)))
    result = -EACCES;

  return result;
}

int
ssem_shm_object_exists (const SsemShmObjectName *name)
{
  /* The library makes no mutexes. The system finds the name first, and then refuses the wrong kind.
   * So this process never has a handle, which would keep the name while the process is stopped. */
  HANDLE mutex = OpenMutexW (SYNCHRONIZE, FALSE, name->text);
  DWORD error = GetLastError ();

  if (mutex != NULL)
    {
      CloseHandle (mutex);
      return 1;
    }

  return error == ERROR_INVALID_HANDLE ? 1
         : error == ERROR_FILE_NOT_FOUND ? 0 : ssem_shm_object_error (error);
}

int
ssem_shm_object_use_event (const SsemShmObjectName *name,
                           HANDLE                  *event,
                           gboolean                *is_new)
{
  HANDLE opened;
  DWORD error;
  int result = find_user ();

  if (result != 0)
    return result;
  opened = CreateEventW (&attributes, FALSE, FALSE, name->text);
  error = GetLastError ();
  if (opened == NULL)
    return ssem_shm_object_error (error);
  result = error == ERROR_ALREADY_EXISTS ? ssem_shm_object_check_owner (opened) : 0;
  if (result != 0)
    {
      CloseHandle (opened);
      return result;
    }

  if (is_new != NULL)
    *is_new = error != ERROR_ALREADY_EXISTS;
  *event = opened;

  return 0;
}

/* --- Sections --- */

/* Maps what has been opened. Memory that is only reserved, or that another process has made larger
 * than its first pages, is not used. */
static int
map (SsemShmSection *self,
     DWORD           access)
{
  MEMORY_BASIC_INFORMATION found;

  self->memory = MapViewOfFile (self->handle, access, 0, 0, 0);
  if (self->memory == NULL)
    return last_error ();
  if (VirtualQuery (self->memory, &found, sizeof found) == 0)
    return last_error ();

  self->size = found.State == MEM_COMMIT ? found.RegionSize : 0;

  return 0;
}

int
ssem_shm_section_use (SsemShmSection          *self,
                      const SsemShmObjectName *name,
                      gsize                    size,
                      gboolean                *is_new)
{
  DWORD error;
  int result = find_user ();

  if (result != 0)
    return result;
  self->handle = CreateFileMappingW (INVALID_HANDLE_VALUE, &attributes, PAGE_READWRITE, 0,
                                     (DWORD) size, name->text);
  error = GetLastError ();
  if (self->handle == NULL)
    return ssem_shm_object_error (error);

  if (error == ERROR_ALREADY_EXISTS)
    result = ssem_shm_object_check_owner (self->handle);
  if (result == 0)
    result = map (self, FILE_MAP_ALL_ACCESS);
  if (result == 0 && self->size < size)
    result = -EPROTOTYPE;
  if (result != 0)
    ssem_shm_section_close (self);
  if (result == 0 && is_new != NULL)
    *is_new = error != ERROR_ALREADY_EXISTS;

  return result;
}

int
ssem_shm_section_open (SsemShmSection          *self,
                       const SsemShmObjectName *name,
                       DWORD                    access)
{
  int result;

  self->handle = OpenFileMappingW (access | READ_CONTROL, FALSE, name->text);
  if (self->handle == NULL)
    return last_error ();

  result = ssem_shm_object_check_owner (self->handle);
  if (result == 0)
    result = map (self, access);
  if (result != 0)
    ssem_shm_section_close (self);

  return result;
}

void
ssem_shm_section_close (SsemShmSection *self)
{
  if (self->memory != NULL)
    UnmapViewOfFile (self->memory);
  if (self->handle != NULL)
    CloseHandle (self->handle);
  *self = (SsemShmSection) { NULL };
}
