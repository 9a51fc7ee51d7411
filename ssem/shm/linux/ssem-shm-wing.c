/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-wing-private.h"

#include "ssem/os/ssem-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel keeps the locks of a file in a list, and goes through it for each that is taken or
 * dropped: five times for a process that comes and goes. Among a thousand, that takes more than
 * twice as long as all the rest. So as soon as many are attached, the next ones have their bytes in
 * other files, the wings, of which the segment has 63.
 *
 *   FOLDER/NAME+/BIRTH-WING   an empty file, made by the first one that needs it. BIRTH is a random
 *                             number of the segment's, so that no other segment's wing ever has
 *                             that name, and anybody may remove the wings of a doomed one at any
 *                             time.
 *
 * wings, 64 bits: bit N is set before wing N is made, and never cleared.
 *
 * n_near, 32 bits: how many are attached and have their bytes in the segment's own file, as far as
 * they have said so. Who is killed stays counted, so now and then, where there seem to be many, a
 * newcomer counts the locks. A wrong number costs time and nothing else.
 *
 * A wing is mapped like the segment: the mapping keeps the description alive, and with it the lock,
 * where a program closes all descriptors that it finds.
 *
 * A wing that is not there tells nothing of those whose numbers name it: somebody from outside has
 * removed it.
 *
 * A kill may leave a wing of a segment that was doomed while its maker came. The next one to remove
 * the key, or to find none, finds it in the folder, and no segment of that birth.
 */

/* So many are in the segment's own file. */
#define CROWD 64

/* Of so many newcomers one counts, so that it costs each of them little. */
#define COUNT_EACH 64

#define WING_SIZE SSEM_SHM_PAGE

static void
count_near (SsemShmLinuxMember *self)
{
  g_autoptr(GArray) bytes = g_array_new (FALSE, FALSE, sizeof (goffset));
  int n_said = atomic_load (&self->parent.segment->n_near);

  if (ssem_file_lock_list (self->file.fd, SSEM_SHM_LOCKS_ATTACHED,
                           SSEM_SHM_LOCKS_LINGERS - SSEM_SHM_LOCKS_ATTACHED, CROWD, bytes) == 0)
    atomic_compare_exchange_strong (&self->parent.segment->n_near, &n_said, (int) bytes->len);
}

guint
ssem_shm_wing_choose (SsemShmLinuxMember *self,
                      guint64      count)
{
  if (atomic_load (&self->parent.segment->n_near) >= CROWD && count % COUNT_EACH == 0)
    count_near (self);
  if (atomic_load (&self->parent.segment->n_near) < CROWD)
    return 0;

  return 1 + (guint) (count % (SSEM_SHM_N_WINGS - 1));
}

char *
ssem_shm_wing_get_folder (SsemShmLinuxMember *self)
{
  return g_strconcat (self->name->path, "+", NULL);
}

/* The path of a wing, or without one that of their folder. On the stack: a question is asked in a
 * signal handler, too. */
typedef struct
{
  char path[PATH_MAX];
} WingPath;

static const char *
write_folder (SsemShmLinuxMember *self,
              WingPath    *text)
{
  g_snprintf (text->path, sizeof text->path, "%s+", self->name->path);

  return text->path;
}

static const char *
write_path (SsemShmLinuxMember *self,
            guint64      birth,
            guint        wing,
            WingPath    *text)
{
  g_snprintf (text->path, sizeof text->path, "%s+/%016" G_GINT64_MODIFIER "x-%u", self->name->path,
              birth, wing);

  return text->path;
}

static int
open_wing (SsemShmLinuxMember *self,
           guint64      birth,
           guint        wing,
           int          flags)
{
  struct stat found;
  WingPath text;
  int fd;

  fd = open (write_path (self, birth, wing, &text), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  fd = fd >= 0 ? ssem_file_avoid_standard_streams (fd) : -errno;
  if (fd < 0)
    return fd;

  if (fstat (fd, &found) != 0 || found.st_uid != geteuid () || !S_ISREG (found.st_mode) ||
      /* Where umask took the owner's rights, others could not ask it. */
      ((flags & O_CREAT) != 0 && (found.st_mode & 0600) != 0600 && fchmod (fd, 0600) != 0))
    {
      close (fd);
      return -EACCES;
    }

  return fd;
}

/* In a folder that others may write to, too, that of the wings may be somebody else's, who could
 * take our wing away. */
static int
check_folder (SsemShmLinuxMember *self)
{
  struct stat found;
  WingPath text;

  if (self->name->directory.is_own)
    return 0;

  if (lstat (write_folder (self, &text), &found) != 0)
    return -errno;

  return S_ISDIR (found.st_mode) && found.st_uid == geteuid () && (found.st_mode & 022) == 0
         ? 0
         : -EACCES;
}

static int
create_wing (SsemShmLinuxMember *self,
             guint64      birth,
             guint        wing)
{
  int result = check_folder (self);

  return result == 0 ? open_wing (self, birth, wing, O_RDWR | O_CREAT) : result;
}

/* Whether something lies there that cannot be a wing, because somebody has put it there. */
static gboolean
is_misfit (SsemShmLinuxMember *self,
           guint64      birth,
           guint        wing)
{
  struct stat found;
  WingPath text;

  if (lstat (write_path (self, birth, wing, &text), &found) != 0)
    return errno == ENOTDIR || check_folder (self) == -EACCES;

  return found.st_uid != geteuid () || !S_ISREG (found.st_mode);
}

int
ssem_shm_wing_open (SsemShmLinuxMember *self,
                    guint64      birth,
                    guint        wing)
{
  int fd = open_wing (self, birth, wing, O_RDONLY);

  /* What is no wing, nobody has come to. */
  return fd < 0 && is_misfit (self, birth, wing) ? -ENOENT : fd;
}

static int
map_wing (SsemShmLinuxMember *self)
{
  /* For the description alone. */
  void *memory = mmap (NULL, WING_SIZE, PROT_NONE, MAP_SHARED, self->liveness.wing_fd, 0);

  if (memory == MAP_FAILED)
    return -errno;

  self->liveness.wing_memory = memory;

  return 0;
}

int
ssem_shm_wing_enter (SsemShmLinuxMember *self,
                     guint        wing)
{
  guint64 birth = self->parent.segment->segment_id;
  int result;

  atomic_fetch_or (&self->parent.segment->wings, G_GUINT64_CONSTANT (1) << wing);
  self->liveness.wing_fd = create_wing (self, birth, wing);
  if (self->liveness.wing_fd == -ENOENT)
    {
      WingPath text;

      self->liveness.wing_fd = ssem_shm_directory_create (write_folder (self, &text));
      if (self->liveness.wing_fd == 0)
        self->liveness.wing_fd = create_wing (self, birth, wing);
    }

  result = self->liveness.wing_fd >= 0
           ? ssem_file_identity_note (&self->liveness.wing_identity, self->liveness.wing_fd)
           : self->liveness.wing_fd;
  if (result == 0 && !ssem_shm_directory_has_subdirectories (&self->name->directory))
    result = -EOPNOTSUPP;
  if (result == 0)
    result = map_wing (self);
  if (result != 0)
    ssem_shm_wing_close (self);

  return result;
}

gboolean
ssem_shm_wing_is_open (SsemShmLinuxMember *self)
{
  return self->liveness.wing_memory == NULL ||
         ssem_file_identity_is (&self->liveness.wing_identity, self->liveness.wing_fd);
}

void
ssem_shm_wing_disown (SsemShmLinuxMember *self)
{
  if (self->liveness.wing_fd >= 0 && !ssem_shm_wing_is_open (self))
    self->liveness.wing_fd = -1;
}

void
ssem_shm_wing_close (SsemShmLinuxMember *self)
{
  if (self->liveness.wing_memory != NULL)
    munmap (self->liveness.wing_memory, WING_SIZE);
  self->liveness.wing_memory = NULL;
  if (self->liveness.wing_fd >= 0)
    close (self->liveness.wing_fd);
  self->liveness.wing_fd = -1;
}

int
ssem_shm_wing_query (SsemShmLinuxMember *self,
                     guint        wing,
                     goffset      first,
                     goffset      n)
{
  int fd, result;

  if (wing == 0)
    return ssem_file_lock_query (self->file.fd, first, n);
  /* Its own lock is no other's only to the description that has it. */
  if (self->liveness.wing_fd >= 0 && SSEM_SHM_WING (self->parent.attach_id) == wing)
    return ssem_file_lock_query (self->liveness.wing_fd, first, n);

  fd = ssem_shm_wing_open (self, self->parent.segment->segment_id, wing);
  if (fd < 0)
    return fd;
  result = ssem_file_lock_query (fd, first, n);
  close (fd);

  return result;
}

void
ssem_shm_wing_remove (SsemShmLinuxMember *self)
{
  guint64 wings = atomic_load (&self->parent.segment->wings);
  WingPath text;
  guint wing;

  if (wings == 0)
    return;

  for (wing = 1; wing < SSEM_SHM_N_WINGS; wing++)
    {
      if (wings >> wing & 1)
        unlink (write_path (self, self->parent.segment->segment_id, wing, &text));
    }
  rmdir (write_folder (self, &text));
}
