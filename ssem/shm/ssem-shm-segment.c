/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-segment-private.h"

#include "ssem/os/ssem-file-link-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where it lies
 *
 *   FOLDER/NAME/segment, FOLDER being /dev/shm/ssem-UID, which belongs to the user alone; in a
 *   Flatpak the folder that the application's instances share; or what SSEM_RUNTIME_DIR names.
 *
 * A folder for each key, because that makes coming and going single steps that no process can be in
 * the middle of:
 *
 *   publish   The finished segment, which is locked and has no name yet, is linked into a folder
 *             NAME~, and that is renamed to NAME. link(2) replaces nothing, and rename(2) only a
 *             folder that is empty.
 *   remove    The segment is doomed (below), unlinked through a descriptor of its folder, and the
 *             folder removed. A segment's name is never used again in the same folder, and rmdir(2)
 *             removes only an empty one, so anybody may do this at any time for a doomed segment:
 *             it cannot hit a successor.
 *
 * So a process that finds a doomed segment, or an empty folder, does not wait for whoever is
 * removing it, but removes it itself and goes on; and one that finds a segment in NAME~ does the
 * renaming for the other. Linking goes by the name NAME~, not by a descriptor of the folder: one
 * that has had the name NAME, and with it perhaps a segment, never has that name again.
 *
 * life: version (2-63), phase (0-1)
 *
 *   open      as it was published.
 *   closing   a leaver has seen no need to stay and now looks whether anybody is attached. An
 *             attacher that finds this makes it open again: a veto. The version makes the leaver's
 *             next step fail then.
 *   doomed    nobody is attached, and nobody will be: whoever attaches looks here afterwards.
 *
 *   Left as closing, by a leaver who saw others or died, it does no harm: the next leaver closes
 *   again, the next attacher vetoes.
 *
 * Locks, on bytes far past the end of the file; the kernel drops them when their owner dies
 *
 *   ATTACHED + number   the process with that number is attached
 *   LINGERS + number    it is not, but it lives and holds units
 *   LISTENS + 0, 1, 2   somebody listens for deaths
 *
 * Numbers are never used again, so nobody ever locks another's byte, and to look is enough to know.
 *
 * A kill between the making of NAME~ and its renaming leaves it behind. The next one to create the
 * key uses it, the next one to remove the key clears it away: nobody has locked its segment.
 */

#define ATTACHED SSEM_SHM_LOCKS_ATTACHED
#define LINGERS  SSEM_SHM_LOCKS_LINGERS
#define LISTENS  SSEM_SHM_LOCKS_LISTENS

#define N_LISTENERS 3
#define MAX_ROUNDS 10000
#define N_LOOKS 3
#define SEGMENT_NAME "segment"

enum
{
  LIFE_OPEN,
  LIFE_CLOSING,
  LIFE_DOOMED,
};
#define LIFE_PHASE(life)       ((int) ((life) & 3))
#define LIFE_NEXT(life, phase) ((((life) >> 2) + 1) << 2 | (phase))

static const char segment_magic[8] = "SsemShm";

/* --- Names --- */

static char *
find_folder (gboolean *is_ours)
{
  const char *folder = g_getenv ("SSEM_RUNTIME_DIR");
  const char *application = g_getenv ("FLATPAK_ID");
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");

  *is_ours = FALSE;
  if (folder != NULL && *folder != '\0')
    return g_strdup (folder);

  *is_ours = TRUE;
  if (application != NULL && runtime != NULL && access ("/.flatpak-info", F_OK) == 0)
    return g_build_filename (runtime, "app", application, "ssem", NULL);

  return g_strdup_printf ("/dev/shm/ssem-%u", (unsigned int) geteuid ());
}

void
ssem_shm_file_init (SsemShmFile *self,
                    const char  *key)
{
  g_autofree char *name = ssem_key_name ("ssem_", key);

  self->key = g_strdup (key);
  self->folder = find_folder (&self->owns_folder);
  self->path = g_build_filename (self->folder, name, NULL);
  self->new_path = g_strconcat (self->path, "~", NULL);
  self->fd = -1;
  self->folder_fd = -1;
}

void
ssem_shm_file_clear (SsemShmFile *self)
{
  ssem_shm_file_close (self);
  g_clear_pointer (&self->key, g_free);
  g_clear_pointer (&self->folder, g_free);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->new_path, g_free);
}

char *
ssem_shm_file_get_path (SsemShmFile *self)
{
  return g_build_filename (self->path, SEGMENT_NAME, NULL);
}

/* --- Locks --- */

/* This process's byte among those from @first on. */
static int
lock_number (SsemShmFile  *self,
             goffset       first,
             SsemFileLock  lock)
{
  return ssem_file_lock_try (self->fd, first + (goffset) self->process, lock);
}

gboolean
ssem_shm_file_has_others (SsemShmFile *self)
{
  /* An error counts as somebody: nothing is removed on a doubt. */
  return ssem_file_lock_query (self->fd, ATTACHED, LINGERS - ATTACHED) != 0;
}

gboolean
ssem_shm_file_is_alive (SsemShmFile *self,
                        guint64      process)
{
  return process == self->process ||
         ssem_file_lock_query (self->fd, ATTACHED + (goffset) process, 1) != 0 ||
         ssem_file_lock_query (self->fd, LINGERS + (goffset) process, 1) != 0;
}

int
ssem_shm_file_listen (SsemShmFile *self)
{
  int i, result = -EAGAIN;

  for (i = 0; i < N_LISTENERS && result == -EAGAIN; i++)
    result = ssem_file_lock_try (self->fd, LISTENS + i, SSEM_FILE_LOCK_EXCLUSIVE);

  return result;
}

void
ssem_shm_file_unlisten (SsemShmFile *self)
{
  int i;

  for (i = 0; i < N_LISTENERS; i++)
    ssem_file_lock_try (self->fd, LISTENS + i, SSEM_FILE_LOCK_NONE);
}

/* --- Opening --- */

int
ssem_shm_file_check_folder (SsemShmFile *self)
{
  struct stat found;

  if (!self->owns_folder)
    return 0;
  if (lstat (self->folder, &found) != 0)
    return -errno;
  if (S_ISLNK (found.st_mode))
    return -ELOOP;
  if (!S_ISDIR (found.st_mode) || found.st_uid != geteuid () || (found.st_mode & 077) != 0)
    return -EACCES;

  return 0;
}

const char *
ssem_shm_file_get_culprit (SsemShmFile *self)
{
  int result = ssem_shm_file_check_folder (self);

  return result == -EACCES || result == -ELOOP ? self->folder : self->path;
}

int
ssem_shm_file_check_head (const SsemShmSegment *head,
                          goffset               size,
                          const char           *key)
{
  guint64 state;

  if (size < (goffset) sizeof *head ||
      memcmp (head->magic, segment_magic, sizeof head->magic) != 0)
    return -EBADMSG;
  if (head->layout != SSEM_SHM_LAYOUT)
    return -EPROTO;

  state = atomic_load (&head->state);
  if (head->key_length > SSEM_SHM_KEY_MAX ||
      (key != NULL &&
       (head->key_length != strlen (key) || memcmp (head->key, key, head->key_length) != 0)) ||
      atomic_load (&head->n_slots) < SSEM_SHM_FIRST_SLOTS ||
      atomic_load (&head->n_slots) > SSEM_SHM_MAX_SLOTS ||
      atomic_load (&head->slots_used) > atomic_load (&head->n_slots) ||
      ssem_shm_state_unpack (state).slot >= MAX (1, atomic_load (&head->slots_used)) ||
      atomic_load (&head->last_process) >= (G_GUINT64_CONSTANT (1) << 40) ||
      LIFE_PHASE (atomic_load (&head->life)) > LIFE_DOOMED ||
      (guint64) size < SSEM_SHM_SIZE (atomic_load (&head->n_slots)))
    return -EBADMSG;

  return LIFE_PHASE (atomic_load (&head->life)) == LIFE_DOOMED ? -ENOENT : 0;
}

/* One look at the open file, without touching a mapping of it. */
static int
look_at_content (SsemShmFile *self)
{
  SsemShmSegment head;
  struct stat found;
  gssize n_read;

  if (fstat (self->fd, &found) != 0)
    return -errno;
  if (found.st_uid != geteuid ())
    return -EACCES;
  if (!S_ISREG (found.st_mode))
    return -EBADMSG;
  ssem_file_identity_set (&self->identity, &found);

  do
    n_read = pread (self->fd, &head, sizeof head, 0);
  while (n_read < 0 && errno == EINTR);
  if (n_read < 0)
    return -errno;
  if (n_read < (gssize) sizeof head)
    return -EBADMSG;

  return ssem_shm_file_check_head (&head, found.st_size, self->key);
}

/* Whether the open file is a segment of this key. It may grow while it is looked at, and then its
 * size and what stands in it do not fit; so what fits at no look is none. */
static int
check_content (SsemShmFile *self)
{
  int i, result = -EBADMSG;

  for (i = 0; i < N_LOOKS && result == -EBADMSG; i++)
    result = look_at_content (self);

  /* Whoever attaches removes a doomed one. */
  return result == -ENOENT ? 0 : result;
}

static int
map_segment (SsemShmFile *self)
{
  const gsize size = SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS);
  void *memory;

  /* All that it can grow to; what the file does not have yet is not touched. */
  memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
  if (memory == MAP_FAILED)
    return -errno;

  /* A mapping keeps the description alive, and with it our locks: a child that inherited one would
   * make us look alive after our death. */
  if (madvise (memory, size, MADV_DONTFORK) != 0)
    {
      int result = -errno;

      munmap (memory, size);
      return result;
    }

  self->memory = memory;
  return 0;
}

void
ssem_shm_file_close (SsemShmFile *self)
{
  if (self->memory != NULL)
    munmap (self->memory, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS));
  self->memory = NULL;
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  if (self->folder_fd >= 0)
    close (self->folder_fd);
  self->folder_fd = -1;
}

static int
open_folder (const char *path)
{
  int fd = open (path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  return fd >= 0 ? fd : -errno;
}

static int
enter_folder (SsemShmFile *self,
              const char  *path)
{
  self->folder_fd = open_folder (path);

  return self->folder_fd >= 0
         ? ssem_file_identity_note (&self->folder_identity, self->folder_fd)
         : self->folder_fd;
}

/* Opens the segment in the folder @path; @direction is O_RDWR or O_RDONLY. */
static int
open_file (SsemShmFile *self,
           const char  *path,
           int          direction)
{
  struct stat found;
  int result;

  result = ssem_shm_file_check_folder (self);
  if (result != 0)
    return result;

  self->folder_fd = open_folder (path);
  if (self->folder_fd == -ENOTDIR)
    {
      if (lstat (path, &found) != 0)
        return -errno;
      return S_ISLNK (found.st_mode) ? -ELOOP : -EBADMSG;
    }
  if (self->folder_fd < 0)
    return self->folder_fd;

  if (fstat (self->folder_fd, &found) != 0)
    result = -errno;
  else if (found.st_uid != geteuid ())
    result = -EACCES;
  if (result == 0)
    {
      ssem_file_identity_set (&self->folder_identity, &found);
      self->fd = openat (self->folder_fd, SEGMENT_NAME,
                         direction | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
      result = self->fd >= 0 ? 0 : -errno;
    }
  if (result != 0)
    ssem_shm_file_close (self);

  return result;
}

int
ssem_shm_file_open_to_look (SsemShmFile *self)
{
  return open_file (self, self->path, O_RDONLY);
}

/* Opens and maps the segment in the folder @path, without entering this process. */
static int
open_segment (SsemShmFile *self,
              const char  *path)
{
  int result = open_file (self, path, O_RDWR);

  if (result == 0)
    result = check_content (self);
  if (result == 0)
    result = map_segment (self);
  if (result != 0)
    ssem_shm_file_close (self);

  return result;
}

/* Whether that is the name of the open segment: 1, 0, or -errno where that cannot be told. */
static int
look_for_segment (SsemShmFile *self,
                  int          folder_fd,
                  const char  *name)
{
  struct stat named;

  if (fstatat (folder_fd, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;

  return ssem_file_identity_matches (&self->identity, &named);
}

static gboolean
is_our_segment (SsemShmFile *self,
                int          folder_fd,
                const char  *name)
{
  return look_for_segment (self, folder_fd, name) > 0;
}

/* --- Removing --- */

/* Clears a doomed segment away with its folder, @folder_fd, which @path may name still. Harmless
 * when somebody else has done so: a folder never gets a second segment. */
static void
clear_away (int         folder_fd,
            const char *path)
{
  unlinkat (folder_fd, SEGMENT_NAME, 0);
  rmdir (path);
}

/* The common case, for the one process that has ever been attached: TRUE when it is doomed now.
 * Nobody can be in the way, and whoever comes meanwhile takes a number before it looks at life. */
static gboolean
doom_own (SsemShmFile *self)
{
  guint64 life = atomic_load (&self->memory->life);
  guint64 closing = LIFE_NEXT (life, LIFE_CLOSING);

  return LIFE_PHASE (life) != LIFE_DOOMED &&
         atomic_compare_exchange_strong (&self->memory->life, &life, closing) &&
         atomic_load (&self->memory->last_process) == 1 && self->process == 1 &&
         atomic_compare_exchange_strong (&self->memory->life, &closing,
                                         LIFE_NEXT (closing, LIFE_DOOMED));
}

/* TRUE when the segment is doomed, by whomever; FALSE when somebody is attached. */
static gboolean
doom (SsemShmFile *self)
{
  guint64 life = atomic_load (&self->memory->life);

  while (LIFE_PHASE (life) != LIFE_DOOMED)
    {
      guint64 closing = LIFE_NEXT (life, LIFE_CLOSING);

      if (!atomic_compare_exchange_strong (&self->memory->life, &life, closing))
        continue;
      if (ssem_shm_file_has_others (self))
        return FALSE;

      /* Whoever attached unseen will veto, or has: then this fails. */
      life = closing;
      if (atomic_compare_exchange_strong (&self->memory->life, &life,
                                          LIFE_NEXT (closing, LIFE_DOOMED)))
        break;
    }

  return TRUE;
}

/* A creator that was killed may have left what it had not published yet. */
static void
clear_unpublished (SsemShmFile *self)
{
  SsemShmFile unpublished = *self;

  if (rmdir (self->new_path) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
    return;

  unpublished.fd = unpublished.folder_fd = -1;
  unpublished.memory = NULL;
  if (open_segment (&unpublished, self->new_path) == 0 && doom (&unpublished))
    {
      clear_away (unpublished.folder_fd, self->new_path);
      /* Somebody may have published it meanwhile. */
      rmdir (self->path);
    }
  ssem_shm_file_close (&unpublished);
}

static void
remove_doomed (SsemShmFile *self)
{
  clear_away (self->folder_fd, self->path);
  clear_unpublished (self);
  if (self->owns_folder)
    rmdir (self->folder);
}

/* --- Creating --- */

static int
make_room (int   fd,
           gsize size)
{
  int result;

  /* Real room: a write to a mapping that finds none is a SIGBUS. */
  do
    result = posix_fallocate (fd, 0, (off_t) size);
  while (result == EINTR);

  return -result;
}

/* Takes the byte that says that this process is attached. */
static int
take_number (SsemShmFile *self)
{
  self->lineage = self->memory->lineage;
  self->process = atomic_fetch_add (&self->memory->last_process, 1) + 1;

  return lock_number (self, ATTACHED, SSEM_FILE_LOCK_EXCLUSIVE);
}

/* After taking the number: TRUE when the segment stays. */
static gboolean
veto_closing (SsemShmFile *self)
{
  guint64 life = atomic_load (&self->memory->life);

  while (LIFE_PHASE (life) == LIFE_CLOSING &&
         !atomic_compare_exchange_strong (&self->memory->life, &life, LIFE_NEXT (life, LIFE_OPEN)))
    ;

  return LIFE_PHASE (life) != LIFE_DOOMED;
}

static int
fill_segment (SsemShmFile *self,
              int          initial_value)
{
  const guint32 n_slots = SSEM_SHM_FIRST_SLOTS;
  SsemShmSegment *memory;
  int result;

  result = make_room (self->fd, SSEM_SHM_SIZE (n_slots));
  if (result == 0)
    result = map_segment (self);
  if (result != 0)
    return result;

  memory = self->memory;
  memcpy (memory->magic, segment_magic, sizeof memory->magic);
  memory->layout = SSEM_SHM_LAYOUT;
  memory->key_length = (guint32) strlen (self->key);
  memcpy (memory->key, self->key, memory->key_length);
  memory->lineage = self->lineage;
  atomic_store_explicit (&memory->epoch, 1, memory_order_relaxed);
  atomic_store_explicit (&memory->state, ssem_shm_state_pack (initial_value, 1, 0, 0),
                         memory_order_relaxed);
  atomic_store_explicit (&memory->initial, initial_value, memory_order_relaxed);
  atomic_store_explicit (&memory->n_slots, n_slots, memory_order_relaxed);
  atomic_store_explicit (&memory->slots_used, 1, memory_order_relaxed);

  return take_number (self);
}

/* The folder in which the segment gets its name, whoever makes it. */
static int
make_new_folder (SsemShmFile *self)
{
  int result;

  result = mkdir (self->new_path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
  if (result != -ENOENT || !self->owns_folder)
    return result;

  if (mkdir (self->folder, 0700) != 0 && errno != EEXIST)
    return -errno;
  result = ssem_shm_file_check_folder (self);
  if (result != 0)
    return result;

  return mkdir (self->new_path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* -EEXIST where another segment is there, which is published then. */
static int
name_segment (SsemShmFile *self)
{
  g_autofree char *name = g_build_filename (self->new_path, SEGMENT_NAME, NULL);
  int result = ssem_file_link (self->fd, name);

  if (result == -EEXIST)
    rename (self->new_path, self->path);

  return result;
}

/* Takes back a doomed segment that has a name, wherever its folder is. */
static void
withdraw (SsemShmFile *self)
{
  const char *paths[] = { self->new_path, self->path };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      int folder_fd = open_folder (paths[i]);

      if (is_our_segment (self, folder_fd, SEGMENT_NAME))
        clear_away (folder_fd, paths[i]);
      if (folder_fd >= 0)
        close (folder_fd);
    }
}

/* -EEXIST: another semaphore has the name. */
static int
publish_named (SsemShmFile *self)
{
  g_autofree char *path = ssem_shm_file_get_path (self);
  int result;

  result = rename (self->new_path, self->path) == 0 ? 0 : -errno;
  /* Whoever found it may have done the renaming; nobody is attached to it otherwise. */
  if (result != 0 && !is_our_segment (self, AT_FDCWD, path) && doom_own (self))
    {
      withdraw (self);
      return result == -ENOTEMPTY ? -EEXIST : result;
    }

  /* The one that we have opened may have become another's before the segment got its name. */
  if (!is_our_segment (self, self->folder_fd, SEGMENT_NAME))
    {
      close (self->folder_fd);
      enter_folder (self, self->path);
    }

  return 0;
}

/* -EEXIST: another one was first. -ENOENT: the folder has gone under our feet. */
static int
publish (SsemShmFile *self,
         int          initial_value)
{
  struct stat found;
  int result;

  result = make_new_folder (self);
  if (result != 0)
    return result;

  result = enter_folder (self, self->new_path);
  if (result == 0)
    {
      self->fd = openat (self->folder_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
      result = self->fd >= 0 ? ssem_file_identity_note (&self->identity, self->fd) : -errno;
      /* Some file systems say so of a folder that has been removed. */
      if (self->fd < 0 && result == -EPERM && fstat (self->folder_fd, &found) == 0 &&
          found.st_nlink == 0)
        result = -ENOENT;
    }
  if (result == 0)
    result = fill_segment (self, initial_value);
  /* It is whole, and locked, when it gets its name. */
  if (result == 0)
    result = name_segment (self);
  if (result == 0)
    result = publish_named (self);

  if (result != 0)
    {
      ssem_shm_file_close (self);
      rmdir (self->new_path);
      if (self->owns_folder)
        rmdir (self->folder);
    }

  return result;
}

int
ssem_shm_file_attach (SsemShmFile *self,
                      int          initial_value,
                      gboolean     may_create,
                      gboolean     must_create,
                      gboolean    *is_new)
{
  gboolean is_heir = FALSE;
  int round, result;

  *is_new = FALSE;
  for (round = 0; round < MAX_ROUNDS; round++)
    {
      result = open_segment (self, self->path);
      if (result == -ENOENT)
        {
          if (!may_create)
            return result;

          if (!is_heir)
            self->lineage = (guint64) g_random_int () << 32 | g_random_int ();
          result = publish (self, initial_value);
          *is_new = result == 0;
          /* -ENOENT: what we were about to publish was cleared away under our feet. */
          if (result == -ENOENT && !self->owns_folder && access (self->folder, F_OK) != 0)
            return -ENOTDIR;
          if (result == -EEXIST || result == -ENOENT)
            continue;
          return result;
        }
      if (result != 0)
        return result;

      /* What nobody uses makes way. Who publishes the successor is decided there; for a child of
       * fork () that has not used the old one yet, it is the same semaphore, reset. */
      if (must_create && LIFE_PHASE (atomic_load (&self->memory->life)) != LIFE_DOOMED)
        {
          if (!doom (self))
            result = -EEXIST;
          self->lineage = self->memory->lineage;
          is_heir = TRUE;
        }
      else if (!must_create)
        {
          result = take_number (self);
        }

      if (result == 0 && !must_create && veto_closing (self))
        return 0;
      if (result == 0)
        remove_doomed (self);
      ssem_shm_file_close (self);
      if (result != 0)
        return result;
    }

  /* Nobody comes and goes that often: something lies there that can be neither used nor removed. */
  return -EBADMSG;
}

int
ssem_shm_file_remove_leftover (SsemShmFile *self)
{
  int result;

  result = open_segment (self, self->path);
  if (result != 0)
    return result;

  /* What is doomed already is gone, whoever clears it away. */
  if (LIFE_PHASE (atomic_load (&self->memory->life)) == LIFE_DOOMED)
    result = -ENOENT;
  else if (!doom (self))
    result = -EBUSY;
  if (result != -EBUSY)
    remove_doomed (self);
  ssem_shm_file_close (self);

  return result;
}

int
ssem_shm_file_rejoin (SsemShmFile *self)
{
  int result;

  result = lock_number (self, ATTACHED, SSEM_FILE_LOCK_EXCLUSIVE);
  if (result == 0 && (!veto_closing (self) || !ssem_shm_file_is_in_place (self)))
    result = -EIDRM;
  /* It goes on lingering: who looks whether we live looks at one byte after the other, and must not
   * find both free. */
  return result;
}

gboolean
ssem_shm_file_leave (SsemShmFile *self,
                     gboolean     lingers)
{
  if (doom_own (self))
    {
      remove_doomed (self);
      return TRUE;
    }

  /* Who cannot be known to linger stays attached. Else it would look dead, and what it holds would
   * be given back while it lives. */
  if (lingers && lock_number (self, LINGERS, SSEM_FILE_LOCK_EXCLUSIVE) != 0)
    return FALSE;
  lock_number (self, ATTACHED, SSEM_FILE_LOCK_NONE);

  if (!doom (self))
    return FALSE;

  remove_doomed (self);
  return TRUE;
}

gboolean
ssem_shm_file_is_in_place (SsemShmFile *self)
{
  g_autofree char *path = ssem_shm_file_get_path (self);

  /* That it cannot be looked at is no sign of its removal. */
  return look_for_segment (self, AT_FDCWD, path) != 0;
}

int
ssem_shm_file_grow (SsemShmFile *self)
{
  guint32 n_slots = atomic_load (&self->memory->n_slots);
  guint32 more = MIN (n_slots * 2, SSEM_SHM_MAX_SLOTS);
  int result;

  if (n_slots >= SSEM_SHM_MAX_SLOTS)
    return -EUSERS;

  result = make_room (self->fd, SSEM_SHM_SIZE (more));
  if (result != 0)
    return result;

  while (n_slots < more && !atomic_compare_exchange_weak (&self->memory->n_slots, &n_slots, more))
    ;

  return 0;
}
