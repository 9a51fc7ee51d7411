/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-attachment-private.h"

#include "ssem/shm/linux/ssem-shm-death-watch-private.h"
#include "ssem-shm-counter-private.h"
#include "ssem/shm/linux/ssem-shm-naming-private.h"
#include "ssem-shm-recovery-private.h"

#include "ssem/os/ssem-process-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* States of an attachment
 *
 *   out        the segment is closed. New; or in a child of fork () that has not used it yet.
 *   attached   the segment is open and other processes see this process as attached.
 *   lingering  the last instance is gone, but the process still holds units. The process is no
 *              longer attached, but other processes see that it is alive; so the units come back
 *              when it ends and not before. A new instance makes it attached again. Meanwhile the
 *              attachment stays in the registry without instances.
 *
 * Ownership
 *
 *   The registry, a table by name, has every attachment that new instances may join; it owns the
 *   lingering ones. Each instance has a reference, which it gives back when no thread can be inside
 *   it any more. The process leaves the segment with the last reference and not before, because a
 *   thread inside an instance may be operating on its slot.
 *
 * Locks, in this order
 *
 *   attach_lock    makes the threads of this process wait for each other while they attach. No
 *                  other
 *                  process is ever waited for.
 *   registry_lock  protects the tables, the counts and the waits. Held briefly, since every fork
 *                  waits for it: at most until a sleeper that is called off has got up.
 *                  A descriptor that has or gets a lock, and a mapping, are opened and closed under
 *                  it; otherwise a child would keep them. (A descriptor without a lock that is open
 *                  for reading only, for a question, does no harm there.)
 *
 *   Both are taken by ssem_thread_lock (). So the exit handler can detect that a signal handler
 *   called exit () and interrupted its own thread with a lock held; then it does nothing.
 *
 * Locks of other libraries
 *
 *   A child of fork () finds them as they were, some of them locked forever by a thread that the
 *   child does not have. The use of an inherited object in a child, the fork handler and the exit
 *   handler take none of these but that of malloc (3), which the C library resets in a child:
 *
 *   malloc          the fork handler frees; the exit handler allocates and frees nothing, unless
 *                   further places or wings of the key need to be removed
 *   random numbers  getrandom (2), never GLib's generator
 *   slices          (before GLib 2.76) used if there are further places or wings, for a GError and
 *                   for a new object, like any GObject; the tables are created at the start
 *   quarks, once    only at the start, before there is an object
 *   threads         pthread_create (3), which takes no lock of GLib
 *   environment     read when a key is opened; getenv (3) takes no lock
 *   gettext         translates the message of an error that is asked for, nothing else
 *   stdio           never
 *
 * Closed descriptors
 *
 *   Some programs close every descriptor that they find. The number may then belong to another
 *   file, so it is checked before each use. An operation that needs the descriptor fails with
 *   -EBADF, one that needs memory only goes on. The process does not attach to the same segment a
 *   second time, since what it holds would then be counted twice.
 *
 * Fork
 *
 *   The child first closes mappings and descriptors; otherwise they would keep the parent's locks
 *   after the parent's death. The next operation in the child attaches to the very segment that the
 *   parent had, or fails.
 */

/* Where others listen already, a waiter that is woken again and again does not ask each time. */
#define LISTEN_AGAIN_USEC G_GINT64_CONSTANT (100000)

/* How much of a name's end is enough to tell most from each other. */
#define HASH_LENGTH 16

static GMutex registry_lock;
static GHashTable *registry;    /* name -> the attachment that a new instance joins */
static GHashTable *attachments; /* all there are */
static char *own_directory;     /* of all semaphores, where the library made it; NULL before */
static char *last_removed;      /* name of the semaphore that this process has removed last */

static void
forget_all_in_child (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, attachments);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemShmAttachment *attachment = value;

      /* It is the parent that is counted. */
      attachment->file.is_counted = FALSE;
      ssem_shm_file_disown (&attachment->file);
      ssem_shm_file_close (&attachment->file);
      attachment->waits = NULL;
      atomic_store (&attachment->is_attached, FALSE);
      atomic_store (&attachment->listens, FALSE);
      atomic_store (&attachment->next_listen_usec, 0);

      /* Another thread of the parent may have had it; that thread is not here. */
      g_mutex_init (&attachment->attach_lock);
    }
}

static guint
hash_name (gconstpointer name)
{
  const char *text = name;
  gsize length = strlen (text);

  return g_str_hash (text + length - MIN (length, HASH_LENGTH));
}

static void leave_all_at_exit (void);

void
ssem_shm_attachment_init (void)
{
  registry = g_hash_table_new (hash_name, g_str_equal);
  attachments = g_hash_table_new (NULL, NULL);
  ssem_fork_protect (&registry_lock, forget_all_in_child);
  ssem_shm_slot_init ();
  /* After registry_lock: leaving takes both, in this order. */
  ssem_shm_death_watch_init ();
  ssem_shm_waiters_init ();
  atexit (leave_all_at_exit);
}

/* --- Attaching and leaving --- */

static gboolean
is_of_this_process (SsemShmAttachment *self)
{
  return atomic_load (&self->fork_count) == ssem_fork_count ();
}

/* With attach_lock, and out. */
static int
attach (SsemShmAttachment *self,
        int                initial_value,
        SsemAccessMode     mode,
        guint64            incarnation,
        gboolean          *is_new)
{
  static const SsemShmOpening openings[] = {
    [SSEM_ACCESS_MODE_OPEN] = SSEM_SHM_OPEN_OR_CREATE,
    [SSEM_ACCESS_MODE_CREATE] = SSEM_SHM_OPEN_OR_CREATE,
    [SSEM_ACCESS_MODE_OPEN_EXISTING] = SSEM_SHM_OPEN_EXISTING,
    [SSEM_ACCESS_MODE_CREATE_EXCLUSIVE] = SSEM_SHM_CREATE_NEW,
    [SSEM_ACCESS_MODE_JOIN] = SSEM_SHM_JOIN,
  };
  int result;

  /* Opening waits for nobody, so the lock may be held; a child must know the descriptor. */
  ssem_thread_lock (&registry_lock);
  result = ssem_shm_file_attach (&self->file, initial_value, openings[mode], incarnation, is_new);
  if (result == 0)
    {
      atomic_store (&self->is_attached, TRUE);
      atomic_store (&self->fork_count, ssem_fork_count ());
    }
  ssem_thread_unlock (&registry_lock);

  return result;
}

/* With attach_lock: what a child inherited from its parent. -EIDRM where that is gone, or another
 * semaphore has taken the key since the fork. */
static int
attach_as_child (SsemShmAttachment *self,
                 int                initial_value,
                 SsemAccessMode     mode,
                 gboolean          *is_new)
{
  /* None: the parent was just opening it. */
  if (self->file.incarnation == 0)
    return -EIDRM;

  return attach (self, initial_value, mode, self->file.incarnation, is_new);
}

static int
attach_inherited (SsemShmAttachment *self)
{
  SSEM_THREAD_SHIELD;
  gboolean is_new;
  int result = 0;

  g_mutex_lock (&self->attach_lock);
  if (!is_of_this_process (self))
    result = attach_as_child (self, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, &is_new);
  g_mutex_unlock (&self->attach_lock);

  return result;
}

int
ssem_shm_attachment_ready (SsemShmAttachment *self)
{
  return G_LIKELY (is_of_this_process (self)) ? 0 : attach_inherited (self);
}

int
ssem_shm_attachment_get_handle (SsemShmAttachment  *self,
                                guint               depth,
                                SsemShmSlotHandle **handle)
{
  int result = ssem_shm_attachment_ready (self);

  return result == 0 ? ssem_shm_slots_get_handle (&self->slots, depth, handle) : result;
}

/* With registry_lock. Another has to listen instead, and may be asleep. */
static void
stop_listening (SsemShmAttachment *self)
{
  ssem_shm_death_watch_unwatch (&self->file);
  if (!atomic_exchange (&self->listens, FALSE))
    return;

  ssem_shm_file_unlisten (&self->file);
  /* One that is woken takes the place. At exit it could be a thread of ours. */
  if (self->waits != NULL)
    ssem_shm_waiters_wake_all (self->file.memory);
  else if (ssem_shm_waiters_is_anybody (self->file.memory))
    ssem_shm_waiters_wake (self->file.memory, 1);
}

/* With registry_lock: from attached to out, or to lingering. */
static void
leave (SsemShmAttachment *self)
{
  gboolean lingers;

  ssem_shm_file_disown (&self->file);
  stop_listening (self);

  /* What it has created counts, too: what it acquires later is first set off against that. */
  lingers = ssem_shm_counter_get_holding (self->file.memory, self->file.process) != 0;
  if (!lingers)
    ssem_shm_counter_free_slots (self->file.memory, self->file.process);
  self->file.expects_none = ssem_shm_file_leave (&self->file, lingers);
  if (self->file.expects_none || !lingers)
    {
      ssem_shm_slots_clear (&self->slots);
      ssem_shm_file_close (&self->file);
    }
  atomic_store (&self->is_attached, FALSE);
}

static void
leave_all_at_exit (void)
{
  SSEM_THREAD_SHIELD;
  GHashTableIter iter;
  gpointer value;

  /* A signal handler that calls exit () may have interrupted what holds the lock, and it would wait
   * for its own thread. The kernel gives up what this process has; the semaphore is left over. */
  if (ssem_thread_may_hold_locks ())
    return;

  /* A program that ends without dropping its last reference is a user that goes, not a crash.
   * Threads may be at work still, so it lingers until it is really gone. */
  ssem_thread_lock (&registry_lock);
  g_hash_table_iter_init (&iter, attachments);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemShmAttachment *attachment = value;

      if (atomic_load (&attachment->is_attached) && is_of_this_process (attachment))
        {
          ssem_shm_file_disown (&attachment->file);
          stop_listening (attachment);
          ssem_shm_file_leave (&attachment->file, TRUE);
          atomic_store (&attachment->is_attached, FALSE);
        }
    }
  /* As long as there is anything in it, it stays. */
  if (own_directory != NULL)
    rmdir (own_directory);
  ssem_thread_unlock (&registry_lock);
}

/* With registry_lock: no new instance joins it from here on. */
static void
unregister (SsemShmAttachment *self)
{
  if (self->is_registered)
    g_hash_table_remove (registry, self->name);
  self->is_registered = FALSE;
}

/* With registry_lock. */
static void
free_attachment (SsemShmAttachment *self)
{
  unregister (self);
  g_hash_table_remove (attachments, self);

  if (self->file.expects_none)
    {
      g_free (last_removed);
      last_removed = g_steal_pointer (&self->name);
    }
  ssem_shm_file_disown (&self->file);
  /* A thread that went on at exit may have made it listen again. */
  stop_listening (self);
  ssem_shm_slots_clear (&self->slots);
  ssem_shm_file_clear (&self->file);
  g_mutex_clear (&self->attach_lock);
  g_free (self->name);
  g_free (self);
}

/* What @file is called in the registry: the same for each spelling of its directory. One that the
 * library makes has one spelling, and need not be there yet. */
static char *
make_name (SsemShmFile *file)
{
  struct stat found;

  if (file->owns_folder || stat (file->folder, &found) != 0)
    return g_strdup (file->path);

  return g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "%s", (guint64) found.st_dev,
                          (guint64) found.st_ino, file->path + strlen (file->folder));
}

/* With registry_lock: notes it for the end of the process, when nothing may be allocated. */
static void
note_own_directory (SsemShmFile *file)
{
  if (!file->owns_folder || g_strcmp0 (own_directory, file->folder) == 0)
    return;

  g_free (own_directory);
  own_directory = g_strdup (file->folder);
}

/* The process's attachment for @key, which may be out, with one more reference. */
static SsemShmAttachment *
registry_get (const char *key)
{
  SsemShmAttachment *self;
  SsemShmFile file = { 0 };
  char *name;

  ssem_shm_file_init (&file, key);
  name = make_name (&file);

  ssem_thread_lock (&registry_lock);

  note_own_directory (&file);
  self = g_hash_table_lookup (registry, name);
  if (self == NULL)
    {
      self = g_new0 (SsemShmAttachment, 1);
      self->name = name;
      self->file = file;
      ssem_shm_slots_init (&self->slots, &self->file);
      if (g_strcmp0 (name, last_removed) == 0)
        {
          self->file.expects_none = TRUE;
          g_clear_pointer (&last_removed, g_free);
        }
      atomic_store (&self->fork_count, ssem_fork_count ());
      g_mutex_init (&self->attach_lock);
      g_hash_table_insert (registry, self->name, self);
      self->is_registered = TRUE;
      g_hash_table_add (attachments, self);
    }
  else
    {
      ssem_shm_file_clear (&file);
      g_free (name);
    }
  self->n_references++;

  ssem_thread_unlock (&registry_lock);

  return self;
}

/* Brings @self to attached. -EUCLEAN: it can't be, and a new attachment has to take its place. */
static int
join (SsemShmAttachment *self,
      int                initial_value,
      SsemAccessMode     mode,
      gboolean          *is_new)
{
  SsemShmFile *file = &self->file;
  gboolean lingers;
  int result;

  if (!is_of_this_process (self))
    {
      if (mode != SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && mode != SSEM_ACCESS_MODE_JOIN)
        mode = SSEM_ACCESS_MODE_OPEN_EXISTING;
      result = attach_as_child (self, initial_value, mode, is_new);
      return result == -EIDRM ? -EUCLEAN : result;
    }

  lingers = !atomic_load (&self->is_attached) && file->memory != NULL;
  if (!lingers && file->memory == NULL)
    return attach (self, initial_value, mode, 0, is_new);

  if (!ssem_shm_file_has_descriptor (file))
    return -EBADF;
  if (!ssem_shm_file_is_in_place (file))
    return -EUCLEAN;
  if (!lingers)
    return mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE ? -EEXIST : 0;

  ssem_thread_lock (&registry_lock);
  /* A leftover makes way while it lingers: a process that came after that would take this one for
   * dead. */
  if ((mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE || mode == SSEM_ACCESS_MODE_JOIN) &&
      ssem_shm_file_leave (file, TRUE))
    result = -EUCLEAN;
  else if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    result = -EEXIST;
  else
    result = ssem_shm_file_rejoin (file);
  if (result == 0)
    atomic_store (&self->is_attached, TRUE);
  ssem_thread_unlock (&registry_lock);

  return result == -EIDRM ? -EUCLEAN : result;
}

int
ssem_shm_attachment_open (const char         *key,
                          int                 initial_value,
                          SsemAccessMode      mode,
                          guint               depth,
                          SsemShmAttachment **attachment)
{
  SsemShmAttachment *self;
  gboolean is_new = FALSE;
  SsemShmSlotHandle *handle;
  int result;

  do
    {
      self = registry_get (key);

      g_mutex_lock (&self->attach_lock);
      result = join (self, initial_value, mode, &is_new);
      g_mutex_unlock (&self->attach_lock);

      if (result == 0 && mode == SSEM_ACCESS_MODE_CREATE && !is_new)
        {
          result = ssem_shm_attachment_get_handle (self, depth, &handle);
          if (result == 0)
            {
              ssem_shm_counter_reset (*handle, initial_value);
              ssem_shm_waiters_wake_all (self->file.memory);
            }
        }

      if (result == -EUCLEAN)
        {
          ssem_thread_lock (&registry_lock);
          unregister (self);
          ssem_thread_unlock (&registry_lock);
        }
      if (result != 0)
        ssem_shm_attachment_unref (self);
    }
  while (result == -EUCLEAN);

  if (result == 0)
    *attachment = self;

  return result;
}

int
ssem_shm_attachment_remove_leftover (const char *key)
{
  SsemShmFile file = { 0 };
  int result;

  ssem_shm_file_init (&file, key);

  /* A child that has the descriptor or the mapping would keep the lock that a remover has. */
  ssem_thread_lock (&registry_lock);
  result = ssem_shm_file_remove_leftover (&file);
  ssem_thread_unlock (&registry_lock);

  ssem_shm_file_clear (&file);

  return result;
}

void
ssem_shm_attachment_close (SsemShmAttachment *self,
                           gpointer           instance)
{
  GList *link;

  ssem_thread_lock (&registry_lock);
  for (link = self->waits; link != NULL; link = link->next)
    {
      SsemShmWait *wait = link->data;

      if (wait->instance == instance)
        ssem_shm_waiters_call_off (self->file.memory, &wait->waiter, wait->handle->index);
    }
  ssem_thread_unlock (&registry_lock);
}

void
ssem_shm_attachment_unref (SsemShmAttachment *self)
{
  ssem_thread_lock (&registry_lock);
  if (--self->n_references == 0)
    {
      if (atomic_load (&self->is_attached) && is_of_this_process (self))
        leave (self);

      /* A lingering one waits in the registry, unless a successor is there. */
      if (self->file.memory == NULL || !self->is_registered)
        free_attachment (self);
    }
  ssem_thread_unlock (&registry_lock);
}

/* --- Waits --- */

void
ssem_shm_attachment_begin_wait (SsemShmAttachment *self,
                                SsemShmWait       *wait)
{
  ssem_thread_lock (&registry_lock);
  wait->link.data = wait;
  wait->link.next = self->waits;
  wait->link.prev = NULL;
  if (self->waits != NULL)
    self->waits->prev = &wait->link;
  self->waits = &wait->link;
  ssem_thread_unlock (&registry_lock);

  ssem_shm_waiters_announce (self->file.memory, wait->handle->index, wait->n);
}

void
ssem_shm_attachment_end_wait (SsemShmAttachment *self,
                              SsemShmWait       *wait)
{
  ssem_shm_waiters_retract (self->file.memory, wait->handle->index);

  ssem_thread_lock (&registry_lock);
  self->waits = g_list_remove_link (self->waits, &wait->link);
  ssem_thread_unlock (&registry_lock);
}

gint64
ssem_shm_attachment_listen (SsemShmAttachment *self)
{
  gint64 now = g_get_monotonic_time ();

  if (atomic_load (&self->listens))
    return G_MAXINT64;
  if (now < atomic_load (&self->next_listen_usec) || !g_mutex_trylock (&self->attach_lock))
    return atomic_load (&self->next_listen_usec);

  if (!atomic_load (&self->listens) && ssem_shm_file_has_descriptor (&self->file) &&
      ssem_shm_file_listen (&self->file) == 0)
    {
      if (ssem_shm_death_watch_watch (&self->file))
        atomic_store (&self->listens, TRUE);
      else
        ssem_shm_file_unlisten (&self->file);
    }
  atomic_store (&self->next_listen_usec, now + LISTEN_AGAIN_USEC);
  g_mutex_unlock (&self->attach_lock);

  return atomic_load (&self->listens) ? G_MAXINT64 : now + LISTEN_AGAIN_USEC;
}
