/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-posix-attachment-private.h"

#include "ssem-posix-name-private.h"
#include "ssem-posix-others-private.h"

#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-file-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words
 *
 *   instance      an open object of the program. All instances of a name share one attachment.
 *   file          the file of the semaphore: see ssem-posix-file.c.
 *   record        the library's data in the file: see ssem-posix-content-private.h.
 *   attach lock, alive lock   locks on the file: see ssem-lock-file-private.h.
 *   stranger      a program that uses the semaphore without this library. It has no lock on the
 *                 file: see ssem-posix-others.c.
 *
 * States of an attachment
 *
 *   new           The file is closed and not mapped.
 *   attached      The file is open and mapped, and the process has the alive lock.
 *   left          The file is closed, and the alive lock is unlocked. The file stays mapped,
 *                 because threads may still be inside an operation.
 *   inherited     This process is a child of fork () and has not used the attachment yet. The file
 *                 is closed, and not mapped. The child attaches to the same file as its parent, or
 *                 fails.
 *
 *   A new instance can use an attachment only in the states "new" and "attached". In the other
 *   states, ssem_posix_attachment_attach () returns 1, and the instance needs a new attachment. The
 *   same is true if the name leads to another file by now, and if the mode CREATE has to put
 *   another file there.
 *
 * Removal
 *
 *   The last process of this library removes a semaphore that this library has created, if no
 *   stranger has it open. It has the attach lock then, and a lease, so nobody else can begin to use
 *   the file before it has lost its name. It removes the name only if the name still leads to this
 *   file.
 *
 *   What a stranger has created is the strangers'. The library never removes it at the end of a
 *   process, and it counts as in use.
 *
 * The mode CREATE
 *
 *   The name gets a new file, as in Qt. Those who have the old file open keep it. So that they do
 *   not take this for a removal, the record of the old file says so before the name goes.
 *
 * Locks
 *
 *   The attach lock excludes other processes, and other attachments of this process. Another
 *   process may be stopped while it has the attach lock. No fork waits for it.
 *
 * Closed descriptors, fork
 *
 *   As in ssem-sysv-attachment.c: before each use, the library checks that the descriptor still
 *   refers to the file, and a child of fork () gets no copy of the descriptor and the mapping.
 */

/* Computes one @identifier for all paths to the file. Returns 0 or -errno. */
static int
make_identifier (const char  *name,
                 char       **identifier)
{
  SsemFileIdentity identity;
  struct stat found;

  if (stat (SSEM_POSIX_DIRECTORY, &found) != 0)
    return errno == ENOENT ? -ENOTDIR : -errno;

  ssem_file_identity_set (&identity, &found);
  *identifier = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%s",
                                 identity.device, identity.inode, name);

  return 0;
}

int
ssem_posix_attachment_new (const char           *name,
                           const char           *key,
                           SsemPosixAttachment **attachment)
{
  SsemPosixAttachment *self;
  char *identifier = NULL;
  int result = ssem_posix_name_is_valid (name) ? make_identifier (name, &identifier) : -EINVAL;

  if (result != 0)
    return result;

  self = g_new0 (SsemPosixAttachment, 1);
  self->name = g_strdup (name);
  self->key = g_strdup (key);
  self->path = ssem_posix_name_get_path (name);
  self->identifier = identifier;
  ssem_posix_file_init (&self->file);
  *attachment = self;

  return 0;
}

void
ssem_posix_attachment_free (SsemPosixAttachment *self)
{
  ssem_lock_file_unmap (&self->file);
  g_free (self->identifier);
  g_free (self->path);
  g_free (self->key);
  g_free (self->name);
  g_free (self);
}

void
ssem_posix_attachment_mark_inherited (SsemPosixAttachment *self)
{
  ssem_lock_file_discard_in_child (&self->file);
  self->content = NULL;
  self->is_inherited = TRUE;
}

/* --- Attaching --- */

static void
close_and_unmap (SsemPosixAttachment *self)
{
  ssem_lock_file_close (&self->file);
  ssem_lock_file_unmap (&self->file);
}

static gboolean
is_at_path (SsemPosixAttachment *self)
{
  return ssem_file_identity_is_at (&self->file.identity, self->path) > 0;
}

/* Opens the file at the path with its attach lock and a record. Returns 0 or -errno; -ENOENT if
 * there is none. After a failure, the file may be open. */
static int
open_and_lock (SsemPosixAttachment *self)
{
  int result;

  for (;;)
    {
      result = ssem_posix_file_open (&self->file, self->path);
      if (result == 0)
        result = ssem_lock_file_lock (&self->file);
      if (result != 0)
        return result;
      if (is_at_path (self))
        return ssem_posix_file_ensure_record (&self->file, self->key);

      /* The last process has removed the file meanwhile, or somebody has replaced it. */
      close_and_unmap (self);
    }
}

/* Resets the semaphore of the open file, if no process uses it. Returns 0 or -errno; -EEXIST if
 * the semaphore is or may be in use. Needs the attach lock. */
static int
reset_leftover (SsemPosixAttachment *self,
                int                  initial_value)
{
  if (!ssem_posix_file_get_content (&self->file)->record.made_by_us ||
      ssem_lock_file_others_are_alive (&self->file) || !ssem_posix_others_shut_out (&self->file))
    return -EEXIST;

  ssem_posix_file_reset (&self->file, initial_value);
  ssem_posix_others_let_in (&self->file);

  return 0;
}

/* Takes the name away from the open file, so that another can have it. Needs the attach lock. */
static int
give_up_name (SsemPosixAttachment *self)
{
  atomic_store (&ssem_posix_file_get_content (&self->file)->record.is_replaced, TRUE);

  return unlink (self->path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Attaches to the open file, with the attach lock. Returns 0, or 1 if the file has given up its
 * name, or -errno. */
static int
use_existing (SsemPosixAttachment *self,
              int                  initial_value,
              SsemAccessMode       mode)
{
  int result = 0;

  if (mode == SSEM_ACCESS_MODE_CREATE)
    {
      result = give_up_name (self);
      return result == 0 ? 1 : result;
    }

  if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE || mode == SSEM_ACCESS_MODE_JOIN)
    result = reset_leftover (self, initial_value);
  if (result == -EEXIST && mode == SSEM_ACCESS_MODE_JOIN)
    result = 0;

  return result == 0 ? ssem_posix_file_lock_alive (&self->file) : result;
}

/* Attaches a new attachment. Returns 0 or -errno. */
static int
attach_new (SsemPosixAttachment *self,
            int                  initial_value,
            SsemAccessMode       mode)
{
  int result;

  if ((guint) initial_value > SEM_VALUE_MAX)
    return -ERANGE;

  do
    {
      result = open_and_lock (self);
      if (result == 0)
        result = use_existing (self, initial_value, mode);
      else if (result == -ENOENT && mode != SSEM_ACCESS_MODE_OPEN_EXISTING)
        {
          result = ssem_posix_file_create (&self->file, self->path, self->key, initial_value);
          if (result == 0)
            ssem_debug_created (self->path);
          /* Somebody else was faster. */
          if (result == -EEXIST)
            result = 1;
          /* The directory is missing. */
          if (result == -ENOENT)
            result = -ENOTDIR;
        }
      if (result != 0)
        close_and_unmap (self);
    }
  while (result > 0);

  if (result == 0)
    {
      self->content = ssem_posix_file_get_content (&self->file);
      ssem_lock_file_unlock (&self->file);
    }

  return result;
}

/* Adds an instance to an attachment that is attached. Returns 0 or -errno; 1 if the instance needs
 * another attachment. */
static int
attach_again (SsemPosixAttachment *self,
              SsemAccessMode       mode)
{
  int result;

  if (!ssem_lock_file_has_descriptor (&self->file))
    return -EBADF;

  result = ssem_file_identity_is_at (&self->file.identity, self->path);
  if (result <= 0)
    return result == 0 ? 1 : result;

  switch (mode)
    {
    case SSEM_ACCESS_MODE_CREATE:
      return 1;
    case SSEM_ACCESS_MODE_CREATE_EXCLUSIVE:
      return -EEXIST;
    case SSEM_ACCESS_MODE_OPEN:
    case SSEM_ACCESS_MODE_OPEN_EXISTING:
    case SSEM_ACCESS_MODE_JOIN:
    default:
      return 0;
    }
}

int
ssem_posix_attachment_attach (SsemPosixAttachment *self,
                              int                  initial_value,
                              SsemAccessMode       mode)
{
  /* An inherited attachment leads to the file of the parent. The name may lead to another now. */
  if (self->is_inherited)
    return 1;
  if (self->file.fd >= 0)
    return attach_again (self, mode);

  /* 1: the process has left. */
  return self->file.memory == NULL ? attach_new (self, initial_value, mode) : 1;
}

int
ssem_posix_attachment_attach_child (SsemPosixAttachment *self)
{
  SsemFileIdentity identity = self->file.identity;
  int result = open_and_lock (self);

  if (result == -ENOENT ||
      (result == 0 && (identity.device != self->file.identity.device ||
                       identity.inode != self->file.identity.inode)))
    result = -EIDRM;
  if (result == 0)
    result = ssem_posix_file_lock_alive (&self->file);

  if (result != 0)
    {
      close_and_unmap (self);
      self->file.identity = identity;
      return result;
    }

  self->content = ssem_posix_file_get_content (&self->file);
  self->is_inherited = FALSE;
  ssem_lock_file_unlock (&self->file);

  return 0;
}

/* --- Leaving --- */

/* Removes the semaphore if this library has created it and no stranger uses it. Only the last
 * process calls this function, with the attach lock. */
static void
remove_unless_used (SsemPosixAttachment *self)
{
  if (!self->content->record.made_by_us || !is_at_path (self) ||
      !ssem_posix_others_shut_out (&self->file))
    return;

  unlink (self->path);
  ssem_debug_removed (self->path);
  ssem_posix_others_let_in (&self->file);
}

void
ssem_posix_attachment_leave (SsemPosixAttachment *self)
{
  if (self->file.fd < 0)
    return;

  if (ssem_lock_file_has_descriptor (&self->file))
    {
      if (ssem_lock_file_lock_as_last (&self->file))
        remove_unless_used (self);
      ssem_lock_file_close (&self->file);
    }
  /* The program has closed the descriptor. */
  else
    {
      self->file.fd = -1;
    }
}

gboolean
ssem_posix_attachment_is_removed (SsemPosixAttachment *self)
{
  struct stat found;
  int fd = self->file.fd;

  /* If the program has closed the descriptor, nothing is known of the file. */
  return fd >= 0 && fstat (fd, &found) == 0 && found.st_nlink == 0 &&
         ssem_file_identity_matches (&self->file.identity, &found) &&
         !atomic_load (&self->content->record.is_replaced);
}
