/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-process-private.h"

#include "ssem-shm-process-files-private.h"

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-process-arguments-private.h"
#include "ssem/os/ssem-random-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem/shm/ssem-shm-layout-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* How others know that a process is alive
 *
 *   A process has one file in each directory that it uses: DIRECTORY/processes/ID. The process has
 *   locked the file's first byte. The lock belongs to the open file description (fcntl_locking(2)),
 *   which only a mapping keeps open: the descriptor is closed, and the mapping is not copied to any
 *   child (MADV_DONTFORK in madvise(2)). So the kernel drops the lock when the process ends or
 *   calls exec (), and not before: whatever children it has, however they were made, and whatever
 *   descriptors the program closes. (A child that shares its parent's memory, of vfork () or of
 *   clone () with CLONE_VM, shares the mapping until it calls exec () or ends.)
 *
 *   A process is alive if its file is there and locked. No id is used twice. So a dead process's
 *   file may be removed at any time and by any process, although slots still contain the id: a
 *   process without a file is dead, too. That holds only for a process whose own file is there.
 *   Otherwise somebody outside has removed the files of live processes, or the directory is another
 *   one, and the answer is unknown.
 *
 * Coming
 *
 *   The file is created as "ID~", locked, mapped, and then renamed to "ID". So no process sees the
 *   file of a live process unlocked under its name. Its content is what the process runs: see
 *   ssem-process-arguments-private.h; in most processes it is empty. "ID~" may be removed by any process that finds
 *   it unlocked; then the renaming fails, and the process begins again with another id.
 *
 * Going
 *
 *   At exit () the file is removed if no slot contains the id any more; otherwise it stays, locked,
 *   until the process ends. Files of the dead are removed by the processes that reclaim their
 *   units. What nobody finds this way, a new process removes, or the last one at exit (): each
 *   looks at a few files at random.
 *
 * Private directories
 *
 *   DIRECTORY/processes/ID-NUMBER, in which the process prepares a segment, and which it renames.
 *   They go with the file of a dead process.
 *
 * Fork
 *
 *   A fork while another thread creates the file must not give the child a copy of the descriptor
 *   or the mapping: see ssem_fork_get_n_begun (). The fork handler closes both. For a raw fork,
 *   which runs no handler, that moment stays: once in the life of a process.
 */

#define MAP_SIZE SSEM_SHM_PAGE
#define MAX_TRIES 100

/* A result: to begin again with another id. No system call returns it. */
#define AGAIN 1

struct _SsemShmProcess
{
  /* Constant once the object is in the list. */
  guint64 id;
  char name[SSEM_SHM_PROCESS_ID_DIGITS + 1];
  char *path;                /* DIRECTORY/processes */
  char *directory;           /* NULL if it is not the library's own */
  SsemFileIdentity identity; /* of the file */
  SsemFileIdentity all_identity;
  int all_fd;                /* of DIRECTORY/processes; the program may have closed it */

  /* Closed for a moment where the program has used up its descriptors; -1 meanwhile. */
  atomic_int reserve_fd;

  /* For the fork handler, while the file is being created. */
  int fd;
  void *memory;
  gboolean is_private;

  /* Protected by list_lock. */
  gboolean is_usable;        /* the file was there when somebody looked last */
  gboolean is_inherited;     /* of the parent: this process is a child of fork () */
  int n_uses;
  SsemShmProcess *next;

  atomic_uint_least64_t next_number;
};

/* All objects, also of files that are no longer there. A fork takes the lock. */
static GMutex list_lock;
static SsemShmProcess *first;

/* Returns whether the process's own file is in that directory. */
static gboolean
is_in (const SsemShmProcess *self,
       int                   all_fd)
{
  struct stat found;

  return fstatat (all_fd, self->name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
         ssem_file_identity_matches (&self->identity, &found);
}

static void
forget_in_child (void)
{
  SsemShmProcess *self;

  for (self = first; self != NULL; self = self->next)
    {
      if (self->is_inherited)
        continue;

      if (self->fd >= 0 && ssem_file_identity_is (&self->identity, self->fd))
        close (self->fd);
      if (self->memory != NULL && !self->is_private)
        munmap (self->memory, MAP_SIZE);
      if (is_in (self, self->all_fd))
        close (self->all_fd);
      if (is_in (self, atomic_load (&self->reserve_fd)))
        close (atomic_load (&self->reserve_fd));
      self->fd = self->all_fd = -1;
      atomic_store (&self->reserve_fd, -1);
      self->is_inherited = TRUE;
      self->is_usable = FALSE;
    }
}

void
ssem_shm_process_init (void)
{
  ssem_fork_protect (&list_lock, forget_in_child);
}

guint64
ssem_shm_process_get_id (const SsemShmProcess *self)
{
  return self->id;
}

const char *
ssem_shm_process_get_path (const SsemShmProcess *self)
{
  return self->path;
}

/* One after the other from a random one: they are as unique as random ones. */
guint64
ssem_shm_process_make_number (SsemShmProcess *self)
{
  return atomic_fetch_add (&self->next_number, 1);
}

void
ssem_shm_process_make_private_path (const SsemShmProcess *self,
                                    guint64               number,
                                    char                 *path)
{
  char *end = ssem_shm_directory_write_path (path, self->path, self->name);

  *end++ = '-';
  ssem_shm_directory_write_number (end, number, SSEM_SHM_NUMBER_DIGITS);
}

/* --- Asking --- */

/* Opens the directory of the files by its path; -EBADF if that leads elsewhere. */
static int
reopen_all (const SsemShmProcess *self)
{
  int fd = open (self->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd < 0)
    return -EBADF;
  if (is_in (self, fd))
    return fd;

  close (fd);

  return -EBADF;
}

/* Asks in a process that has no descriptor left. */
static int
ask_with_reserve (SsemShmProcess *self,
                  guint64         id)
{
  int reserve_fd = atomic_exchange (&self->reserve_fd, -1);
  int result;

  /* Another thread uses it, or the program has closed it. */
  if (!is_in (self, reserve_fd))
    return -EMFILE;

  close (reserve_fd);
  result = ssem_shm_process_files_ask (self->all_fd, id);
  atomic_store (&self->reserve_fd, fcntl (self->all_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));

  return result;
}

int
ssem_shm_process_ask (SsemShmProcess *self,
                      guint64         id)
{
  int result = ssem_shm_process_files_ask (self->all_fd, id);
  int fd;

  if (result == -EMFILE)
    result = ask_with_reserve (self, id);
  if (result >= 0)
    return result;
  if (is_in (self, self->all_fd))
    return result == -ENOENT ? 0 : result;

  /* The program has closed the descriptor, or the file has been removed. */
  fd = reopen_all (self);
  if (fd < 0)
    return ssem_shm_process_check (self) == -EIDRM ? -EIDRM : fd;
  result = ssem_shm_process_files_ask (fd, id);
  close (fd);

  return result == -ENOENT ? 0 : result;
}

int
ssem_shm_process_check_path (const SsemShmProcess *self)
{
  char path[SSEM_SHM_PATH_MAX];
  struct stat found;

  ssem_shm_directory_write_path (path, self->path, self->name);

  return lstat (path, &found) == 0 && ssem_file_identity_matches (&self->identity, &found)
         ? 0
         : -EIDRM;
}

int
ssem_shm_process_check (const SsemShmProcess *self)
{
  const char *name = self->name;
  char path[SSEM_SHM_PATH_MAX];
  int directory_fd = self->all_fd;
  struct stat found;
  gboolean is_open;

  if (is_in (self, self->all_fd))
    return 0;

  is_open = ssem_file_identity_is (&self->all_identity, self->all_fd);
  if (!is_open)
    {
      ssem_shm_directory_write_path (path, self->path, self->name);
      name = path;
      directory_fd = AT_FDCWD;
    }
  /* A directory that may not be searched is no sign of a removal. */
  if (fstatat (directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0
      ? ssem_file_identity_matches (&self->identity, &found)
      : errno != ENOENT && errno != ENOTDIR)
    return 0;

  return is_open ? -EIDRM : -EBADF;
}

void
ssem_shm_process_bury (const SsemShmProcess *self,
                       guint64               id)
{
  if (is_in (self, self->all_fd))
    ssem_shm_process_files_clear (self->all_fd, id);
}

/* --- Coming --- */

/* Lets others know what this process runs, if it has registered that. A failure does no harm: the
 * others only show less. */
static void
write_arguments (int fd)
{
  gsize size;
  const char *record = ssem_process_arguments_get (&size);

  if (record != NULL)
    ssem_file_write (fd, record, size, 0);
}

/* Creates, locks and maps the file. AGAIN to begin again with another id. */
static int
create_file (SsemShmProcess *self)
{
  unsigned int n_begun = ssem_fork_get_n_begun ();
  char name[SSEM_SHM_PROCESS_ID_DIGITS + 2];
  int result = 0;

  self->is_private = FALSE;
  g_stpcpy (g_stpcpy (name, self->name), "~");
  self->fd = ssem_file_create_at (self->all_fd, name, &self->identity, NULL);
  if (self->fd < 0)
    return self->fd == -EEXIST ? AGAIN : self->fd;

  if (n_begun != ssem_fork_get_n_begun ())
    result = AGAIN;
  if (result == 0)
    write_arguments (self->fd);
  if (result == 0)
    result = ssem_file_lock_try (self->fd, 0, 1, SSEM_FILE_LOCK_EXCLUSIVE);
  if (result == 0 && mmap (self->memory, MAP_SIZE, PROT_NONE, MAP_SHARED | MAP_FIXED, self->fd,
                           0) == MAP_FAILED)
    result = -errno;
  if (result == 0 && madvise (self->memory, MAP_SIZE, MADV_DONTFORK) != 0)
    result = -errno;
  self->is_private = result == 0;
  if (result == 0 && renameat (self->all_fd, name, self->all_fd, self->name) != 0)
    result = errno == ENOENT ? AGAIN : -errno;
  if (result != 0)
    unlinkat (self->all_fd, name, 0);

  close (self->fd);
  self->fd = -1;

  return result;
}

/* Creates the file, under as many ids as it takes. */
static int
create_process (SsemShmProcess         *self,
                const SsemShmDirectory *directory)
{
  int i, result = AGAIN;

  for (i = 0; i < MAX_TRIES && result == AGAIN; i++)
    {
      self->id = ssem_random_unique () >> (64 - SSEM_SHM_PROCESS_ID_BITS);
      if (self->id == 0)
        continue;
      ssem_shm_directory_write_number (self->name, self->id, SSEM_SHM_PROCESS_ID_DIGITS);
      atomic_store (&self->next_number, ssem_random_unique ());

      if (self->all_fd < 0)
        self->all_fd = ssem_shm_process_files_create (directory);
      if (self->all_fd < 0)
        return self->all_fd;
      result = ssem_file_identity_note (&self->all_identity, self->all_fd);
      if (result != 0)
        return result;

      /* The address is known, so the fork handler can undo what is half done. */
      if (self->memory == NULL)
        {
          void *memory = mmap (NULL, MAP_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

          if (memory == MAP_FAILED)
            return -errno;
          self->memory = memory;
        }

      result = create_file (self);
      /* The directory has been removed. */
      if (result == -ENOENT)
        {
          close (self->all_fd);
          self->all_fd = -1;
          result = AGAIN;
        }
    }

  if (result == 0)
    atomic_store (&self->reserve_fd, fcntl (self->all_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));

  return result;
}

/* Adds a new object to the list, so that the fork handler finds it. */
static SsemShmProcess *
add_process (const SsemShmDirectory *directory)
{
  SsemShmProcess *self = g_new0 (SsemShmProcess, 1);

  self->path = g_strdup (directory->processes);
  self->directory = directory->is_own ? g_strdup (directory->path) : NULL;
  self->all_fd = self->fd = -1;
  atomic_store (&self->reserve_fd, -1);

  ssem_thread_lock (&list_lock);
  self->next = first;
  first = self;
  ssem_thread_unlock (&list_lock);

  return self;
}

/* Takes an object that could not be made out of the list, and frees it. */
static void
remove_process (SsemShmProcess *self)
{
  SsemShmProcess **link;

  ssem_thread_lock (&list_lock);
  for (link = &first; *link != self; link = &(*link)->next)
    ;
  *link = self->next;
  ssem_thread_unlock (&list_lock);

  if (self->memory != NULL)
    munmap (self->memory, MAP_SIZE);
  if (self->all_fd >= 0)
    close (self->all_fd);
  g_free (self->path);
  g_free (self->directory);
  g_free (self);
}

/* Ends a use. Lets go of an object whose file an outsider has removed; the object itself stays,
 * since a thread may look at it at exit (). With list_lock. */
static void
end_use (SsemShmProcess *self)
{
  self->n_uses--;
  if (self->is_usable || self->is_inherited || self->n_uses > 0)
    return;

  if (ssem_file_identity_is (&self->all_identity, self->all_fd))
    close (self->all_fd);
  if (ssem_file_identity_is (&self->all_identity, atomic_load (&self->reserve_fd)))
    close (atomic_load (&self->reserve_fd));
  self->all_fd = -1;
  atomic_store (&self->reserve_fd, -1);
  munmap (self->memory, MAP_SIZE);
  self->memory = NULL;
}

/* Returns an object for the directory, with one use more; NULL if there is none. */
static SsemShmProcess *
find_process (const char *path)
{
  SsemShmProcess *self;

  ssem_thread_lock (&list_lock);
  for (self = first; self != NULL; self = self->next)
    {
      if (self->is_usable && g_str_equal (self->path, path))
        break;
    }
  if (self != NULL)
    self->n_uses++;
  ssem_thread_unlock (&list_lock);

  return self;
}

/* Returns an object whose file is there, with one use more; NULL if there is none. */
static SsemShmProcess *
find_valid_process (const char *path)
{
  SsemShmProcess *self;

  while ((self = find_process (path)) != NULL && ssem_shm_process_check_path (self) != 0)
    {
      /* The directory has been removed, or the path leads elsewhere now. */
      ssem_thread_lock (&list_lock);
      self->is_usable = FALSE;
      end_use (self);
      ssem_thread_unlock (&list_lock);
    }

  return self;
}

int
ssem_shm_process_use (const SsemShmDirectory  *directory,
                      SsemShmProcess         **process)
{
  int result;

  *process = find_valid_process (directory->processes);
  if (*process != NULL)
    return 0;

  /* Two threads may do so at the same time; each object is as good as the other. */
  *process = add_process (directory);
  result = create_process (*process, directory);
  if (result != 0)
    {
      remove_process (*process);
      return result;
    }

  ssem_thread_lock (&list_lock);
  (*process)->is_usable = TRUE;
  (*process)->n_uses++;
  ssem_thread_unlock (&list_lock);
  ssem_shm_process_files_clear_some ((*process)->all_fd, (*process)->id);

  return 0;
}

void
ssem_shm_process_end_use (SsemShmProcess *self)
{
  ssem_thread_lock (&list_lock);
  end_use (self);
  ssem_thread_unlock (&list_lock);
}

/* --- Going --- */

/* Returns an object that nobody uses, and will not use; NULL if there is none. */
static SsemShmProcess *
retire_one (void)
{
  SsemShmProcess *self;

  ssem_thread_lock (&list_lock);
  for (self = first; self != NULL; self = self->next)
    {
      if (self->is_usable && self->n_uses == 0)
        break;
    }
  if (self != NULL)
    self->is_usable = FALSE;
  ssem_thread_unlock (&list_lock);

  return self;
}

/* Removes the file, and the directories if they are empty then. */
static void
remove_files (SsemShmProcess *self)
{
  if (ssem_shm_process_check_path (self) != 0 || !is_in (self, self->all_fd))
    return;

  unlinkat (self->all_fd, self->name, 0);
  while (rmdir (self->path) != 0)
    {
      if ((errno != ENOTEMPTY && errno != EEXIST) ||
          ssem_shm_process_files_clear_some (self->all_fd, self->id) == 0)
        return;
    }
  if (self->directory != NULL)
    rmdir (self->directory);
}

void
ssem_shm_process_exit (void)
{
  SsemShmProcess *self;

  while ((self = retire_one ()) != NULL)
    remove_files (self);
}
