/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-file-private.h"

#include "ssem-shm-wing-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-file-limit-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-file-number-private.h"
#include "ssem/os/ssem-key-name-private.h"
#include "ssem/os/ssem-random-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where it lies
 *
 *   FOLDER/NAME, FOLDER being /dev/shm/ssem-UID, which belongs to the user alone; in a Flatpak the
 *   folder that the application's instances share; or what SSEM_RUNTIME_DIR names. Sometimes in
 *   one of the further places, FOLDER/NAME=/NUMBER: see ssem-shm-naming.c.
 *
 * Locks, on bytes far past the end of the file; the kernel drops them when their owner dies
 *
 *   ATTACHED + number   the process with that number is attached
 *   LINGERS + number    it is not, but it lives and holds units
 *   LISTENS + 0, 1, 2   somebody listens for deaths
 *
 * Where many are attached, the first two lie in other files: see ssem-shm-wing.c.
 *
 * Numbers are never used again, so nobody ever locks another's byte, and to look is enough to know.
 */

#define ATTACHED SSEM_SHM_LOCKS_ATTACHED
#define LINGERS  SSEM_SHM_LOCKS_LINGERS
#define LISTENS  SSEM_SHM_LOCKS_LISTENS

/* A file name holds no more than 255 bytes, and further places need some of them. */
#define MAX_NAME 205

#define N_LISTENERS 3
#define N_LOOKS 3

static const char segment_magic[8] = "SsemShm";

/* --- Names --- */

static char *
find_folder (gboolean *is_ours)
{
  const char *folder = ssem_environment_get ("SSEM_RUNTIME_DIR");
  const char *application, *runtime;

  *is_ours = folder == NULL;
  if (!*is_ours)
    return ssem_key_folder (folder);

  application = ssem_environment_get ("FLATPAK_ID");
  runtime = application != NULL ? ssem_environment_get ("XDG_RUNTIME_DIR") : NULL;
  if (runtime != NULL && access ("/.flatpak-info", F_OK) == 0)
    return g_build_filename (runtime, "app", application, "ssem", NULL);

  return g_strdup_printf ("/dev/shm/ssem-%u", (unsigned int) geteuid ());
}

/* As g_uri_escape_string () does it, but that its string is made of slices, whose lock a child of
 * fork () may find taken (GLib before 2.76). */
char *
ssem_shm_file_make_name (const char *key)
{
  static const char prefix[] = "ssem_";
  static const char digits[] = "0123456789ABCDEF";
  g_autofree char *name = g_malloc (sizeof prefix + 3 * strlen (key));
  char *end = g_stpcpy (name, prefix);
  const char *p;

  for (p = key; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p) || strchr ("-._~", *p) != NULL)
        {
          *end++ = *p;
          continue;
        }
      *end++ = '%';
      *end++ = digits[(guchar) *p >> 4];
      *end++ = digits[(guchar) *p & 15];
    }
  *end = '\0';

  return end - name <= MAX_NAME ? g_steal_pointer (&name) : ssem_key_name ("ssem=", key);
}

void
ssem_shm_file_set_path (SsemShmFile *self,
                        const char  *folder,
                        const char  *name)
{
  g_free (self->path);
  self->path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, NULL);
}

void
ssem_shm_file_init (SsemShmFile *self,
                    const char  *key)
{
  g_autofree char *name = ssem_shm_file_make_name (key);

  self->key = g_strdup (key);
  self->folder = find_folder (&self->owns_folder);
  ssem_shm_file_set_path (self, self->folder, name);
  self->fd = -1;
  self->wing_fd = -1;
}

void
ssem_shm_file_clear (SsemShmFile *self)
{
  ssem_shm_file_close (self);
  g_clear_pointer (&self->key, g_free);
  g_clear_pointer (&self->folder, g_free);
  g_clear_pointer (&self->path, g_free);
}

char *
ssem_shm_file_get_further (SsemShmFile *self)
{
  return g_strconcat (self->path, "=", NULL);
}

gboolean
ssem_shm_file_has_folders (SsemShmFile *self)
{
  struct stat found;

  /* A folder's links are its name, its own "." and the ".." of each folder in it. Who makes one
   * looks whether the file system counts so. To look for folders that are not there costs more. */
  return stat (self->folder, &found) != 0 || found.st_nlink != 2;
}

int
ssem_shm_file_list_further (SsemShmFile *self,
                            GStrv       *places)
{
  g_autoptr(GStrvBuilder) builder = NULL;
  g_autofree char *further = NULL;
  g_autoptr(GDir) dir = NULL;
  const char *name;

  *places = NULL;
  if (!ssem_shm_file_has_folders (self))
    return 0;
  further = ssem_shm_file_get_further (self);
  errno = 0;
  dir = g_dir_open (further, 0, NULL);
  if (dir == NULL)
    return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;

  builder = g_strv_builder_new ();
  for (errno = 0; (name = g_dir_read_name (dir)) != NULL; errno = 0)
    {
      g_autofree char *place = g_build_filename (further, name, NULL);

      g_strv_builder_add (builder, place);
    }
  /* ENOENT: the folder is gone. */
  if (errno != 0 && errno != ENOENT)
    return -errno;
  *places = g_strv_builder_end (builder);

  return 0;
}

/* --- Locks --- */

/* This process's byte among those from @first on. */
int
ssem_shm_file_lock_number (SsemShmFile *self,
                           goffset      first,
                           SsemFileLock lock)
{
  int fd = SSEM_SHM_WING (self->process) == 0 ? self->fd : self->wing_fd;

  return ssem_file_lock_try (fd, first + (goffset) self->process, lock);
}

gboolean
ssem_shm_file_has_others (SsemShmFile *self)
{
  guint64 wings = atomic_load (&self->memory->wings) | 1;
  guint wing;

  for (wing = 0; wing < SSEM_SHM_N_WINGS; wing++)
    {
      int result = wings >> wing & 1
                   ? ssem_shm_wing_query (self, wing, ATTACHED, LINGERS - ATTACHED)
                   : 0;

      /* An error counts as somebody: nothing is removed on a doubt. But a wing need not be made
       * yet. */
      if (result != 0 && result != -ENOENT)
        return TRUE;
    }

  return FALSE;
}

gboolean
ssem_shm_file_is_alive (SsemShmFile *self,
                        guint64      process)
{
  guint wing = SSEM_SHM_WING (process);

  /* There is no byte for it: only a broken segment has such a number. */
  if (process >= (guint64) (LINGERS - ATTACHED))
    return FALSE;

  /* An error counts as life. */
  return process == self->process ||
         ssem_shm_wing_query (self, wing, ATTACHED + (goffset) process, 1) != 0 ||
         ssem_shm_wing_query (self, wing, LINGERS + (goffset) process, 1) != 0;
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

void
ssem_shm_file_count (SsemShmFile *self)
{
  if (self->is_counted || SSEM_SHM_WING (self->process) != 0)
    return;

  atomic_fetch_add (&self->memory->n_near, 1);
  self->is_counted = TRUE;
}

void
ssem_shm_file_uncount (SsemShmFile *self)
{
  if (self->is_counted && self->memory != NULL)
    atomic_fetch_sub (&self->memory->n_near, 1);
  self->is_counted = FALSE;
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

int
ssem_shm_file_check_place (SsemShmFile *self)
{
  int result;

  if (!self->owns_folder)
    return 0;

  /* In this order: with a file in it, a directory of ours stays where it is. */
  result = ssem_shm_file_check_folder (self);
  if (result == 0 && !ssem_shm_file_is_in_place (self))
    result = -ENOENT;

  return result;
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
      atomic_load (&head->last_attach_id) >= (G_GUINT64_CONSTANT (1) << 40) ||
      (guint64) size < SSEM_SHM_SIZE (atomic_load (&head->n_slots)))
    return -EBADMSG;

  return SSEM_SHM_LIFE_PHASE (atomic_load (&head->life)) == SSEM_SHM_LIFE_DOOMED ? -ENOENT : 0;
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
  /* All that it can grow to; what the file does not have yet is not touched. */
  void *memory = mmap (NULL, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), PROT_READ | PROT_WRITE, MAP_SHARED,
                       self->fd, 0);

  if (memory == MAP_FAILED)
    return -errno;

  self->memory = memory;
  return 0;
}

void
ssem_shm_file_close (SsemShmFile *self)
{
  ssem_shm_file_uncount (self);
  ssem_shm_wing_close (self);
  if (self->memory != NULL)
    munmap (self->memory, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS));
  self->memory = NULL;
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  g_clear_pointer (&self->place, g_free);
}

void
ssem_shm_file_disown (SsemShmFile *self)
{
  if (self->wing_fd >= 0 && !ssem_file_identity_is (&self->wing_identity, self->wing_fd))
    self->wing_fd = -1;
  if (!ssem_file_identity_is (&self->identity, self->fd))
    self->fd = -1;
}

/* @direction is O_RDWR or O_RDONLY. */
static int
open_file (SsemShmFile *self,
           const char  *place,
           int          direction)
{
  int fd = open (place, direction | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  /* A folder, or a socket. */
  if (fd < 0)
    return errno == EISDIR || errno == ENXIO ? -EBADMSG : -errno;

  fd = ssem_file_number_settle (fd);
  self->fd = MAX (fd, -1);

  return MIN (fd, 0);
}

int
ssem_shm_file_open_to_look (SsemShmFile *self,
                            const char  *place)
{
  int result = open_file (self, place, O_RDONLY);

  if (result == 0)
    result = ssem_file_identity_note (&self->identity, self->fd);
  if (result != 0)
    return result == -ENOENT && ssem_shm_file_check_folder (self) != 0
           ? ssem_shm_file_check_folder (self)
           : result;

  ssem_shm_file_set_place (self, place);
  return ssem_shm_file_check_place (self);
}

void
ssem_shm_file_set_place (SsemShmFile *self,
                         const char  *place)
{
  g_free (self->place);
  self->place = g_strdup (place);
}

int
ssem_shm_file_open (SsemShmFile *self,
                    const char  *place)
{
  int result = open_file (self, place, O_RDWR);

  if (result == 0)
    result = check_content (self);
  if (result == 0)
    result = map_segment (self);
  if (result == 0)
    {
      ssem_shm_file_set_place (self, place);
      result = ssem_shm_file_check_place (self);
    }
  if (result != 0)
    ssem_shm_file_close (self);

  return result;
}

gboolean
ssem_shm_file_is_in_place (SsemShmFile *self)
{
  struct stat named;

  /* That it cannot be looked at is no sign of its removal. */
  if (fstatat (AT_FDCWD, self->place, &named, AT_SYMLINK_NOFOLLOW) != 0)
    return errno != ENOENT && errno != ENOTDIR;

  return ssem_file_identity_matches (&self->identity, &named);
}

int
ssem_shm_file_check_use (SsemShmFile *self)
{
  struct stat found;

  if (self->fd < 0 || fstat (self->fd, &found) != 0 ||
      !ssem_file_identity_matches (&self->identity, &found))
    return -EBADF;
  if (self->wing_memory != NULL && !ssem_file_identity_is (&self->wing_identity, self->wing_fd))
    return -EBADF;

  return found.st_nlink > 0 ? 0 : -EIDRM;
}

/* --- Creating --- */

static int
make_room (int   fd,
           gsize size)
{
  int result = ssem_file_check_limit ((goffset) size);

  if (result != 0)
    return result;

  /* Real room: a write to a mapping that finds none is a SIGBUS. */
  do
    result = posix_fallocate (fd, 0, (off_t) size);
  while (result == EINTR);

  return -result;
}

int
ssem_shm_file_take_number (SsemShmFile *self,
                           gboolean     may_stay)
{
  SsemShmSegment *memory = self->memory;
  guint64 count = atomic_fetch_add (&memory->last_attach_id, 1) + 1;
  guint wing = may_stay ? ssem_shm_wing_choose (self, count) : 0;

  /* In the segment's own file there is always room for one more. */
  if (wing != 0 && ssem_shm_wing_enter (self, wing) != 0)
    wing = 0;
  self->process = SSEM_SHM_PROCESS (count, wing);
  if (may_stay)
    {
      self->incarnation = memory->incarnation;
      ssem_shm_file_count (self);
    }

  return ssem_shm_file_lock_number (self, ATTACHED, SSEM_FILE_LOCK_EXCLUSIVE);
}

static int
fill_segment (SsemShmFile *self,
              int          initial_value,
              gboolean     is_heir)
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
  memory->segment_id = ssem_random_unique ();
  memory->incarnation = is_heir ? self->incarnation : memory->segment_id;
  atomic_store_explicit (&memory->epoch, 1, memory_order_relaxed);
  atomic_store_explicit (&memory->state, ssem_shm_state_pack (initial_value, 1, 0, 0),
                         memory_order_relaxed);
  atomic_store_explicit (&memory->initial, initial_value, memory_order_relaxed);
  atomic_store_explicit (&memory->n_slots, n_slots, memory_order_relaxed);
  atomic_store_explicit (&memory->slots_used, 1, memory_order_relaxed);
  atomic_store_explicit (&memory->life, SSEM_SHM_LIFE_NASCENT, memory_order_relaxed);

  return ssem_shm_file_take_number (self, TRUE);
}

int
ssem_shm_file_make_folder (const char *path)
{
  struct stat made;

  if (mkdir (path, 0700) != 0)
    return errno == EEXIST ? 0 : -errno;

  /* Its owner's rights, whatever umask took away. Another may have removed it already. */
  if (lstat (path, &made) == 0 && (made.st_mode & 0700) != 0700 && chmod (path, 0700) != 0 &&
      errno != ENOENT)
    return -errno;

  return 0;
}

static int
open_nameless_in (const char *folder)
{
  int fd = open (folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

  return fd >= 0 ? ssem_file_number_settle (fd) : -errno;
}

/* The directory of all semaphores goes with the last process that has used it. */
static int
open_nameless (SsemShmFile *self)
{
  int fd = open_nameless_in (self->folder);
  int result;

  if (fd != -ENOENT || !self->owns_folder)
    return fd;

  result = ssem_shm_file_make_folder (self->folder);
  if (result != 0)
    return result == -ENOENT ? -ENOTDIR : result;

  return open_nameless_in (self->folder);
}

/* What it is; and its owner's rights, whatever umask took away. */
static int
note_created (SsemShmFile *self)
{
  struct stat created;

  if (fstat (self->fd, &created) != 0)
    return -errno;
  ssem_file_identity_set (&self->identity, &created);

  return (created.st_mode & 0600) == 0600 || fchmod (self->fd, 0600) == 0 ? 0 : -errno;
}

int
ssem_shm_file_create (SsemShmFile *self,
                      int          initial_value,
                      gboolean     is_heir)
{
  int result;

  self->fd = open_nameless (self);
  result = self->fd >= 0 ? note_created (self) : self->fd;
  /* Another user may have put a directory of his own there since the last look. */
  if (result == 0)
    result = ssem_shm_file_check_folder (self);
  if (result == 0)
    result = fill_segment (self, initial_value, is_heir);
  if (result != 0)
    ssem_shm_file_close (self);

  return result;
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
