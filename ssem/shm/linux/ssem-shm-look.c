/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/shm/ssem-shm-look-private.h"

#include "ssem-shm-linux-member-private.h"
#include "ssem-shm-wing-private.h"

#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A look disturbs no process. The file is opened for reading only, which takes no attach id, no
 * slot and no lock, and whose closing causes no event for the death watch. It is read into a copy,
 * so that a file that is truncated meanwhile is a short read and not a SIGBUS.
 *
 * The copy is made while others work. Every operation changes `state`, so what was read between two
 * equal readings of `state` was true at that moment. Under heavy use there may be no such moment;
 * after MAX_TRIES the look is content with figures of several moments.
 *
 * Dead processes are detected by their locks, after the copy was made: a process that dies in
 * between counts as dead already.
 *
 * A doomed segment is gone, unless it keeps its name: its last user could not remove it, because
 * the process had dropped its rights or changed its root, or was killed just then. Such a segment
 * is left over.
 */

#define MAX_TRIES 200

/* More processes are not attached; somebody has locked a whole range. */
#define MAX_ALIVE 65536

/* --- Reading --- */

static int
read_state (int      fd,
            guint64 *word)
{
  gssize n_read;

  /* Before and after the rest, for this processor and for the compiler. */
  atomic_thread_fence (memory_order_seq_cst);
  n_read = ssem_file_read (fd, word, sizeof *word, G_STRUCT_OFFSET (SsemShmSegment, state));
  atomic_thread_fence (memory_order_seq_cst);

  return n_read < 0 ? (int) n_read : n_read < (gssize) sizeof *word ? -EBADMSG : 0;
}

static int
read_copy (int         fd,
           const char *key,
           SsemShmLook       *look)
{
  struct stat found;
  SsemShmSegment *head;
  guint32 used;
  gsize size;
  gssize n_read;
  int result;

  if (fstat (fd, &found) != 0)
    return -errno;

  n_read = ssem_file_read (fd, look->copy, sizeof *look->copy, 0);
  if (n_read < 0)
    return (int) n_read;
  head = look->copy;
  result = n_read < (gssize) sizeof *head ? -EBADMSG
                                          : ssem_shm_segment_check (head, found.st_size, key);
  /* A doomed segment may be left over. */
  if (result == -ENOENT)
    result = 0;
  if (result == 0 && memchr (head->key, '\0', head->key_length) != NULL)
    result = -EBADMSG;
  if (result != 0)
    return result;

  used = atomic_load (&head->slots_used);
  size = used * sizeof (SsemShmSlot);
  n_read = ssem_file_read (fd, head->slots, size, sizeof *head);
  if (n_read < 0)
    return (int) n_read;

  return n_read < (gssize) size ? -EBADMSG : 0;
}

static int
read_segment (int         fd,
              const char *key,
              SsemShmLook       *look)
{
  guint64 before = 0, after = 0;
  int i, result;

  result = read_state (fd, &after);
  for (i = 0; i < MAX_TRIES && result == 0; i++)
    {
      before = after;
      result = read_copy (fd, key, look);
      if (result == 0)
        result = read_state (fd, &after);
      if (before == after)
        break;
    }

  /* The slot that `state` names must be one that was read. */
  if (result == 0 &&
      ssem_shm_state_unpack (before).slot >= MAX (1, atomic_load (&look->copy->slots_used)))
    result = -EBADMSG;
  look->word = before;

  return result;
}

/* --- Liveness --- */

/* Adds the attach ids whose bytes among those from @base to @end are locked, and counts them. */
static int
collect_locked (int         fd,
                goffset     base,
                goffset     end,
                GHashTable *attach_ids,
                int        *n_found)
{
  g_autoptr(GArray) bytes = g_array_new (FALSE, FALSE, sizeof (goffset));
  int result = ssem_file_lock_list (fd, base, end - base, MAX_ALIVE, bytes);
  guint i;

  if (result != 0)
    return result;
  if (bytes->len >= MAX_ALIVE)
    return -EBADMSG;

  for (i = 0; i < bytes->len; i++)
    {
      guint64 *attach_id = g_new (guint64, 1);

      *attach_id = (guint64) (g_array_index (bytes, goffset, i) - base);
      g_hash_table_add (attach_ids, attach_id);
    }
  *n_found += (int) bytes->len;

  return 0;
}

static int
look_at_locks (int   fd,
               SsemShmLook *look)
{
  int n_lingering = 0;
  int result;

  result = collect_locked (fd, SSEM_SHM_LOCKS_LINGERS, SSEM_SHM_LOCKS_LISTENS, look->alive,
                           &n_lingering);
  if (result == 0)
    result = collect_locked (fd, SSEM_SHM_LOCKS_ATTACHED, SSEM_SHM_LOCKS_LINGERS, look->alive,
                             &look->n_attached);

  return result;
}

static int
look_at_liveness (SsemShmLinuxMember *member,
                  SsemShmLook        *look)
{
  guint64 wings = atomic_load (&look->copy->wings);
  int result = look_at_locks (member->file.fd, look);
  guint wing;

  for (wing = 1; wing < SSEM_SHM_N_WINGS && result == 0; wing++)
    {
      int fd = wings >> wing & 1
               ? ssem_shm_wing_open (member, look->copy->segment_id, wing)
               : -ENOENT;

      if (fd < 0)
        {
          result = fd == -ENOENT ? 0 : fd;
          continue;
        }
      result = look_at_locks (fd, look);
      close (fd);
    }

  return result;
}

/* --- Finding it --- */

void
ssem_shm_look_free (SsemShmLook *look)
{
  g_hash_table_unref (look->alive);
  g_aligned_free (look->copy);
  g_free (look);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemShmLook, ssem_shm_look_free)

/* Looks at segments of a key of which no place has an open one. */
typedef struct
{
  SsemShmLook *nascent;  /* may be a dead creator's */
  SsemShmLook *doomed;   /* left over */
} Spares;

static void
spares_clear (Spares *self)
{
  g_clear_pointer (&self->nascent, ssem_shm_look_free);
  g_clear_pointer (&self->doomed, ssem_shm_look_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Spares, spares_clear)

/* Returns whether a live process is about to remove the file, or has removed it. */
static gboolean
is_going (int                fd,
          const SsemShmLook *look)
{
  struct stat found;

  return g_hash_table_size (look->alive) > 0 || fstat (fd, &found) != 0 || found.st_nlink == 0;
}

/* Looks at the open file. @key may be NULL. */
static int
look_at_file (SsemShmLinuxMember *member,
              const char         *key,
              SsemShmLook       **look)
{
  g_autoptr(SsemShmLook) new_look = g_new0 (SsemShmLook, 1);
  int fd = member->file.fd;
  int result;

  new_look->alive = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  new_look->copy = g_aligned_alloc (1, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), SSEM_SHM_LINE);

  result = read_segment (fd, key, new_look);
  if (result == 0)
    result = look_at_liveness (member, new_look);
  if (result == 0 &&
      SSEM_SHM_LIFE_PHASE (atomic_load (&new_look->copy->life)) == SSEM_SHM_LIFE_DOOMED &&
      is_going (fd, new_look))
    result = -ENOENT;
  if (result == 0)
    *look = g_steal_pointer (&new_look);

  return result;
}

static int
open_to_look (SsemShmLinuxMember *member,
              const char         *place)
{
  const SsemShmDirectory *directory = &member->name->directory;
  int result = ssem_shm_file_open (&member->file, place, O_RDONLY);

  if (result == 0)
    return ssem_shm_file_check_location (&member->file, directory);

  return result == -ENOENT && ssem_shm_directory_check (directory) != 0
         ? ssem_shm_directory_check (directory)
         : result;
}

/* Looks at @place. A segment that is not open goes to @spares: it is the key's only if no other
 * place has an open one. */
static int
look_at_place (SsemShmLinuxMember *member,
               const char         *place,
               const char         *key,
               SsemShmLook       **look,
               Spares             *spares)
{
  g_autoptr(SsemShmLook) found = NULL;
  SsemShmLook **spare;
  int phase, result = open_to_look (member, place);

  if (result == 0)
    result = look_at_file (member, key, &found);
  ssem_shm_file_close (&member->file);
  if (result != 0)
    return result;

  phase = SSEM_SHM_LIFE_PHASE (atomic_load (&found->copy->life));
  if (phase == SSEM_SHM_LIFE_OPEN || phase == SSEM_SHM_LIFE_CLOSING)
    {
      *look = g_steal_pointer (&found);
      return 0;
    }

  spare = phase == SSEM_SHM_LIFE_NASCENT ? &spares->nascent : &spares->doomed;
  if (*spare == NULL)
    *spare = g_steal_pointer (&found);

  return -ENOENT;
}

static int
look_everywhere (SsemShmLinuxMember *member,
                 const char         *key,
                 SsemShmLook       **look)
{
  g_auto(Spares) spares = { 0 };
  g_auto(GStrv) further = NULL;
  SsemShmLook **spare;
  int result;
  guint i;

  result = look_at_place (member, member->name->path, key, look, &spares);
  if (result != -ENOENT)
    return result;

  result = ssem_shm_name_list_further (member->name, &further);
  if (result != 0)
    return result;

  result = -ENOENT;
  for (i = 0; result == -ENOENT && further != NULL && further[i] != NULL; i++)
    result = look_at_place (member, further[i], key, look, &spares);
  spare = spares.nascent != NULL ? &spares.nascent : &spares.doomed;
  if (result != -ENOENT || *spare == NULL)
    return result;

  *look = g_steal_pointer (spare);
  return 0;
}

int
ssem_shm_look (const char   *key,
               SsemShmLook **look)
{
  SsemShmLinuxMember member;
  int result;

  ssem_shm_linux_member_init (&member, ssem_shm_name_new (key));
  result = look_everywhere (&member, key, look);
  ssem_shm_linux_member_clear (&member);

  return result;
}

/* Looks at the segment whose file is called @name, if it is the one that its key leads to. */
static SsemShmLook *
look_at_name (const char *directory,
              const char *name)
{
  g_autoptr(SsemShmLook) look = NULL;
  g_autofree char *key = NULL;
  g_autofree char *right_name = NULL;
  SsemShmLinuxMember member;

  ssem_shm_linux_member_init (&member, ssem_shm_name_new_for_file (directory, name));
  look_everywhere (&member, NULL, &look);
  ssem_shm_linux_member_clear (&member);

  if (look == NULL)
    return NULL;
  key = g_strndup (look->copy->key, look->copy->key_length);
  if (*key == '\0' || !g_utf8_validate (key, -1, NULL))
    return NULL;
  right_name = ssem_shm_name_encode (key);

  return g_str_equal (name, right_name) ? g_steal_pointer (&look) : NULL;
}

/* Returns the names in @dir, which are the same for the first place and for the directory of the
 * further ones. */
static GHashTable *
read_names (GDir *dir)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      gsize length = strlen (name);

      g_hash_table_add (names, g_strndup (name, length - (name[length - 1] == '=')));
    }

  return names;
}

/* Returns whether the file called @name may be another user's segment. */
static gboolean
is_of_other (const char *directory,
             const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  return (g_str_has_prefix (name, "ssem_") || g_str_has_prefix (name, "ssem=")) &&
         ssem_file_is_of_other (path, NULL);
}

int
ssem_shm_look_at_all (SsemShmLookFunc   func,
                      gpointer          data,
                      guint            *n_others,
                      char            **path)
{
  g_autoptr(GHashTable) names = NULL;
  g_autoptr(GDir) dir = NULL;
  SsemShmDirectory directory;
  GHashTableIter iter;
  gpointer name;
  int result;

  ssem_shm_directory_init (&directory);
  *path = g_strdup (directory.path);
  result = ssem_shm_directory_check (&directory);
  if (result == 0)
    {
      errno = 0;
      dir = g_dir_open (directory.path, 0, NULL);
      result = dir != NULL ? 0 : errno != 0 ? -errno : -ENOTDIR;
    }
  /* The library's own directory is absent as long as nobody needs it. */
  if (result == -ENOENT)
    result = directory.is_own ? 0 : -ENOTDIR;
  ssem_shm_directory_clear (&directory);
  if (dir == NULL)
    return result;

  names = read_names (dir);
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_autoptr(SsemShmLook) look = look_at_name (*path, name);

      if (look != NULL)
        func (look, data);
      else if (is_of_other (*path, name))
        (*n_others)++;
    }

  return result;
}
