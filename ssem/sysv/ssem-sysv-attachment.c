/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-attachment-private.h"

#include "ssem-sysv-key-private.h"
#include "ssem-sysv-set-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-random-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* States of an attachment
 *
 *   out       fd is -1. New, or left, or in a child of fork () that has not used it yet.
 *   attached  fd is open and holds the lock "alive"; the set, the record and the account are valid.
 *   orphaned  attached to a set that something outside has removed, or under a path that names
 *             another file now. It is no longer in the registry, so a new instance makes a new
 *             attachment; what its own instances do answers -EIDRM.
 *
 * Who owns what
 *
 *   The registry, a table by place, owns nothing: an attachment is in it while it has instances and
 *   new ones may join. A place is the directory's device and inode and the name of the key file, so
 *   that two spellings of one directory are one attachment. Each instance has a reference of its own, which it gives back when no thread
 *   can be inside it any more, later than it stops being counted. The account, the ledger of one
 *   lineage, outlives the attachment while the process has units: the kernel's undo count does so
 *   too.
 *
 * Locks, in this order
 *
 *   gate (of the attachment)   makes the threads of this process wait for each other
 *   gate (of the file)         makes the processes wait for each other
 *   registry_lock              the table, the counts and every fd. Never held while waiting for
 *                              anything, because every fork waits for it. A descriptor is opened
 *                              and closed under it: a child must know each one, to close its copy.
 *
 *   All are taken in stretches of ssem_thread_disable_cancel (), a fork's included, so no cancelled
 *   thread keeps one.
 *   The exit handler returns at once where exit () was called by a signal handler in such a stretch:
 *   the semaphore is then left over, as after a crash.
 *
 * Locks of others
 *
 *   A child of fork () finds the locks of other libraries as they were, some of them taken forever.
 *   The fork handler, the exit handler and the operations of an object take none of these. The first
 *   operation in a child and the last drop of an object take only that of malloc (3), which the C
 *   library resets in a child. One by one:
 *
 *   malloc          not in the fork handler and the exit handler: an attachment of the parent stays
 *                   in the registry of the child, and does not count there
 *   random numbers  getrandom (2), never GLib's generator
 *   slices          (before GLib 2.76) the tables are made at the start; opening a new object's key
 *                   takes some, as the object itself does, and so does a GError
 *   quarks, once    only at the start, before there is an object
 *   environment     read when a key is opened; getenv (3) takes no lock
 *   gettext         translates the message of a failure, nothing else
 *   stdio           never
 *
 * Descriptors that the program closes: some programs close all that they find, and the number may
 * be a stranger's then, so it is looked at before each use. The mapping keeps the lock "alive".
 * Such a process can neither open the key again nor leave in good order; it must not remove the
 * set, since a stranger's file tells of nobody else.
 *
 * Fork: in the child nothing is attached. Its copies of the descriptors are closed, or they would
 * keep the parent's locks alive after the parent's death, and the accounts are empty. An inherited
 * instance attaches anew at its first use, to that very lineage or not at all. New instances make
 * an attachment of their own.
 *
 * Resets, and the one thing that the kernel doesn't tell
 *
 *   SETVAL clears all undo counts, so it begins a new epoch: the number is made odd, the value set,
 *   the number made even. An acquire reads the number once, after the kernel has granted it: one
 *   that was blocked was woken by the reset or after it, and finds the new number. A release reads
 *   it once, before the kernel is asked, because it has to know what to pay back. An odd number
 *   counts as the even one below it. So an operation in the very moment of a reset may be booked on
 *   the wrong side, which shows when its process dies. An acquire from before SETVAL that is booked
 *   after the even number, and a release that is booked before it and reaches the kernel after
 *   SETVAL, pay back what was forgotten: the value ends too low. An acquire from after SETVAL that
 *   is booked before the even number is forgotten in the ledger alone, so that its release pays
 *   nothing back: the value ends too high. A resetter that dies half-way leaves an odd number, and
 *   whoever gets the gate next finishes what it began. One that is stopped half-way is not waited
 *   for.
 */

/* How many key files in a row may turn out to collide with other keys' before we give up. */
#define MAX_COLLISIONS 16

static GMutex registry_lock;
static GHashTable *registry;    /* place -> the attachment that a new instance joins */
static GHashTable *attachments; /* all there are, as a set */
static GHashTable *accounts;    /* lineage -> account */

static gboolean
has_descriptor (SsemSysvAttachment *self)
{
  return ssem_file_identity_is (&self->identity, self->fd);
}

static void
forget_all_in_child (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, attachments);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemSysvAttachment *attachment = value;

      if (has_descriptor (attachment))
        close (attachment->fd);
      attachment->fd = -1;
      attachment->record = NULL;

      /* Another thread of the parent may have had it; that thread is not here. */
      g_mutex_init (&attachment->gate);
    }

  g_hash_table_iter_init (&iter, accounts);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemSysvAccount *account = value;

      atomic_store_explicit (&account->ledger.word, 0, memory_order_relaxed);
    }
}

static void detach_all_at_exit (void);

void
ssem_sysv_attachment_init (void)
{
  registry = g_hash_table_new (g_str_hash, g_str_equal);
  attachments = g_hash_table_new (NULL, NULL);
  accounts = g_hash_table_new (g_int64_hash, g_int64_equal);
  ssem_fork_protect (&registry_lock, forget_all_in_child);
  atexit (detach_all_at_exit);
}

/* --- Accounts --- */

static SsemSysvAccount *
account_get (guint64 lineage)
{
  SsemSysvAccount *account;

  g_mutex_lock (&registry_lock);

  account = g_hash_table_lookup (accounts, &lineage);
  if (account == NULL)
    {
      account = g_new0 (SsemSysvAccount, 1);
      account->lineage = lineage;
      g_hash_table_insert (accounts, &account->lineage, account);
    }
  account->n_users++;

  g_mutex_unlock (&registry_lock);

  return account;
}

/* With the registry's lock. */
static void
account_put (SsemSysvAccount *account,
             gboolean         has_units)
{
  if (--account->n_users > 0 || has_units)
    return;

  g_hash_table_remove (accounts, &account->lineage);
  g_free (account);
}

/* --- The file --- */

static int
open_file (SsemSysvAttachment *self,
           gboolean            create)
{
  int fd, result;

  g_mutex_lock (&registry_lock);
  fd = create ? ssem_sysv_file_create (self->path, self->key) : ssem_file_open (self->path, O_RDWR, NULL);
  result = fd >= 0 ? ssem_file_identity_note (&self->identity, fd) : fd;
  if (result == 0)
    self->fd = fd;
  else if (fd >= 0)
    close (fd);
  g_mutex_unlock (&registry_lock);

  return result;
}

/* The locks are given up one by one: they belong to the open file, which the mapping keeps as long
 * as a thread may be in it. The gate is last, so that whoever gets it finds us gone. */
static void
close_file (SsemSysvAttachment *self)
{
  g_mutex_lock (&registry_lock);
  if (has_descriptor (self))
    {
      ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ALIVE, SSEM_FILE_LOCK_NONE);
      ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_NONE);
      close (self->fd);
    }
  self->fd = -1;
  g_mutex_unlock (&registry_lock);
}

/* Waits for the file's gate; -EBADF where the file is a stranger's by now. */
static int
lock_gate (SsemSysvAttachment *self)
{
  if (!has_descriptor (self))
    return -EBADF;

  return ssem_file_lock_wait (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_EXCLUSIVE);
}

static gboolean
others_are_alive (SsemSysvAttachment *self)
{
  /* An error counts as somebody: nothing is removed on a doubt. */
  return ssem_file_lock_query (self->fd, SSEM_SYSV_FILE_ALIVE, 1) != 0;
}

/* --- Under both gates --- */

static void
set_epoch (SsemSysvRecord *record,
           guint32         epoch)
{
  /* Sequentially consistent, as is the kernel's own lock on the set: no reset is seen before the
   * odd number nor after the even one. */
  atomic_store (&record->epoch, epoch);
}

static int
reset_set (SsemSysvRecord *record,
           int             set,
           int             value)
{
  guint32 epoch = atomic_load (&record->epoch);
  int result;

  if (value > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  record->value = value;
  set_epoch (record, epoch | 1);
  result = ssem_sysv_set_reset (set, value);
  if (result == 0)
    record->initial = value;
  set_epoch (record, (epoch | 1) + 1);

  return result;
}

/* A resetter died half-way: do what it began. */
static void
finish_reset (SsemSysvRecord *record,
              int             set)
{
  if (atomic_load (&record->epoch) & 1)
    reset_set (record, set, record->value);
}

/* Accounts are told apart by it. Its lower half says which set it is of. */
static void
begin_lineage (SsemSysvRecord *record,
               int             set,
               gboolean        made_by_us)
{
  /* In this order: who dies between the two leaves nobody else's set as one of ours. */
  record->made_by_us = made_by_us;
  record->lineage = ssem_random_unique () << 32 | (guint32) set;
}

/* Qt has made the set. */
static void
adopt_set (SsemSysvRecord *record,
           int             set)
{
  /* A reset that was under way was of another set. */
  set_epoch (record, (atomic_load (&record->epoch) + 1) & ~1u);
  begin_lineage (record, set, FALSE);
  record->initial = -1;
  record->phase = SSEM_SYSV_PHASE_READY;
}

/* The new set, or Qt's, which alone makes one without the gate. Qt may also have removed its own
 * before we find it. */
static int
make_set (key_t     token,
          gboolean *made_by_us)
{
  int set;

  do
    {
      set = ssem_sysv_set_create (token);
      *made_by_us = set >= 0;
      if (set == -EEXIST)
        set = ssem_sysv_set_lookup (token);
    }
  while (set == -ENOENT);

  return set;
}

/* @set is a half-made one, or -ENOENT. Answers the set's identifier. */
static int
create_set (SsemSysvRecord *record,
            key_t           token,
            int             set,
            int             value)
{
  gboolean is_qts = record->phase == SSEM_SYSV_PHASE_QTS;
  gboolean made_by_us = TRUE;
  int result;

  if (value > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  record->phase = SSEM_SYSV_PHASE_CREATING;
  if (set < 0)
    set = make_set (token, &made_by_us);
  if (set < 0)
    {
      if (is_qts)
        record->phase = SSEM_SYSV_PHASE_QTS;
      return set;
    }

  if (!made_by_us)
    {
      adopt_set (record, set);
      return set;
    }

  begin_lineage (record, set, TRUE);
  result = reset_set (record, set, value);
  if (result != 0)
    {
      /* The file is about to go; without it the set would never be found again. */
      ssem_sysv_set_remove (set);
      return result;
    }

  record->phase = SSEM_SYSV_PHASE_READY;
  return set;
}

static gboolean
is_qts_set (SsemSysvRecord *record,
            int             set)
{
  return record->phase == SSEM_SYSV_PHASE_QTS ||
         (record->phase == SSEM_SYSV_PHASE_READY && set != ssem_sysv_record_get_set (record));
}

/* Whether @mode sets the value of a set that is there. */
static gboolean
resets (SsemAccessMode mode,
        gboolean       is_in_use)
{
  switch (mode)
    {
    case SSEM_ACCESS_MODE_CREATE:
      return TRUE;

    case SSEM_ACCESS_MODE_CREATE_EXCLUSIVE:
    case SSEM_ACCESS_MODE_JOIN:
      return !is_in_use;

    case SSEM_ACCESS_MODE_OPEN:
    case SSEM_ACCESS_MODE_OPEN_EXISTING:
    default:
      return FALSE;
    }
}

/* Finds, creates or resets the set as @mode says. Answers the set's identifier; -EADDRINUSE where
 * the file has the kernel's key of another. */
static int
admit (SsemSysvAttachment *self,
       int                 initial_value,
       SsemAccessMode      mode)
{
  SsemSysvRecord *record = self->record;
  gboolean exists, is_in_use;
  key_t token;
  int set, result;

  set = ssem_sysv_set_find (self->path, &token);
  if (set < 0 && set != -ENOENT)
    return set;
  if (set >= 0 && record->phase == SSEM_SYSV_PHASE_EMPTY)
    return -EADDRINUSE;
  if (set >= 0 && is_qts_set (record, set))
    adopt_set (record, set);

  exists = set >= 0 && record->phase == SSEM_SYSV_PHASE_READY;
  if (!exists)
    {
      if (mode == SSEM_ACCESS_MODE_OPEN_EXISTING)
        return -ENOENT;
      return create_set (record, token, set, initial_value);
    }

  finish_reset (record, set);

  /* Qt leaves no trace of its living processes, so one that Qt made counts as used. */
  is_in_use = self->set >= 0 || !record->made_by_us || others_are_alive (self);
  if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && is_in_use)
    return -EEXIST;

  if (resets (mode, is_in_use))
    {
      result = reset_set (record, set, initial_value);
      if (result != 0)
        return result;
    }

  return set;
}

/* The set that is found by the file and is ours to remove; -EBUSY where it is a peer's, or may
 * be. */
static int
find_own_set (SsemSysvAttachment *self)
{
  key_t token;
  int set = ssem_sysv_set_find (self->path, &token);

  if (set < 0)
    return set;

  if (self->record->phase == SSEM_SYSV_PHASE_READY)
    return set == ssem_sysv_record_get_set (self->record) ? set : -EBUSY;

  /* The one that a creator has left half-made, unless somebody has used it. */
  return self->record->phase == SSEM_SYSV_PHASE_CREATING && ssem_sysv_set_was_used (set) == 0
         ? set
         : -EBUSY;
}

/* @set is one, or -errno of looking for it. Answers whether there is none any more. */
static gboolean
remove_set (int set)
{
  int result = set >= 0 ? ssem_sysv_set_remove (set) : set;

  return result == 0 || result == -ENOENT || result == -EIDRM;
}

/* With the file's gate, after a failure: a file of ours that has no semaphore goes, and so does
 * what a creator that died has left of one. In the phase EMPTY, a set that is found is another
 * key's. */
static void
withdraw (SsemSysvAttachment *self)
{
  if (self->record == NULL)
    return;

  if (self->record->phase != SSEM_SYSV_PHASE_READY &&
      self->record->phase != SSEM_SYSV_PHASE_QTS &&
      ssem_file_is_at (self->fd, self->path) > 0 &&
      (self->record->phase == SSEM_SYSV_PHASE_EMPTY || remove_set (find_own_set (self))))
    unlink (self->path);
  ssem_sysv_file_unmap (g_steal_pointer (&self->record));
}

/* From out to attached. */
static int
attach (SsemSysvAttachment *self,
        int                 initial_value,
        SsemAccessMode      mode)
{
  int collided[MAX_COLLISIONS];
  int n_collided = 0;
  int result;

  for (;;)
    {
      result = open_file (self, FALSE);
      if (result == -ENOENT && mode != SSEM_ACCESS_MODE_OPEN_EXISTING)
        {
          result = open_file (self, TRUE);
          if (result == -EEXIST)
            continue;
          /* Not even a new one can be there. */
          if (result == -ENOENT)
            result = -ENOTDIR;
        }
      if (result != 0)
        break;

      result = ssem_file_lock_wait (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_EXCLUSIVE);
      if (result == 0 && ssem_file_is_at (self->fd, self->path) == 0)
        {
          /* The last user removed it while we waited. */
          close_file (self);
          continue;
        }

      if (result == 0)
        result = ssem_sysv_file_map (self->fd, self->key, SSEM_SYSV_PHASE_QTS, &self->record);
      /* Alive before anything is made: what fails from here on leaves nothing to be undone. */
      if (result == 0)
        result = ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ALIVE, SSEM_FILE_LOCK_SHARED);
      if (result == 0)
        result = admit (self, initial_value, mode);
      if (result >= 0)
        {
          self->set = result;
          result = 0;
          break;
        }

      withdraw (self);

      /* ftok(3) keeps 16 bits of the inode's number. As long as we keep this one, the next file has
       * another. */
      if (result != -EADDRINUSE || n_collided == MAX_COLLISIONS)
        break;
      collided[n_collided++] = fcntl (self->fd, F_DUPFD_CLOEXEC, 0);
      close_file (self);
    }

  while (n_collided > 0)
    close (collided[--n_collided]);

  if (result != 0)
    {
      close_file (self);
      return result;
    }

  self->lineage = self->record->lineage;
  self->account = account_get (self->lineage);
  ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_NONE);

  return 0;
}

/* Whether what it is attached to is not what a new instance would find: 0, 1, or -errno where that
 * cannot be told. */
static int
is_orphaned (SsemSysvAttachment *self)
{
  key_t token;
  int result;

  if (self->record == NULL)
    return 1;

  result = ssem_file_is_at (self->fd, self->path);
  if (result <= 0)
    return result == 0 ? 1 : result;

  result = ssem_sysv_set_find (self->path, &token);
  if (result < 0 && result != -ENOENT)
    return result;

  return result != self->set || self->record->lineage != self->lineage;
}

/* As the last, with the file's gate. */
static void
remove_all (SsemSysvAttachment *self)
{
  gboolean is_at_path = ssem_file_is_at (self->fd, self->path) > 0;

  /* By the record, not by what we are attached to: something outside may have removed ours, another
   * of us made it anew for this file, and its users went before us. */
  int set = is_at_path ? find_own_set (self) : ssem_sysv_record_get_set (self->record);

  /* The set first: a file without a set is as good as none, a set without a file is never found
   * again. A process that has become another user's may not remove it, and leaves both. */
  if (!remove_set (set))
    return;

  if (is_at_path)
    unlink (self->path);
  atomic_store_explicit (&self->account->ledger.word, 0, memory_order_relaxed);
}

static void
detach (SsemSysvAttachment *self)
{
  if (lock_gate (self) == 0 &&
      self->record->made_by_us && !others_are_alive (self))
    remove_all (self);

  close_file (self);
}

/* --- Life --- */

static gboolean
is_of_this_process (SsemSysvAttachment *self)
{
  return atomic_load_explicit (&self->fork_count, memory_order_acquire) == ssem_fork_count ();
}

/* A program that ends without dropping its last reference is a user that goes, not a crash. It
 * allocates and frees nothing: exit () may have been called in a signal handler. */
static void
detach_all_at_exit (void)
{
  SsemSysvAttachment *left = NULL;
  GHashTableIter iter;
  gpointer value;
  int cancel_state;

  /* Its own thread would have to go on for it to get the locks. */
  if (ssem_thread_may_hold_locks ())
    return;

  cancel_state = ssem_thread_disable_cancel ();
  g_mutex_lock (&registry_lock);
  g_hash_table_iter_init (&iter, attachments);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemSysvAttachment *attachment = value;

      /* A reference that is never given back: other threads still run. */
      attachment->n_references++;
      attachment->next_at_exit = left;
      left = attachment;
    }
  g_mutex_unlock (&registry_lock);

  for (; left != NULL; left = left->next_at_exit)
    {
      /* Not if another thread is at it: exit must not hang. */
      if (g_mutex_trylock (&left->gate))
        {
          if (left->fd >= 0 && is_of_this_process (left))
            detach (left);
          g_mutex_unlock (&left->gate);
        }
    }
  ssem_thread_restore_cancel (cancel_state);
}

/* What is the same for each path to the key file: @path without links may still lead through one of
 * several mounts. */
static int
find_place (const char  *path,
            char       **place)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  SsemFileIdentity identity;
  struct stat found;

  if (stat (directory, &found) != 0)
    return errno == ENOENT ? -ENOTDIR : -errno;

  ssem_file_identity_set (&identity, &found);
  *place = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%s",
                            identity.device, identity.inode, name);

  return 0;
}

/* The process's attachment for @place, which may be out yet, with one more instance. */
static SsemSysvAttachment *
registry_get (const char *key,
              const char *path,
              const char *place)
{
  SsemSysvAttachment *self;

  g_mutex_lock (&registry_lock);

  self = g_hash_table_lookup (registry, place);
  if (self == NULL || !is_of_this_process (self))
    {
      self = g_new0 (SsemSysvAttachment, 1);
      self->key = g_strdup (key);
      self->path = g_strdup (path);
      self->place = g_strdup (place);
      self->fd = -1;
      self->set = -1;
      self->fork_count = ssem_fork_count ();
      g_mutex_init (&self->gate);
      /* The name in the table, too, is that of the new one. */
      g_hash_table_replace (registry, self->place, self);
      g_hash_table_add (attachments, self);
    }
  self->n_instances++;
  self->n_references++;

  g_mutex_unlock (&registry_lock);

  return self;
}

static void
registry_drop (SsemSysvAttachment *self)
{
  if (g_hash_table_lookup (registry, self->place) == self)
    g_hash_table_remove (registry, self->place);
}

static int
join_or_attach (const char          *key,
                int                  initial_value,
                SsemAccessMode       mode,
                SsemSysvAttachment **attachment)
{
  g_autofree char *path = ssem_sysv_key_path (key);
  g_autofree char *place = NULL;
  SsemSysvAttachment *self;
  gboolean is_orphan;
  int result;

  result = find_place (path, &place);
  if (result != 0)
    return result;

  do
    {
      self = registry_get (key, path, place);
      is_orphan = FALSE;

      g_mutex_lock (&self->gate);
      if (self->fd < 0)
        {
          result = attach (self, initial_value, mode);
        }
      else
        {
          result = lock_gate (self);
          if (result == 0)
            {
              result = is_orphaned (self);
              is_orphan = result > 0;
              if (result == 0)
                {
                  /* Apart, because MIN () may evaluate it twice. */
                  result = admit (self, initial_value, mode);
                  result = MIN (result, 0);
                }
              ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_NONE);
            }
        }
      g_mutex_unlock (&self->gate);

      if (is_orphan)
        {
          g_mutex_lock (&registry_lock);
          registry_drop (self);
          g_mutex_unlock (&registry_lock);
        }
      if (is_orphan || result != 0)
        {
          ssem_sysv_attachment_close (self);
          ssem_sysv_attachment_unref (self);
        }
    }
  while (is_orphan);

  if (result == 0)
    *attachment = self;

  return result;
}

int
ssem_sysv_attachment_open (const char          *key,
                           int                  initial_value,
                           SsemAccessMode       mode,
                           SsemSysvAttachment **attachment)
{
  int cancel_state = ssem_thread_disable_cancel ();
  int result = join_or_attach (key, initial_value, mode, attachment);

  ssem_thread_restore_cancel (cancel_state);

  return result;
}

void
ssem_sysv_attachment_close (SsemSysvAttachment *self)
{
  int cancel_state = ssem_thread_disable_cancel ();
  gboolean is_last;

  g_mutex_lock (&registry_lock);
  is_last = --self->n_instances == 0;
  if (is_last)
    registry_drop (self);
  g_mutex_unlock (&registry_lock);

  /* A new instance makes an attachment of its own from here on; the file's locks tell the two apart
   * as they do two processes. */
  if (is_last)
    {
      g_mutex_lock (&self->gate);
      if (self->fd >= 0 && is_of_this_process (self))
        detach (self);
      g_mutex_unlock (&self->gate);
    }
  ssem_thread_restore_cancel (cancel_state);
}

static gboolean
holds_units (SsemSysvAttachment *self)
{
  guint16 epoch;

  /* A child that has never used what it inherited. */
  if (self->record == NULL)
    return FALSE;

  epoch = (guint16) atomic_load_explicit (&self->record->epoch, memory_order_relaxed) & ~1;

  return ssem_sysv_ledger_balance (&self->account->ledger, epoch) != 0;
}

static void
attachment_free (SsemSysvAttachment *self)
{
  if (self->record != NULL)
    ssem_sysv_file_unmap (self->record);
  g_mutex_clear (&self->gate);
  g_free (self->place);
  g_free (self->path);
  g_free (self->key);
  g_free (self);
}

void
ssem_sysv_attachment_unref (SsemSysvAttachment *self)
{
  int cancel_state = ssem_thread_disable_cancel ();
  gboolean is_last;

  g_mutex_lock (&registry_lock);
  is_last = --self->n_references == 0;
  if (is_last)
    {
      g_hash_table_remove (attachments, self);
      if (self->account != NULL)
        account_put (self->account, holds_units (self));
    }
  g_mutex_unlock (&registry_lock);

  if (is_last)
    attachment_free (self);
  ssem_thread_restore_cancel (cancel_state);
}

int
ssem_sysv_attachment_attach_child (SsemSysvAttachment *self)
{
  int cancel_state = ssem_thread_disable_cancel ();
  int result = 0;

  g_mutex_lock (&self->gate);
  if (!is_of_this_process (self))
    {
      result = open_file (self, FALSE);
      if (result == 0)
        result = ssem_file_lock_wait (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_EXCLUSIVE);
      if (result == 0)
        result = ssem_file_is_at (self->fd, self->path);
      if (result > 0)
        result = ssem_sysv_file_map (self->fd, self->key, SSEM_SYSV_PHASE_QTS, &self->record);
      if (result == 0)
        result = is_orphaned (self);
      if (result == -ENOENT || result > 0)
        result = -EIDRM;
      if (result == 0)
        result = ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ALIVE, SSEM_FILE_LOCK_SHARED);

      if (result != 0)
        {
          if (self->record != NULL)
            ssem_sysv_file_unmap (g_steal_pointer (&self->record));
          close_file (self);
        }
      else
        {
          ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_NONE);
          atomic_store_explicit (&self->fork_count, ssem_fork_count (), memory_order_release);
        }
    }
  g_mutex_unlock (&self->gate);
  ssem_thread_restore_cancel (cancel_state);

  return result;
}

/* The resetter may be at it, be stopped, or be dead. Only in the last case are both gates free. Safe
 * in a signal handler, as it waits for nothing. */
void
ssem_sysv_attachment_finish_reset (SsemSysvAttachment *self)
{
  int cancel_state = ssem_thread_disable_cancel ();

  if (g_mutex_trylock (&self->gate))
    {
      if (has_descriptor (self) &&
          ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_EXCLUSIVE) == 0)
        {
          finish_reset (self->record, self->set);
          ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_NONE);
        }
      g_mutex_unlock (&self->gate);
    }
  ssem_thread_restore_cancel (cancel_state);
}

int
ssem_sysv_attachment_get_room (SsemSysvAttachment *self)
{
  guint16 epoch = ssem_sysv_attachment_get_epoch (self);
  gint64 balance = ssem_sysv_ledger_balance (&self->account->ledger, epoch);

  return (int) (SSEM_SYSV_LEDGER_UNDO_MAX - CLAMP (balance, 0, SSEM_SYSV_LEDGER_UNDO_MAX));
}
