/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-lock-file-private.h"

#include "ssem-file-link-private.h"
#include "ssem-file-private.h"
#include "ssem-fork-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first byte, and how many. */
#define BOTH_LOCKS SSEM_LOCK_FILE_ATTACH, 2

G_STATIC_ASSERT (SSEM_LOCK_FILE_ALIVE == SSEM_LOCK_FILE_ATTACH + 1);

/* A mapping keeps the open file, and so the locks of the file. If a child inherited the mapping,
 * its parent would look alive after the parent's death. On systems without MADV_DONTFORK, the
 * process owns the locks, and no child inherits them. */
#ifndef MADV_DONTFORK
#define MADV_DONTFORK MADV_NORMAL
#endif

void
ssem_lock_file_init (SsemLockFile *self,
                     gsize         size)
{
  *self = (SsemLockFile) { .fd = -1, .size = size };
}

/* --- Opening --- */

/* Maps the content, without copies in children. */
static int
map_content (SsemLockFile *self)
{
  void *memory = mmap (NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);

  if (memory == MAP_FAILED)
    return -errno;

  self->memory = memory;

  return madvise (memory, self->size, MADV_DONTFORK) == 0 ? 0 : -errno;
}

/* A function that opens or creates a file, such as ssem_file_create (). */
typedef int (* OpenFunc) (const char       *path,
                          SsemFileIdentity *identity);

static int
open_existing (const char       *path,
               SsemFileIdentity *identity)
{
  return ssem_file_open (path, O_RDWR, identity);
}

/* Opens the file at @path with @open_func, and maps the content. Repeats this if a fork came in
 * between. */
static int
open_and_map (SsemLockFile *self,
              const char   *path,
              OpenFunc      open_func)
{
  unsigned int n_forks;
  int result;

  do
    {
      n_forks = ssem_fork_get_n_begun ();
      self->fd = open_func (path, &self->identity);
      if (self->fd < 0)
        {
          result = self->fd;
          self->fd = -1;
          return result;
        }

      result = map_content (self);
      /* A child that was forked meanwhile may have copies of the descriptor and of the mapping that
       * it cannot find. The child keeps this open file, so this process must not lock it. */
      if (result != 0 || n_forks != ssem_fork_get_n_begun ())
        {
          ssem_lock_file_close (self);
          ssem_lock_file_unmap (self);
        }
    }
  while (result == 0 && self->fd < 0);

  return result;
}

int
ssem_lock_file_open (SsemLockFile *self,
                     const char   *path)
{
  return open_and_map (self, path, open_existing);
}

int
ssem_lock_file_create (SsemLockFile         *self,
                       const char           *path,
                       gboolean              may_appear_empty,
                       SsemLockFileFillFunc  fill,
                       gpointer              data)
{
  g_autofree char *directory = g_path_get_dirname (path);
  gboolean is_named;
  int result;

  result = open_and_map (self, directory, ssem_file_create_nameless);
  /* Some file systems cannot create a file without a name. */
  is_named = result == -EOPNOTSUPP || result == -EISDIR || result == -EINVAL;
  if (is_named && !may_appear_empty)
    return -EOPNOTSUPP;
  if (is_named)
    result = open_and_map (self, path, ssem_file_create);
  if (result != 0)
    return result;

  result = ssem_lock_file_try_lock (self);
  if (result == 0)
    result = fill (self, data);
  if (result == 0 && !is_named)
    result = ssem_file_link (self->fd, path);
  /* Another process has found the named file and locked it first. It may also have removed the file
   * again. */
  if (is_named && (result == -EAGAIN ||
                   (result == 0 && ssem_file_identity_is_at (&self->identity, path) == 0)))
    result = -EEXIST;

  if (result != 0)
    {
      ssem_lock_file_close (self);
      ssem_lock_file_unmap (self);
    }

  return result;
}

gboolean
ssem_lock_file_has_descriptor (SsemLockFile *self)
{
  return ssem_file_identity_is (&self->identity, self->fd);
}

int
ssem_lock_file_steal_descriptor (SsemLockFile *self)
{
  int fd = self->fd;

  /* Unlock explicitly, because the mapping keeps the open file. Unlock both locks in one step, so
   * that the next process with the attach lock does not find this process alive. Forget the
   * descriptor after that, because a child of fork () must close each descriptor whose file has a
   * lock. */
  ssem_file_lock_try (fd, BOTH_LOCKS, SSEM_FILE_LOCK_NONE);
  self->fd = -1;

  return fd;
}

void
ssem_lock_file_close (SsemLockFile *self)
{
  if (self->fd >= 0)
    close (ssem_lock_file_steal_descriptor (self));
}

void
ssem_lock_file_unmap (SsemLockFile *self)
{
  if (self->memory != NULL)
    munmap (g_steal_pointer (&self->memory), self->size);
}

void
ssem_lock_file_discard_in_child (SsemLockFile *self)
{
  if (ssem_lock_file_has_descriptor (self))
    close (self->fd);
  self->fd = -1;
  self->memory = NULL;
}

/* --- Locks --- */

int
ssem_lock_file_lock (SsemLockFile *self)
{
  return ssem_file_lock_wait (self->fd, SSEM_LOCK_FILE_ATTACH, SSEM_FILE_LOCK_EXCLUSIVE);
}

int
ssem_lock_file_try_lock (SsemLockFile *self)
{
  return ssem_file_lock_try (self->fd, SSEM_LOCK_FILE_ATTACH, 1, SSEM_FILE_LOCK_EXCLUSIVE);
}

int
ssem_lock_file_lock_alive (SsemLockFile *self)
{
  return ssem_file_lock_try (self->fd, SSEM_LOCK_FILE_ALIVE, 1, SSEM_FILE_LOCK_SHARED);
}

void
ssem_lock_file_unlock (SsemLockFile *self)
{
  ssem_file_lock_try (self->fd, SSEM_LOCK_FILE_ATTACH, 1, SSEM_FILE_LOCK_NONE);
}

gboolean
ssem_lock_file_has_attached (int fd)
{
  /* If the query fails, assume that a process is attached, so that nothing is removed. */
  return ssem_file_lock_query (fd, SSEM_LOCK_FILE_ALIVE, 1) != 0;
}

void
ssem_lock_file_count_attached (SsemSnapshot  **snapshots,
                               SsemLockCount  *files,
                               guint           n)
{
  guint i;

  ssem_process_count_locks (files, n, SSEM_LOCK_FILE_ALIVE);
  /* For some file systems, fstat(2) and the list of locks give different device numbers. */
  for (i = 0; i < n; i++)
    {
      if (files[i].n > 0)
        snapshots[i]->n_attached = files[i].n;
    }
}

gboolean
ssem_lock_file_others_are_alive (SsemLockFile *self)
{
  return ssem_lock_file_has_attached (self->fd);
}

gboolean
ssem_lock_file_lock_as_last (SsemLockFile *self)
{
  /* In most cases, no other process uses the semaphore, and one call shows that: it makes the alive
   * lock exclusive, too. */
  if (ssem_file_lock_try (self->fd, BOTH_LOCKS, SSEM_FILE_LOCK_EXCLUSIVE) == 0)
    return TRUE;

  return ssem_lock_file_lock (self) == 0 && !ssem_lock_file_others_are_alive (self);
}
