/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-inspect-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem/shm/linux/ssem-shm-file-private.h"
#include "ssem/shm/linux/ssem-shm-wing-private.h"

#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-file-owner-private.h"
#include "ssem/os/ssem-process-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A look disturbs nobody: the file is opened for reading only, which takes no number, no slot and
 * no lock, and whose closing rings no bell; and it is read into a copy, so that a file that
 * somebody cuts meanwhile is a short read and not a SIGBUS.
 *
 * The copy is made while others work. Every operation changes state, so what was read between two
 * readings of the same state is what was true at that state: a slot's operation that state (or
 * `done`) already names, and that its owner has not committed yet, has happened, as for a dead one
 * (ssem-shm-counter.c). Under heavy use no such moment may come along; after MAX_TRIES the look is
 * content with figures of several moments.
 *
 * Dead processes are told by their locks, after the copy was made: who lived then and does not any
 * more is already counted as dead. What the dead hold and nobody has given back yet is counted as
 * back, because whoever asks the semaphore itself gives it back first.
 *
 * A doomed segment is gone, unless its name stays: its last user could not remove it, because the
 * process had dropped its rights or changed its root, or was killed just then. That is left over.
 */

#define MAX_TRIES 200

/* More are not attached, but somebody has locked a whole range. */
#define MAX_ALIVE 65536

typedef struct
{
  SsemShmSegment *copy;
  guint64 word;       /* state */
  GHashTable *alive;  /* the numbers of processes that are attached or linger */
  int n_attached;
} Look;

/* --- Reading --- */

/* Answers how many bytes there were, or -errno. */
static gssize
read_at (int   fd,
         void *buffer,
         gsize size,
         gsize offset)
{
  gsize n_read = 0;

  while (n_read < size)
    {
      gssize more = pread (fd, (char *) buffer + n_read, size - n_read, (off_t) (offset + n_read));

      if (more < 0 && errno == EINTR)
        continue;
      if (more < 0)
        return -errno;
      if (more == 0)
        break;
      n_read += (gsize) more;
    }

  return (gssize) n_read;
}

static int
read_state (int      fd,
            guint64 *word)
{
  gssize n_read;

  /* Before and after the rest, for this processor and for the compiler. */
  atomic_thread_fence (memory_order_seq_cst);
  n_read = read_at (fd, word, sizeof *word, G_STRUCT_OFFSET (SsemShmSegment, state));
  atomic_thread_fence (memory_order_seq_cst);

  return n_read < 0 ? (int) n_read : n_read < (gssize) sizeof *word ? -EBADMSG : 0;
}

static int
read_copy (int         fd,
           const char *key,
           Look       *look)
{
  struct stat found;
  SsemShmSegment *head;
  guint32 used;
  gsize size;
  gssize n_read;
  int result;

  if (fstat (fd, &found) != 0)
    return -errno;
  if (found.st_uid != geteuid ())
    return -EACCES;
  if (!S_ISREG (found.st_mode))
    return -EBADMSG;

  n_read = read_at (fd, look->copy, sizeof *look->copy, 0);
  if (n_read < 0)
    return (int) n_read;
  head = look->copy;
  result = n_read < (gssize) sizeof *head ? -EBADMSG
                                          : ssem_shm_file_check_head (head, found.st_size, key);
  /* It is doomed, and may be left over. */
  if (result == -ENOENT)
    result = 0;
  if (result == 0 && memchr (head->key, '\0', head->key_length) != NULL)
    result = -EBADMSG;
  if (result != 0)
    return result;

  used = atomic_load (&head->slots_used);
  size = used * sizeof (SsemShmSlot);
  n_read = read_at (fd, head->slots, size, sizeof *head);
  if (n_read < 0)
    return (int) n_read;

  return n_read < (gssize) size ? -EBADMSG : 0;
}

static int
read_segment (int         fd,
              const char *key,
              Look       *look)
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

  /* The slot that it names has to be one that was read. */
  if (result == 0 &&
      ssem_shm_state_unpack (before).slot >= MAX (1, atomic_load (&look->copy->slots_used)))
    result = -EBADMSG;
  look->word = before;

  return result;
}

/* --- Who is alive --- */

/* Adds the numbers whose bytes among those from @base to @end are locked, and counts them. */
static int
collect_locked (int         fd,
                goffset     base,
                goffset     end,
                GHashTable *numbers,
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
      guint64 *number = g_new (guint64, 1);

      *number = (guint64) (g_array_index (bytes, goffset, i) - base);
      g_hash_table_add (numbers, number);
    }
  *n_found += (int) bytes->len;

  return 0;
}

static int
look_at_locks (int   fd,
               Look *look)
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
look_who_lives (SsemShmFile *file,
                Look        *look)
{
  guint64 wings = atomic_load (&look->copy->wings);
  int result = look_at_locks (file->fd, look);
  guint wing;

  for (wing = 1; wing < SSEM_SHM_N_WINGS && result == 0; wing++)
    {
      int fd = wings >> wing & 1 ? ssem_shm_wing_open (file, look->copy->segment_id, wing) : -ENOENT;

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

/* --- What it comes to --- */

static void
add_process (GArray      *processes,
             SsemShmSlot *slot,
             gint64       units,
             guint32      since)
{
  SsemSnapshotProcess process = { .units = units, .since_usec = -1 };
  int pid = atomic_load (&slot->pid);

  /* Elsewhere the number is another process's, or nobody's. */
  if (pid > 0 && atomic_load (&slot->pid_name_space) == ssem_process_get_name_space ())
    {
      process.pid = pid;
      process.command = ssem_process_get_command (pid);
    }
  if (since != 0)
    process.since_usec = since * (gint64) G_USEC_PER_SEC;

  g_array_append_val (processes, process);
}

/* 0 stands for no time. */
static void
begin_no_later (guint32 *since,
                guint32  other)
{
  if (other != 0 && (*since == 0 || other < *since))
    *since = other;
}

/* The process whose first slot is @first: all its slots, from there on. */
static void
sum_up (Look         *look,
        guint32       first,
        SsemSnapshot *snapshot)
{
  SsemShmSegment *copy = look->copy;
  guint32 used = atomic_load (&copy->slots_used);
  guint64 process = atomic_load (&copy->slots[first].owner) >> SSEM_SHM_OWNER_SHIFT;
  gint64 holding = ssem_shm_counter_peek_holding (copy, look->word, process);
  gint64 waiting = 0;
  guint32 holding_since = 0, waiting_since = 0;
  guint32 index;

  if (!g_hash_table_contains (look->alive, &process))
    {
      if (holding > 0)
        snapshot->value = (int) MIN (snapshot->value + holding, (gint64) SSEM_SHM_VALUE_MAX);
      return;
    }

  for (index = first; index < used; index++)
    {
      SsemShmSlot *slot = &copy->slots[index];
      guint32 n = atomic_load (&slot->waiting);

      if (atomic_load (&slot->owner) != ssem_shm_owner (process))
        continue;

      begin_no_later (&holding_since, ssem_shm_counter_peek_since (copy, look->word, index));
      if (n == 0)
        continue;
      waiting += n;
      snapshot->n_waiters++;
      begin_no_later (&waiting_since, atomic_load (&slot->waiting_since));
    }

  if (holding > 0)
    add_process (snapshot->holders, &copy->slots[first], holding, holding_since);
  if (waiting > 0)
    add_process (snapshot->waiters, &copy->slots[first], waiting, waiting_since);
}

static SsemSnapshot *
evaluate (Look *look)
{
  SsemSnapshot *snapshot = ssem_snapshot_new ();
  SsemShmSegment *copy = look->copy;
  guint32 used = atomic_load (&copy->slots_used);
  g_autoptr(GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autofree guint64 *processes = g_new (guint64, used);
  guint32 index;

  snapshot->key = g_strndup (copy->key, copy->key_length);
  snapshot->value = ssem_shm_state_unpack (look->word).value;
  snapshot->initial_value = MAX (0, atomic_load (&copy->initial));
  snapshot->n_attached = look->n_attached;
  snapshot->is_leftover = look->n_attached == 0;
  snapshot->holders = ssem_snapshot_new_processes ();
  snapshot->waiters = ssem_snapshot_new_processes ();

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&copy->slots[index].owner);

      processes[index] = owner >> SSEM_SHM_OWNER_SHIFT;
      if (owner != 0 && !(owner & SSEM_SHM_OWNER_CLAIMING) &&
          g_hash_table_add (seen, &processes[index]))
        sum_up (look, index, snapshot);
    }

  return snapshot;
}

/* What may be the semaphore of a key for which no place has one that is open. */
typedef struct
{
  SsemSnapshot *nascent;  /* it may be a dead creator's */
  SsemSnapshot *doomed;   /* it is left over */
} Spares;

static void
spares_clear (Spares *self)
{
  g_clear_pointer (&self->nascent, ssem_snapshot_free);
  g_clear_pointer (&self->doomed, ssem_snapshot_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Spares, spares_clear)

/* Whether a live process is about to remove it, or has done so. */
static gboolean
is_going (SsemShmFile *file,
          const Look  *look)
{
  struct stat found;

  return g_hash_table_size (look->alive) > 0 || fstat (file->fd, &found) != 0 ||
         found.st_nlink == 0;
}

/* @file is open. @key may be NULL. */
static int
look_at (SsemShmFile   *file,
         const char    *key,
         SsemSnapshot **snapshot,
         guint         *phase)
{
  g_autoptr(GHashTable) alive = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  Look look = { .alive = alive };
  int result;

  look.copy = g_aligned_alloc (1, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), SSEM_SHM_LINE);

  result = read_segment (file->fd, key, &look);
  if (result == 0)
    result = look_who_lives (file, &look);
  if (result == 0)
    {
      *phase = SSEM_SHM_LIFE_PHASE (atomic_load (&look.copy->life));
      if (*phase == SSEM_SHM_LIFE_DOOMED && is_going (file, &look))
        result = -ENOENT;
      else
        *snapshot = evaluate (&look);
    }
  g_aligned_free (look.copy);

  return result;
}

/* What lies in @place. One that is not open goes to @spares: it is the key's only where no other
 * place has one. */
static int
look_at_place (SsemShmFile   *file,
               const char    *place,
               const char    *key,
               SsemSnapshot **snapshot,
               Spares        *spares)
{
  g_autoptr(SsemSnapshot) found = NULL;
  SsemSnapshot **spare;
  guint phase = SSEM_SHM_LIFE_OPEN;
  int result = ssem_shm_file_open_to_look (file, place);

  if (result == 0)
    result = look_at (file, key, &found, &phase);
  ssem_shm_file_close (file);
  if (result != 0)
    return result;

  if (phase == SSEM_SHM_LIFE_OPEN || phase == SSEM_SHM_LIFE_CLOSING)
    {
      *snapshot = g_steal_pointer (&found);
      return 0;
    }

  spare = phase == SSEM_SHM_LIFE_NASCENT ? &spares->nascent : &spares->doomed;
  if (*spare == NULL)
    *spare = g_steal_pointer (&found);

  return -ENOENT;
}

static int
look_everywhere (SsemShmFile   *file,
                 const char    *key,
                 SsemSnapshot **snapshot)
{
  g_auto(Spares) spares = { 0 };
  g_auto(GStrv) further = NULL;
  SsemSnapshot **spare;
  int result;
  guint i;

  result = look_at_place (file, file->path, key, snapshot, &spares);
  if (result != -ENOENT)
    return result;

  result = ssem_shm_file_list_further (file, &further);
  if (result != 0)
    return result;

  result = -ENOENT;
  for (i = 0; result == -ENOENT && further != NULL && further[i] != NULL; i++)
    result = look_at_place (file, further[i], key, snapshot, &spares);
  spare = spares.nascent != NULL ? &spares.nascent : &spares.doomed;
  if (result != -ENOENT || *spare == NULL)
    return result;

  *snapshot = g_steal_pointer (spare);
  return 0;
}

int
ssem_shm_inspect (const char    *key,
                  SsemSnapshot **snapshot)
{
  SsemShmFile file = { 0 };
  int result;

  ssem_shm_file_init (&file, key);
  result = look_everywhere (&file, key, snapshot);
  ssem_shm_file_clear (&file);

  return result;
}

/* The segment called @name, if that is one, and the one that its key leads to. */
static SsemSnapshot *
look_at_name (const char *folder,
              const char *name)
{
  g_autoptr(SsemSnapshot) snapshot = NULL;
  g_autofree char *right_name = NULL;
  SsemShmFile file = { 0 };

  ssem_shm_file_init (&file, "");
  ssem_shm_file_set_path (&file, folder, name);
  look_everywhere (&file, NULL, &snapshot);
  ssem_shm_file_clear (&file);

  if (snapshot == NULL || *snapshot->key == '\0' || !g_utf8_validate (snapshot->key, -1, NULL))
    return NULL;
  right_name = ssem_shm_file_make_name (snapshot->key);

  return g_str_equal (name, right_name) ? g_steal_pointer (&snapshot) : NULL;
}

/* The names in @dir, which are the same for the first place and for the folder of the further
 * ones. */
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

/* Whether @name is that of a segment, and the file another user's. */
static gboolean
is_of_other (const char *folder,
             const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return (g_str_has_prefix (name, "ssem_") || g_str_has_prefix (name, "ssem=")) &&
         ssem_file_is_of_other (path, NULL);
}

int
ssem_shm_list (GPtrArray *snapshots,
               guint     *n_others,
               char     **folder)
{
  g_autoptr(GHashTable) names = NULL;
  g_autoptr(GDir) dir = NULL;
  SsemShmFile file = { 0 };
  GHashTableIter iter;
  gpointer name;
  int result;

  ssem_shm_file_init (&file, "");
  *folder = g_strdup (file.folder);
  result = ssem_shm_file_check_folder (&file);
  if (result == 0)
    {
      errno = 0;
      dir = g_dir_open (file.folder, 0, NULL);
      result = dir != NULL ? 0 : errno != 0 ? -errno : -ENOTDIR;
    }
  /* A folder of ours is not there as long as nobody needs it. */
  if (result == -ENOENT)
    result = file.owns_folder ? 0 : -ENOTDIR;
  ssem_shm_file_clear (&file);
  if (dir == NULL)
    return result;

  names = read_names (dir);
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      SsemSnapshot *snapshot = look_at_name (*folder, name);

      if (snapshot != NULL)
        g_ptr_array_add (snapshots, snapshot);
      else if (is_of_other (*folder, name))
        (*n_others)++;
    }

  return result;
}
