/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-file-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_LOOKS 3

int
ssem_shm_file_open (SsemShmFile *self,
                    const char  *location,
                    int          access)
{
  int fd = ssem_file_open (location, access, &self->identity);

  if (fd < 0)
    return fd;

  self->fd = fd;
  ssem_shm_file_set_location (self, location);

  return 0;
}

/* Reads the head with a system call, since a mapping of a file that is too short is a SIGBUS. */
static int
look_at_content (SsemShmFile *self,
                 const char  *key)
{
  SsemShmSegment head;
  struct stat found;
  gssize n_read;

  if (fstat (self->fd, &found) != 0)
    return -errno;

  n_read = ssem_file_read (self->fd, &head, sizeof head, 0);
  if (n_read < 0)
    return (int) n_read;
  if (n_read < (gssize) sizeof head)
    return -EBADMSG;

  return ssem_shm_segment_check (&head, found.st_size, key);
}

int
ssem_shm_file_check (SsemShmFile *self,
                     const char  *key)
{
  int i, result = -EBADMSG;

  /* The file may grow between the look at its size and the look at its content. So it is no segment
   * only if several looks say so. */
  for (i = 0; i < N_LOOKS && result == -EBADMSG; i++)
    result = look_at_content (self, key);

  return result == -ENOENT ? 0 : result;
}

static int
create_nameless (const SsemShmDirectory *directory,
                 SsemFileIdentity       *identity)
{
  int fd = ssem_file_create_nameless (directory->path, identity);
  int result;

  /* The library's own directory goes with the last process that has used it. */
  if (fd != -ENOENT || !directory->is_own)
    return fd;

  result = ssem_shm_directory_create (directory->path);
  if (result != 0)
    return result == -ENOENT ? -ENOTDIR : result;

  return ssem_file_create_nameless (directory->path, identity);
}

int
ssem_shm_file_create_nameless (SsemShmFile            *self,
                               const SsemShmDirectory *directory)
{
  int fd = create_nameless (directory, &self->identity);
  int result;

  if (fd < 0)
    return fd;
  self->fd = fd;

  /* Another user may have put a directory there since the last look. */
  result = ssem_shm_directory_check (directory);
  if (result == 0)
    result = ssem_shm_file_reserve (self, SSEM_SHM_FIRST_SLOTS);

  return result;
}

void
ssem_shm_file_close (SsemShmFile *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  g_clear_pointer (&self->location, g_free);
}

int
ssem_shm_file_map (SsemShmFile     *self,
                   SsemShmSegment **segment)
{
  /* Pages that the file does not have yet are not touched. */
  void *memory = mmap (NULL, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), PROT_READ | PROT_WRITE, MAP_SHARED,
                       self->fd, 0);

  if (memory == MAP_FAILED)
    return -errno;

  *segment = memory;

  return 0;
}

void
ssem_shm_file_unmap (SsemShmSegment *segment)
{
  munmap (segment, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS));
}

int
ssem_shm_file_reserve (SsemShmFile *self,
                       guint32      n_slots)
{
  return ssem_file_reserve (self->fd, (goffset) SSEM_SHM_SIZE (n_slots));
}

void
ssem_shm_file_set_location (SsemShmFile *self,
                            const char  *location)
{
  g_free (self->location);
  self->location = g_strdup (location);
}

gboolean
ssem_shm_file_is_in_place (SsemShmFile *self)
{
  struct stat named;

  /* A path that cannot be examined is no sign of a removal. */
  if (fstatat (AT_FDCWD, self->location, &named, AT_SYMLINK_NOFOLLOW) != 0)
    return errno != ENOENT && errno != ENOTDIR;

  return ssem_file_identity_matches (&self->identity, &named);
}

int
ssem_shm_file_check_location (SsemShmFile            *self,
                              const SsemShmDirectory *directory)
{
  int result;

  if (!directory->is_own)
    return 0;

  /* In this order: with a file in it, the user's own directory stays where it is. */
  result = ssem_shm_directory_check (directory);
  if (result == 0 && !ssem_shm_file_is_in_place (self))
    result = -ENOENT;

  return result;
}

int
ssem_shm_file_check_use (SsemShmFile *self)
{
  struct stat found;

  if (self->fd < 0 || fstat (self->fd, &found) != 0 ||
      !ssem_file_identity_matches (&self->identity, &found))
    return -EBADF;

  return found.st_nlink > 0 ? 0 : -EIDRM;
}
