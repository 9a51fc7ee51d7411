/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-attachment-private.h"

#include "ssem-sysv-key-private.h"
#include "ssem-sysv-set-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* States of an attachment
 *
 *   new         the file is closed and there is no record.
 *   attached    the file is open and has the lock "alive". The set, the record and the account are
 *               valid.
 *   left        the file is closed, but the record stays mapped: threads may be inside an
 *               operation.
 *   inherited   this process is a child of fork (), and has not used the attachment yet. The file
 *               is closed and there is no record. Attaching reaches the incarnation of the parent
 *               or fails.
 *
 * An attachment is orphaned where something outside has removed the set, or the path names another
 * file now. A new instance needs a new attachment then. Operations of the old instances fail with
 * EIDRM.
 *
 * Locks, in this order
 *
 *   thread_lock    makes the threads of this process wait for each other, because the owner of the
 *                  attach lock is the open file, which they share.
 *   attach lock    of the file; makes the processes wait for each other. Another process may be
 *                  stopped while it has the attach lock.
 *
 *   No fork waits for either of them. The exit hook does not run in a thread that has thread_lock.
 *   The semaphore is left over then, as after a crash.
 *
 * Descriptors that the program closes: some programs close all descriptors that they find, and the
 * system may give the number to another file. So the descriptor is compared with what it was before
 * each use. The mapping keeps the lock "alive". Such a process can neither open the key again nor
 * leave in good order. It must not remove the set, since the other file says nothing of other
 * processes.
 *
 * Fork: a child that kept a copy of the descriptor or the mapping would keep the parent's locks
 * after the parent's death. So the child closes the descriptor, and does not inherit the mapping.
 * Each file is stored where the child finds it before it gets a lock: see ssem_fork_get_n_begun ().
 *
 * Locks of other libraries: a child of fork () finds them as they were, some of them locked
 * forever. The operations of an object, the fork handler and the exit hook take none of these. The
 * first operation in a child and the last drop of an object take only that of malloc (3), which the
 * C library resets in a child. One by one:
 *
 *   malloc          not in the fork handler and the exit hook
 *   random numbers  getrandom (2), never GLib's generator
 *   slices          (before GLib 2.76) the tables are made at the start; opening a new object's key
 *                   takes some, as the object itself does, and so does a GError
 *   quarks, once    only at the start, before there is an object
 *   environment     read when a key is opened; getenv (3) takes no lock
 *   gettext         translates the message of a failure, nothing else
 *   stdio           never
 *
 * Resets, and what the kernel does not tell
 *
 *   SETVAL clears all undo counts, so it begins a new epoch. The resetter makes the epoch's number
 *   odd, sets the value, and makes the number even. An acquire reads the number once, after the
 *   kernel has granted the units. An acquire that was blocked finds the new number, because the
 *   reset woke it. A release reads the number once, before it calls the kernel, because it has to
 *   know what to pay back. An odd number counts as the even number below it.
 *
 *   So an operation at the very moment of a reset may be booked on the wrong side of it. That shows
 *   when its process dies:
 *
 *   - An acquire before SETVAL may be booked after the even number. A release may be booked before
 *     it and reach the kernel after SETVAL. Both pay back what the reset has forgotten, and the
 *     value ends too low.
 *   - An acquire after SETVAL may be booked before the even number. Then the ledger alone forgets
 *     the units, their release pays nothing back, and the value ends too high.
 *
 *   A resetter that dies between the two numbers leaves an odd one. The next process that gets the
 *   attach lock finishes the reset. Nobody waits for a resetter that is stopped.
 */

/* How many key files in a row may have the kernel's key of another semaphore before we give up. */
#define MAX_COLLISIONS 16

void
ssem_sysv_attachment_init (void)
{
  ssem_sysv_account_init ();
}

/* Makes @name the same for each path to the key file: @path without links may still lead through
 * one of several mounts. */
static int
make_name (const char  *path,
           char       **name)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  SsemFileIdentity identity;
  struct stat found;

  if (stat (directory, &found) != 0)
    return errno == ENOENT ? -ENOTDIR : -errno;

  ssem_file_identity_set (&identity, &found);
  *name = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%s",
                           identity.device, identity.inode, base);

  return 0;
}

int
ssem_sysv_attachment_new (const char          *key,
                          SsemSysvAttachment **attachment)
{
  g_autofree char *path = ssem_sysv_key_path (key);
  SsemSysvAttachment *self;
  char *name = NULL;
  int result = make_name (path, &name);

  if (result != 0)
    return result;

  self = g_new0 (SsemSysvAttachment, 1);
  self->key = g_strdup (key);
  self->path = g_steal_pointer (&path);
  self->name = name;
  self->set = -1;
  ssem_sysv_file_init (&self->file);
  g_mutex_init (&self->thread_lock);
  *attachment = self;

  return 0;
}

static gboolean
owes_units (SsemSysvAttachment *self)
{
  guint16 epoch;

  /* A child that has never used what it inherited. */
  if (self->file.record == NULL)
    return FALSE;

  epoch = (guint16) atomic_load_explicit (&self->file.record->epoch, memory_order_relaxed) & ~1;

  return ssem_sysv_ledger_balance (&self->account->ledger, epoch) != 0;
}

void
ssem_sysv_attachment_free (SsemSysvAttachment *self)
{
  if (self->account != NULL)
    ssem_sysv_account_put (self->account, owes_units (self));
  ssem_sysv_file_unmap (&self->file);
  g_mutex_clear (&self->thread_lock);
  g_free (self->name);
  g_free (self->path);
  g_free (self->key);
  g_free (self);
}

void
ssem_sysv_attachment_forget (SsemSysvAttachment *self)
{
  ssem_sysv_file_forget (&self->file);
  self->is_inherited = TRUE;

  /* Another thread of the parent may have had it; that thread is not here. */
  g_mutex_init (&self->thread_lock);
}

/* --- The file --- */

/* Waits for the attach lock of the file that is open; -EBADF where the program has closed it. */
static int
lock_file (SsemSysvAttachment *self)
{
  int result = -EBADF;

  ssem_thread_lock (&self->thread_lock);
  if (ssem_sysv_file_has_descriptor (&self->file))
    result = ssem_sysv_file_lock (&self->file);
  if (result != 0)
    ssem_thread_unlock (&self->thread_lock);

  return result;
}

static void
unlock_file (SsemSysvAttachment *self)
{
  ssem_sysv_file_unlock (&self->file);
  ssem_thread_unlock (&self->thread_lock);
}

/* Opens the file at the path, or creates it, and waits for its attach lock. */
static int
open_locked (SsemSysvAttachment *self,
             gboolean            may_create)
{
  int result;

  for (;;)
    {
      result = ssem_sysv_file_open (&self->file, self->path);
      if (result == -ENOENT && may_create)
        {
          result = ssem_sysv_file_create (&self->file, self->path, self->key);
          if (result == -EEXIST)
            continue;
          /* The directory is missing. */
          if (result == -ENOENT)
            result = -ENOTDIR;
        }
      if (result != 0)
        return result;

      result = ssem_sysv_file_lock (&self->file);
      if (result != 0 || ssem_file_is_at (self->file.fd, self->path) != 0)
        return result;

      /* The last user removed it while we waited. */
      ssem_sysv_file_close (&self->file);
      ssem_sysv_file_unmap (&self->file);
    }
}

static gboolean
others_are_alive (SsemSysvAttachment *self)
{
  /* An error counts as a process: nothing is removed in doubt. */
  return ssem_file_lock_query (self->file.fd, SSEM_SYSV_FILE_ALIVE, 1) != 0;
}

/* --- With the attach lock --- */

/* Returns whether @mode sets the value of a set that exists. */
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

/* Finds, creates or resets the set as @mode says. Returns the set's identifier; -EADDRINUSE where
 * another semaphore has the kernel's key of this file. */
static int
get_set (SsemSysvAttachment *self,
         int                 initial_value,
         SsemAccessMode      mode)
{
  SsemSysvRecord *record = self->file.record;
  gboolean exists, is_in_use;
  key_t token;
  int set, result;

  set = ssem_sysv_set_find (self->path, &token);
  if (set < 0 && set != -ENOENT)
    return set;
  if (set >= 0 && record->phase == SSEM_SYSV_PHASE_EMPTY)
    return -EADDRINUSE;
  if (set >= 0 && ssem_sysv_record_is_qts_set (record, set))
    ssem_sysv_record_take_qts_set (record, set);

  exists = set >= 0 && record->phase == SSEM_SYSV_PHASE_READY;
  if (!exists)
    {
      if (mode == SSEM_ACCESS_MODE_OPEN_EXISTING)
        return -ENOENT;
      return ssem_sysv_record_create_set (record, token, set, initial_value);
    }

  ssem_sysv_record_finish_reset (record, set);

  /* Qt leaves no trace of its living processes, so a set that Qt made counts as used. */
  is_in_use = self->set >= 0 || !record->made_by_us || others_are_alive (self);
  if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && is_in_use)
    return -EEXIST;

  if (resets (mode, is_in_use))
    {
      result = ssem_sysv_record_reset_set (record, set, initial_value);
      if (result != 0)
        return result;
    }

  return set;
}

/* Returns the set that the path leads to, if it is ours to remove; -EBUSY where it is Qt's, or may
 * be. */
static int
find_own_set (SsemSysvAttachment *self)
{
  SsemSysvRecord *record = self->file.record;
  key_t token;
  int set = ssem_sysv_set_find (self->path, &token);

  if (set < 0)
    return set;

  if (record->phase == SSEM_SYSV_PHASE_READY)
    return set == ssem_sysv_record_get_set (record) ? set : -EBUSY;

  /* A process died while it created the set, unless somebody has used the set since. */
  return record->phase == SSEM_SYSV_PHASE_CREATING && ssem_sysv_set_was_used (set) == 0 ? set
                                                                                         : -EBUSY;
}

/* @set is an identifier, or the error of looking for it. Returns whether there is no set any
 * more. */
static gboolean
remove_set (int set)
{
  int result = set >= 0 ? ssem_sysv_set_remove (set) : set;

  return result == 0 || result == -ENOENT || result == -EIDRM;
}

/* After a failure: removes a file of ours that has no semaphore, and what a creator that died has
 * left of one. In the phase EMPTY, a set that is found is another key's. */
static void
remove_unfinished (SsemSysvAttachment *self)
{
  guint32 phase = self->file.record->phase;

  if (phase == SSEM_SYSV_PHASE_READY || phase == SSEM_SYSV_PHASE_QTS ||
      ssem_file_is_at (self->file.fd, self->path) <= 0)
    return;

  if (phase == SSEM_SYSV_PHASE_EMPTY || remove_set (find_own_set (self)))
    unlink (self->path);
}

/* Returns whether a new instance would find another semaphore than the one that this is attached
 * to: 0, 1, or -errno where that is not known. */
static int
is_orphaned (SsemSysvAttachment *self)
{
  key_t token;
  int result;

  result = ssem_file_is_at (self->file.fd, self->path);
  if (result <= 0)
    return result == 0 ? 1 : result;

  result = ssem_sysv_set_find (self->path, &token);
  if (result < 0 && result != -ENOENT)
    return result;

  return result != self->set || self->file.record->incarnation != self->incarnation;
}

/* As the last process. */
static void
remove_all (SsemSysvAttachment *self)
{
  gboolean is_at_path = ssem_file_is_at (self->file.fd, self->path) > 0;

  /* By the record, not by what we are attached to: something outside may have removed our set, and
   * another process may have created one for this file since, and be gone. */
  int set = is_at_path ? find_own_set (self) : ssem_sysv_record_get_set (self->file.record);

  /* The set first: a file without a set does no harm, but nobody would ever find a set without a
   * file. A process that has become another user's may not remove the set, and leaves both. */
  if (!remove_set (set))
    return;

  if (is_at_path)
    unlink (self->path);
  atomic_store_explicit (&self->account->ledger.word, 0, memory_order_relaxed);
}

/* --- Attaching and leaving --- */

/* One attempt: returns the identifier of the set. A failure leaves the file open. */
static int
enter_file (SsemSysvAttachment *self,
            int                 initial_value,
            SsemAccessMode      mode)
{
  int result = ssem_sysv_file_check (&self->file, self->key, SSEM_SYSV_PHASE_QTS);

  if (result != 0)
    return result;

  /* Alive before anything is created, so that a failure has nothing to undo in a set. */
  result = ssem_file_lock_try (self->file.fd, SSEM_SYSV_FILE_ALIVE, SSEM_FILE_LOCK_SHARED);
  if (result == 0)
    result = get_set (self, initial_value, mode);
  if (result < 0)
    remove_unfinished (self);

  return result;
}

/* From new to attached. */
static int
attach_new (SsemSysvAttachment *self,
            int                 initial_value,
            SsemAccessMode      mode)
{
  int collided[MAX_COLLISIONS];
  int n_collided = 0;
  int result;

  for (;;)
    {
      result = open_locked (self, mode != SSEM_ACCESS_MODE_OPEN_EXISTING);
      if (result == 0)
        result = enter_file (self, initial_value, mode);
      if (result >= 0)
        break;

      ssem_sysv_file_unmap (&self->file);
      if (result != -EADDRINUSE || n_collided == MAX_COLLISIONS)
        break;

      /* ftok(3) keeps 16 bits of the inode's number. As long as this file is open, the next one has
       * another number. */
      collided[n_collided++] = ssem_sysv_file_disown (&self->file);
    }

  while (n_collided > 0)
    close (collided[--n_collided]);

  if (result < 0)
    {
      ssem_sysv_file_close (&self->file);
      return result;
    }

  /* The incarnation last: a child that is forked meanwhile must not take the rest for complete. */
  self->set = result;
  self->account = ssem_sysv_account_get (self->file.record->incarnation);
  self->incarnation = self->file.record->incarnation;
  ssem_sysv_file_unlock (&self->file);

  return 0;
}

/* For one more instance of an attached process; 1 where it is orphaned. */
static int
join (SsemSysvAttachment *self,
      int                 initial_value,
      SsemAccessMode      mode)
{
  int result = lock_file (self);

  if (result != 0)
    return result;

  result = is_orphaned (self);
  if (result == 0)
    {
      result = get_set (self, initial_value, mode);
      result = MIN (result, 0);
    }
  unlock_file (self);

  return result;
}

int
ssem_sysv_attachment_attach (SsemSysvAttachment *self,
                             int                 initial_value,
                             SsemAccessMode      mode)
{
  if (self->is_inherited)
    return 1;
  if (self->file.fd >= 0)
    return join (self, initial_value, mode);

  return self->file.record == NULL ? attach_new (self, initial_value, mode) : 1;
}

int
ssem_sysv_attachment_attach_child (SsemSysvAttachment *self)
{
  int result = open_locked (self, FALSE);

  if (result == 0)
    result = ssem_sysv_file_check (&self->file, self->key, SSEM_SYSV_PHASE_QTS);
  if (result == 0)
    result = is_orphaned (self);
  if (result == -ENOENT || result > 0)
    result = -EIDRM;
  if (result == 0)
    result = ssem_file_lock_try (self->file.fd, SSEM_SYSV_FILE_ALIVE, SSEM_FILE_LOCK_SHARED);

  if (result != 0)
    {
      ssem_sysv_file_close (&self->file);
      ssem_sysv_file_unmap (&self->file);
      return result;
    }

  self->is_inherited = FALSE;
  ssem_sysv_file_unlock (&self->file);

  return 0;
}

void
ssem_sysv_attachment_leave (SsemSysvAttachment *self)
{
  if (self->file.fd < 0)
    return;

  /* Closing drops "alive" first. Else the next process to leave might find us alive, after we have
   * found it alive, and nobody would remove the semaphore. */
  ssem_thread_lock (&self->thread_lock);
  if (ssem_sysv_file_has_descriptor (&self->file) && ssem_sysv_file_lock (&self->file) == 0 &&
      self->file.record->made_by_us && !others_are_alive (self))
    remove_all (self);
  ssem_sysv_file_close (&self->file);
  ssem_thread_unlock (&self->thread_lock);
}

/* The resetter may be running, stopped or dead. Only where it is dead, both locks are free. Safe in
 * a signal handler, because it waits for nothing. */
void
ssem_sysv_attachment_finish_reset (SsemSysvAttachment *self)
{
  int cancel_state = ssem_thread_disable_cancel ();

  if (g_mutex_trylock (&self->thread_lock))
    {
      if (ssem_sysv_file_has_descriptor (&self->file) &&
          ssem_sysv_file_try_lock (&self->file) == 0)
        {
          ssem_sysv_record_finish_reset (self->file.record, self->set);
          ssem_sysv_file_unlock (&self->file);
        }
      g_mutex_unlock (&self->thread_lock);
    }
  ssem_thread_restore_cancel (cancel_state);
}
