/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-file-owner-private.h"
#include "ssem/ssem-i18n-private.h"

#include <errno.h>

/* The failures of backends whose system calls report an errno. */

static SsemSystemSemaphoreError
code_for (int system_error)
{
  switch (system_error)
    {
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: /* somebody put a link in the semaphore's place */
      return SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED;

    case EBADMSG:
    case EISDIR:
    case ENXIO:
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

/* In our words where the system's would mislead. */
static const char *
reason_for (int system_error)
{
  switch (system_error)
    {
    case EADDRINUSE:
      return _("Every identifier that the system offers for it belongs to another semaphore");
    case EBADF:
      return _("The program has closed a file descriptor of this library");
    case EBADMSG:
    case EISDIR:
    case ENXIO:
      return _("What lies in its place is not a semaphore of this key");
    case EEXIST:
      return _("It exists, and processes may be using it");
    case EFBIG:
      return _("The process may not make a file of that size (see RLIMIT_FSIZE)");
    case EIDRM:
      return _("It was removed from the system while it was in use");
    case ELOOP:
      return _("A symbolic link lies in its place");
    case ENOENT:
      return _("There is no such semaphore");
    case ENOTDIR:
      return _("The folder for semaphores does not exist");
    case EPROTO:
      return _("Another version of this library, which keeps it in another form, made it");
    case ERANGE:
      return _("The value would pass the maximum");
    case EUSERS:
      return _("As many threads as there is room for are using it");
    default:
      return g_strerror (system_error);
    }
}

/* What is wrong with @path. */
static char *
blame (const char *path,
       int         system_error)
{
  gboolean is_denied = system_error == EACCES || system_error == EPERM;
  guint owner;

  /* Users do not look into each other's semaphores, so this is nothing that chmod (1) can change. */
  if (is_denied && ssem_file_is_of_other (path, &owner))
    return g_strdup_printf (_("It belongs to the user with the ID %u (%s)"), owner, path);

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

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                   _("Processes use the semaphore “%s”, or may be using it"), shown);
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
