/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-errno-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/ssem-i18n-private.h"

/* Errors of the backends whose system calls report an errno. */

static SsemSystemSemaphoreError
code_for (int system_error)
{
  switch (system_error)
    {
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: /* a symbolic link has the semaphore's name */
      return SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED;

    case EADDRNOTAVAIL:
    case EBADMSG:
    case EISDIR:
    case ENXIO:
    case EPROTOTYPE: /* of an object of Windows */
      return SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR;

    case EEXIST:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS;

    case ENOENT:
    case ENOTDIR:
    case EIDRM:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;

    case EADDRINUSE:
    case EAGAIN:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOLCK:
    case ENOMEM:
    case ENOSPC:
    case ERANGE:
    case EUSERS:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;

    default:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;
    }
}

/* Returns the reason in the library's words where the system's words would mislead. */
static const char *
reason_for (int system_error)
{
  switch (system_error)
    {
    case EADDRINUSE:
      return _("Other semaphores use all identifiers that the system offers for this key");
    case EADDRNOTAVAIL:
      return _("The file belongs to a semaphore with another project number");
    case EBADF:
      return _("The program has closed a file descriptor of the semaphore library");
    case EBADMSG:
    case EISDIR:
    case ENXIO:
      return _("The file is not a semaphore of this key; remove the file if no program needs it");
    case EEXIST:
      return _("The semaphore already exists and may be in use");
    case EFBIG:
      return _("The limit on the size of files is too low (see “ulimit -f”)");
    case EIDRM:
      return _("The semaphore was removed from the system while it was in use");
    case ELOOP:
      return _("The file is a symbolic link");
    case ENOENT:
      return _("The semaphore does not exist");
    case ENOTDIR:
      return _("The directory for semaphores does not exist");
    case EPROTO:
      return _("An incompatible version of the semaphore library created it; end the programs "
               "that use that version");
    case EPROTOTYPE:
      return _("The name belongs to another kind of object");
    case ERANGE:
      return _("The value would exceed the maximum");
    case EUSERS:
      return _("Too many threads use the semaphore");
    default:
      return g_strerror (system_error);
    }
}

/* Returns what is wrong with @path. */
static char *
blame (const char *path,
       int         system_error)
{
  gboolean is_denied = system_error == EACCES || system_error == EPERM;
  guint owner;

  /* Users never share a semaphore, so chmod (1) would not help. */
  if (is_denied && ssem_file_is_of_other (path, &owner))
    return g_strdup_printf (_("The file belongs to the user with the ID %u (%s)"), owner, path);

  return g_strdup_printf ("%s (%s)", reason_for (system_error), path);
}

gboolean
ssem_backend_fail (GError        **error,
                   SsemOperation   operation,
                   const char     *key,
                   const char     *path,
                   int             system_error)
{
  g_autofree char *blamed = NULL;

  if (system_error == ENOTSUP && operation >= SSEM_OPERATION_INSPECT)
    return ssem_backend_fail_to_look (error);
  if (system_error == EBUSY && operation == SSEM_OPERATION_REMOVE)
    {
      g_autofree char *shown = ssem_display_text (key);

      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_BUSY,
                   _("The semaphore “%s” is in use, or may be in use"), shown);
      return FALSE;
    }

  if (path != NULL)
    blamed = blame (path, system_error);

  return ssem_backend_fail_because (error, code_for (system_error), operation, key,
                                    blamed != NULL ? blamed : reason_for (system_error));
}

void
ssem_backend_describe_errno (SsemOperation   operation,
                             const char     *key,
                             int             system_error,
                             GError        **error)
{
  ssem_backend_fail (error, operation, key, NULL, system_error);
}
