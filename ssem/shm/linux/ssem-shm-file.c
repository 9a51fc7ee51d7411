/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-file-private.h"

#include "ssem-shm-directory-private.h"

#include "ssem/os/ssem-directory-private.h"
#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_LOOKS 3
#define LONGEST_NAME 80

static void
make_path (const SsemShmFile *self,
           const char        *directory,
           char              *path)
{
  char *end = ssem_shm_directory_write_path (path, directory, "");

  ssem_shm_directory_write_number (end, self->number, SSEM_SHM_NUMBER_DIGITS);
}

/* --- Opening --- */

typedef struct
{
  gboolean is_found;
  guint64 number;
} Found;

static void
find_number_cb (const char *name,
                gpointer    data)
{
  Found *found = data;

  if (strlen (name) == SSEM_SHM_NUMBER_DIGITS &&
      strspn (name, "0123456789abcdef") == SSEM_SHM_NUMBER_DIGITS)
    *found = (Found) { TRUE, g_ascii_strtoull (name, NULL, 16) };
}

/* Returns why @path is no directory of a segment. Versions before 6 of the layout had a file
 * there. */
static int
explain_not_directory (const char *path)
{
  SsemShmFile file = SSEM_SHM_FILE_INIT;
  struct stat found;
  int result;

  /* What is above it may be no directory, either: who creates something there finds out. */
  if (lstat (path, &found) != 0)
    return errno == ENOTDIR ? -ENOENT : -errno;
  if (S_ISLNK (found.st_mode))
    return -ELOOP;

  file.fd = ssem_file_open (path, O_RDONLY, &file.identity);
  if (file.fd < 0)
    return file.fd;
  result = ssem_shm_file_check (&file, NULL);
  ssem_shm_file_close (&file);

  return result == 0 ? -EBADMSG : result;
}

int
ssem_shm_file_open (SsemShmFile *self,
                    const char  *directory,
                    int          access)
{
  Found found = { FALSE };
  char name[SSEM_SHM_NUMBER_DIGITS + 1];
  struct stat status;
  int directory_fd, result;

  /* The paths of what is in it, and of private directories, would be too long for the system. */
  if (strlen (directory) > SSEM_SHM_PATH_MAX - LONGEST_NAME)
    return -ENAMETOOLONG;

  directory_fd = open (directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory_fd < 0)
    return errno == ENOTDIR || errno == ELOOP ? explain_not_directory (directory) : -errno;

  /* In a directory that several users share, another user may have the name. */
  if (fstat (directory_fd, &status) != 0)
    result = -errno;
  else if (status.st_uid != geteuid ())
    result = -EACCES;
  else
    result = ssem_directory_read (directory_fd, find_number_cb, &found);
  if (result == 0 && !found.is_found)
    result = -ENOENT;
  if (result == 0)
    {
      ssem_shm_directory_write_number (name, found.number, SSEM_SHM_NUMBER_DIGITS);
      result = ssem_file_open_at (directory_fd, name, access, &self->identity);
    }
  close (directory_fd);
  if (result < 0)
    return result;

  self->fd = result;
  self->number = found.number;

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

  return result;
}

static gboolean
look_at_descriptor (const SsemShmFile *self,
                    int                fd,
                    struct stat       *found)
{
  return fd >= 0 && fstat (fd, found) == 0 && ssem_file_identity_matches (&self->identity, found);
}

/* Returns a descriptor of the file for a short time, and sets @found; end_borrowing () closes the
 * descriptor if need be. -EBADF if the program has closed the file's own descriptor, and @directory
 * does not contain the file. */
static int
borrow (SsemShmFile *self,
        const char  *directory,
        struct stat *found)
{
  char path[SSEM_SHM_PATH_MAX];
  int fd;

  if (look_at_descriptor (self, self->fd, found))
    return self->fd;

  make_path (self, directory, path);
  fd = ssem_file_open (path, O_RDWR, NULL);
  if (look_at_descriptor (self, fd, found))
    return fd;
  if (fd >= 0)
    close (fd);

  return -EBADF;
}

static void
end_borrowing (SsemShmFile *self,
               int          fd)
{
  if (fd >= 0 && fd != self->fd)
    close (fd);
}

/* --- Creating and removing --- */

int
ssem_shm_file_create (SsemShmFile *self,
                      const char  *directory,
                      guint64      number)
{
  char path[SSEM_SHM_PATH_MAX];
  gboolean was_masked = FALSE;
  int fd;

  if (mkdir (directory, 0700) != 0)
    return -errno;

  self->number = number;
  make_path (self, directory, path);
  fd = ssem_file_create_at (AT_FDCWD, path, &self->identity, &was_masked);
  /* The umask may have taken rights of the owner from the directory, too. */
  if ((fd == -EACCES || was_masked) && chmod (directory, 0700) == 0 && fd == -EACCES)
    fd = ssem_file_create_at (AT_FDCWD, path, &self->identity, NULL);
  if (fd < 0)
    {
      rmdir (directory);
      return fd;
    }
  self->fd = fd;

  return ssem_file_reserve (fd, (goffset) SSEM_SHM_SIZE (SSEM_SHM_FIRST_SLOTS));
}

void
ssem_shm_file_close (SsemShmFile *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
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
                       const char  *directory,
                       guint32      n_slots)
{
  struct stat found;
  int fd = borrow (self, directory, &found);
  int result;

  if (fd < 0)
    return fd;
  result = ssem_file_reserve (fd, (goffset) SSEM_SHM_SIZE (n_slots));
  end_borrowing (self, fd);

  return result;
}

int
ssem_shm_file_remove (SsemShmFile *self,
                      const char  *directory)
{
  char path[SSEM_SHM_PATH_MAX];

  make_path (self, directory, path);
  if (unlink (path) != 0)
    return errno == ENOTDIR ? -ENOENT : -errno;

  /* Fails if there is something else in it. Then that decides whether the key is in use. */
  rmdir (directory);
  ssem_debug_removed (directory);

  return 0;
}

/* --- Looking --- */

gboolean
ssem_shm_file_is_in (SsemShmFile *self,
                     const char  *directory)
{
  char path[SSEM_SHM_PATH_MAX];
  struct stat named;

  /* A path that cannot be examined is no sign of a removal. */
  make_path (self, directory, path);
  if (lstat (path, &named) != 0)
    return errno != ENOENT && errno != ENOTDIR;

  return ssem_file_identity_matches (&self->identity, &named);
}

int
ssem_shm_file_check_use (SsemShmFile *self,
                         const char  *directory)
{
  struct stat found;
  int fd = borrow (self, directory, &found);

  if (fd < 0)
    return fd;
  end_borrowing (self, fd);

  return found.st_nlink > 0 ? 0 : -EIDRM;
}
