/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-attachment-private.h"

#include "ssem-sysv-key-private.h"
#include "ssem-sysv-set-private.h"

#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words
 *
 *   instance      an open object of the program. All instances of a key share one attachment.
 *   key file      the file that belongs to a key: see ssem-sysv-key-private.h.
 *   set           the kernel's System V semaphore set that belongs to the key file.
 *   record        the library's data about the set. The key file contains the record, and each
 *                 attached process maps it: see ssem-sysv-record-private.h.
 *   attach lock   an exclusive lock on the key file. A process has this lock while it attaches,
 *                 resets or leaves.
 *   alive lock    a shared lock on the key file. A process has this lock while it is attached.
 *   incarnation   the life of one set, from creation to removal.
 *   reset         setting the value of an existing set, with the command SETVAL of semctl (2).
 *   epoch         the time between two resets of a set, and the number of that time in the record.
 *   undo count    the units that the kernel adds to the value when a process ends. The kernel keeps
 *                 an undo count for each process and set.
 *   ledger        the balance of this process in one epoch: the units that it acquired with undo,
 *                 less the units that it released: see ssem-sysv-ledger-private.h.
 *   account       the ledger of this process for one incarnation.
 *   exit hook     the function that leaves each semaphore when the program calls exit ().
 *
 * States of an attachment
 *
 *   new           The file is closed, and there is no record.
 *   attached      The file is open, and the process has the alive lock. The set, the record and the
 *                 account are valid.
 *   left          The file is closed, and the alive lock is unlocked. The record stays mapped,
 *                 because threads may still be inside an operation.
 *   inherited     This process is a child of fork () and has not used the attachment yet. The file
 *                 is closed, and there is no record. The child attaches to the same incarnation as
 *                 its parent, or fails.
 *
 *   A new instance can use an attachment only in the states "new" and "attached". In the other
 *   states, ssem_sysv_attachment_attach () returns 1, and the instance needs a new attachment.
 *
 *   An attachment is orphaned if something outside has removed the set, or if the path now names
 *   another file. A new instance then needs a new attachment, too. If the set was removed,
 *   operations of the old instances fail with EIDRM. If only the path changed, the old instances
 *   continue to use the set.
 *
 * Locks, in this order
 *
 *   thread_lock   excludes the other threads of this process. The attach lock cannot exclude these
 *                 threads, because its owner is the open file, which all threads share.
 *   attach lock   excludes other processes. Another process may be stopped while it has the attach
 *                 lock.
 *
 *   attach_new () and ssem_sysv_attachment_attach_child () take the attach lock without
 *   thread_lock. Before they return, no operation can use the attachment.
 *
 *   No fork waits for these locks. A signal handler may interrupt a thread that has one of these
 *   locks, and call exit (). Then no exit hook runs, and a semaphore may be left over as after a
 *   crash.
 *
 * Closed descriptors
 *
 *   Some programs close every descriptor that they find. The system may then give the same
 *   descriptor to another file. Before each use, the library checks that the descriptor still
 *   refers to the key file. If it does not, opening the key again fails with EBADF while an
 *   instance is open.
 *
 *   The mapping still keeps the open file, and so the alive lock, until the attachment is freed.
 *   The process leaves without removing the set, because the reused descriptor cannot show whether
 *   other processes are attached.
 *
 * Fork
 *
 *   A copy of the descriptor or of the mapping in a child would keep the parent's locks after the
 *   death of the parent. So the child closes the descriptor and does not inherit the mapping. The
 *   parent stores each descriptor for the fork handler before it locks the file: see
 *   ssem_fork_get_n_begun ().
 *
 * Locks of other libraries
 *
 *   In a child of fork (), a lock stays locked forever if another thread of the parent had it. So
 *   the fork handler, the exit hook and every later successful operation of an object take no lock
 *   of another library. Two other calls take only the lock of malloc (3), which the C library
 *   resets in a child: the first operation in a child, and the last unref of an object. These parts
 *   of other libraries have locks:
 *
 *   malloc          The fork handler and the exit hook allocate and free nothing.
 *   random numbers  The library calls getrandom (2), never GLib's generator.
 *   slices          With a GLib older than 2.76, the library initialises the slice tables at
 *                   startup. Opening a key and creating an object or a GError use slices.
 *   quarks, g_once  The library uses them only at startup, before there is an object.
 *   environment     The library reads variables only when it opens a key. getenv (3) takes no lock.
 *   gettext         The library translates only the messages of errors.
 *   stdio           The library uses no stdio streams.
 *
 * Resets and epochs
 *
 *   A reset clears all undo counts, so it begins a new epoch. The process that resets makes the
 *   epoch in the record odd, calls SETVAL, and makes the epoch even. An operation that reads an odd
 *   epoch uses the even epoch before it. (In shared memory, epochs have odd and even numbers.)
 *
 *   An acquire reads the epoch once, after the kernel has granted the units. So an acquire that was
 *   blocked does not use the epoch in which its wait began. A release reads the epoch once, before
 *   the kernel call, because the epoch decides for how many units the release uses SEM_UNDO.
 *
 *   An operation during a reset may therefore use the wrong epoch. Then the value is wrong after
 *   the process ends:
 *
 *   - An acquire before SETVAL may use the new epoch; its units are released later. A release may
 *     use the old epoch but run after SETVAL. In both cases, a release lowers an undo count that
 *     SETVAL has already cleared, and the value becomes too low.
 *   - An acquire after SETVAL may use the old epoch. Then the ledger forgets the units, but the
 *     undo count does not. The release does not lower the undo count, and the value becomes too
 *     high.
 *
 *   A process that dies during a reset leaves an odd epoch. The next instance that opens the key
 *   finishes the reset, and so does the next operation that finds both locks free. A child that
 *   attaches and a process that leaves do not finish the reset.
 *
 *   A process that is stopped during a reset keeps the attach lock. Processes that attach or leave
 *   wait for this process. Operations do not wait.
 */

/* How many key files in a row may have the IPC key of another semaphore before attaching fails. */
#define MAX_COLLISIONS 16

static SsemSysvRecord *
get_record (SsemSysvAttachment *self)
{
  return ssem_sysv_file_get_record (&self->file);
}

void
ssem_sysv_attachment_init (void)
{
  ssem_sysv_account_init ();
}

/* Computes one @name for all paths to the key file, because one directory can be mounted at several
 * places. Other project numbers have names of their own: they are refused when the file is opened.
 * Returns 0 or -errno. */
static int
make_unique_name (const SsemSysvLocation  *location,
                  char                   **name)
{
  g_autofree char *directory = g_path_get_dirname (location->path);
  g_autofree char *base = g_path_get_basename (location->path);
  SsemFileIdentity identity;
  struct stat found;

  if (stat (directory, &found) != 0)
    return errno == ENOENT ? -ENOTDIR : -errno;

  ssem_file_identity_set (&identity, &found);
  *name = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%d:%s",
                           identity.device, identity.inode, location->project, base);

  return 0;
}

int
ssem_sysv_attachment_new (const SsemSysvLocation  *location,
                          SsemSysvAttachment     **attachment)
{
  SsemSysvAttachment *self;
  char *name = NULL;
  int result = make_unique_name (location, &name);

  if (result != 0)
    return result;

  self = g_new0 (SsemSysvAttachment, 1);
  self->key = g_strdup (location->key);
  self->path = g_strdup (location->path);
  self->name = name;
  self->location = (SsemSysvLocation) {
    .key = self->key,
    .path = self->path,
    .project = location->project,
  };
  self->set = -1;
  ssem_sysv_file_init (&self->file);
  g_mutex_init (&self->thread_lock);
  *attachment = self;

  return 0;
}

/* Returns whether the ledger has a balance in the present epoch. Then the account must outlive the
 * attachment, because the kernel's undo count does. */
static gboolean
has_unsettled_units (SsemSysvAttachment *self)
{
  guint16 epoch;

  /* This process is a child that has never used the inherited attachment. */
  if (self->file.memory == NULL)
    return FALSE;

  epoch = (guint16) atomic_load_explicit (&get_record (self)->epoch, memory_order_relaxed) & ~1;

  return ssem_sysv_ledger_balance (&self->account->ledger, epoch) != 0;
}

void
ssem_sysv_attachment_free (SsemSysvAttachment *self)
{
  if (self->account != NULL)
    ssem_sysv_account_unref (self->account, has_unsettled_units (self));
  ssem_lock_file_unmap (&self->file);
  g_mutex_clear (&self->thread_lock);
  g_free (self->name);
  g_free (self->path);
  g_free (self->key);
  g_free (self);
}

void
ssem_sysv_attachment_mark_inherited (SsemSysvAttachment *self)
{
  ssem_lock_file_discard_in_child (&self->file);
  self->is_inherited = TRUE;

  /* A thread of the parent may have had the lock. That thread does not exist in the child. */
  g_mutex_init (&self->thread_lock);
}

/* --- The file --- */

/* Takes thread_lock, and waits for the attach lock of the open file. Returns 0 or -errno; -EBADF if
 * the program has closed the descriptor. */
static int
lock_file (SsemSysvAttachment *self)
{
  int result = -EBADF;

  ssem_thread_lock (&self->thread_lock);
  if (ssem_lock_file_has_descriptor (&self->file))
    result = ssem_lock_file_lock (&self->file);
  if (result != 0)
    ssem_thread_unlock (&self->thread_lock);

  return result;
}

static void
unlock_file (SsemSysvAttachment *self)
{
  ssem_lock_file_unlock (&self->file);
  ssem_thread_unlock (&self->thread_lock);
}

/* Returns 0 or -errno; -EEXIST if the file is not at the path. */
static int
set_ipc_key (SsemSysvAttachment *self)
{
  int result = ssem_sysv_key_make_ipc_key (self->path, self->location.project, &self->ipc_key);

  return result == -ENOENT ? -EEXIST : result;
}

/* Creates the file with its attach lock. Returns 0 or -errno; -EEXIST if another process has
 * created a file. */
static int
create_with_lock (SsemSysvAttachment *self)
{
  int result = ssem_sysv_file_create (&self->file, &self->location);

  /* The directory is missing. */
  if (result == -ENOENT)
    return -ENOTDIR;

  return result == 0 ? set_ipc_key (self) : result;
}

/* Returns whether the open file is empty, and no set belongs to it. */
static gboolean
is_unused (SsemSysvAttachment *self)
{
  return ssem_sysv_file_is_empty (&self->file) && set_ipc_key (self) == 0 &&
         ssem_sysv_set_lookup (self->ipc_key) == -ENOENT;
}

/* Opens the file at the path and waits for its attach lock. Returns 0 or -errno; -ENOENT if there
 * is no file, or without @may_create no semaphore; -EEXIST if the last process removed the file
 * during the wait. */
static int
open_with_lock (SsemSysvAttachment *self,
                gboolean            may_create)
{
  int result = ssem_lock_file_open (&self->file, self->path);

  if (result == 0)
    result = ssem_lock_file_lock (&self->file);
  if (result == 0 && ssem_file_identity_is_at (&self->file.identity, self->path) == 0)
    result = -EEXIST;
  /* A native key may name any empty file of the user. Do not write into it for nothing. */
  if (result == 0 && !may_create && is_unused (self))
    result = -ENOENT;
  if (result == 0)
    result = ssem_sysv_file_ensure_record (&self->file, &self->location, SSEM_SYSV_PHASE_QT);

  return result == 0 ? set_ipc_key (self) : result;
}

/* Opens the file at the path, or creates the file, with the attach lock and a record. Returns 0 or
 * -errno. After a failure, the file may be open. */
static int
open_and_lock (SsemSysvAttachment *self,
               gboolean            may_create)
{
  int result;

  for (;;)
    {
      result = open_with_lock (self, may_create);
      if (result == -ENOENT && may_create)
        result = create_with_lock (self);
      if (result != -EEXIST)
        return result;

      ssem_lock_file_close (&self->file);
      ssem_lock_file_unmap (&self->file);
    }
}

/* --- With the attach lock --- */

/* Returns whether @mode sets the value of an existing set. */
static gboolean
mode_sets_value (SsemAccessMode mode,
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

/* Finds, creates or resets the set, as @mode requires. Returns the set's identifier or -errno;
 * -EADDRINUSE if another semaphore has the IPC key of this file. */
static int
open_set (SsemSysvAttachment *self,
          int                 initial_value,
          SsemAccessMode      mode)
{
  SsemSysvRecord *record = get_record (self);
  gboolean exists, is_in_use;
  int set, result;

  set = ssem_sysv_set_lookup (self->ipc_key);
  if (set < 0 && set != -ENOENT)
    return set;
  /* The record knows of no set, so the set belongs to another key file. */
  if (set >= 0 && record->phase == SSEM_SYSV_PHASE_EMPTY)
    return -EADDRINUSE;
  if (set >= 0 && ssem_sysv_record_is_qt_set (record, set))
    ssem_sysv_record_adopt_qt_set (record, set);

  exists = set >= 0 && record->phase == SSEM_SYSV_PHASE_READY;
  if (!exists)
    {
      if (mode == SSEM_ACCESS_MODE_OPEN_EXISTING)
        return -ENOENT;
      set = ssem_sysv_record_create_set (record, self->ipc_key, set, initial_value);
      if (set >= 0)
        {
          /* The file appeared before its set. A process that watches the directory looks again. */
          ssem_file_touch (self->path);
          ssem_debug_created (self->path);
        }
      return set;
    }

  ssem_sysv_record_finish_reset (record, set);

  /* Processes of Qt have no alive lock, so a set that Qt created counts as used. */
  is_in_use = self->set >= 0 || !record->made_by_us ||
              ssem_lock_file_others_are_alive (&self->file);
  if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && is_in_use)
    return -EEXIST;

  if (mode_sets_value (mode, is_in_use))
    {
      result = ssem_sysv_record_reset_set (record, set, initial_value);
      if (result != 0)
        return result;
    }

  return set;
}

/* Finds the set at the path, if a process of this library created it. Returns the set's identifier
 * or -errno; -EBUSY if Qt may have created the set. */
static int
find_own_set (SsemSysvAttachment *self)
{
  SsemSysvRecord *record = get_record (self);
  int set = ssem_sysv_set_lookup (self->ipc_key);

  if (set < 0)
    return set;

  if (record->phase == SSEM_SYSV_PHASE_READY)
    return set == ssem_sysv_record_get_set (record) ? set : -EBUSY;

  /* If nobody has used the set, its creator died during the creation, and this process may remove
   * the set. */
  return record->phase == SSEM_SYSV_PHASE_CREATING && ssem_sysv_set_was_used (set) == 0 ? set
                                                                                         : -EBUSY;
}

/* Removes @set, which is an identifier or the error of the search for the set. Returns whether the
 * set no longer exists. */
static gboolean
remove_set_if_found (int set)
{
  int result = set >= 0 ? ssem_sysv_set_remove (set) : set;

  return result == 0 || result == -ENOENT || result == -EIDRM;
}

/* Removes the key file and an unfinished set after a failed attach. Keeps a file whose set is
 * ready, and a file that Qt made. In the phase EMPTY, a set with the same IPC key belongs to
 * another key, and stays. */
static void
remove_unfinished (SsemSysvAttachment *self)
{
  guint32 phase = get_record (self)->phase;

  if (phase == SSEM_SYSV_PHASE_READY || phase == SSEM_SYSV_PHASE_QT ||
      ssem_file_identity_is_at (&self->file.identity, self->path) <= 0)
    return;

  if (phase == SSEM_SYSV_PHASE_EMPTY || remove_set_if_found (find_own_set (self)))
    unlink (self->path);
}

/* Returns 0 if the key still leads to the semaphore of this attachment, 1 if not, or -errno if the
 * check fails. */
static int
is_orphaned (SsemSysvAttachment *self)
{
  int result;

  result = ssem_file_identity_is_at (&self->file.identity, self->path);
  if (result <= 0)
    return result == 0 ? 1 : result;

  result = ssem_sysv_set_lookup (self->ipc_key);
  if (result < 0 && result != -ENOENT)
    return result;

  return result != self->set || get_record (self)->incarnation != self->incarnation;
}

/* Removes the set and the file. Only the last process calls this function. */
static void
remove_set_and_file (SsemSysvAttachment *self)
{
  gboolean is_at_path = ssem_file_identity_is_at (&self->file.identity, self->path) > 0;

  /* Do not use @self->set, which may have been removed. Another process may have created a new set
   * for this file and closed it. The record identifies the new set. */
  int set = is_at_path ? find_own_set (self) : ssem_sysv_record_get_set (get_record (self));

  /* Remove the set before the file. A file without a set does no harm, but no process can find a
   * set without its file. A process that has changed its user cannot remove the set, so it keeps
   * the set and the file. */
  if (!remove_set_if_found (set))
    return;

  if (is_at_path)
    unlink (self->path);
  ssem_debug_removed (self->path);
  atomic_store_explicit (&self->account->ledger.word, 0, memory_order_relaxed);
}

/* --- Attaching and leaving --- */

/* Tries to attach through the open file, with the attach lock. Returns the set's identifier or
 * -errno. After a failure, the file is still open. */
static int
lock_alive_and_open_set (SsemSysvAttachment *self,
                         int                 initial_value,
                         SsemAccessMode      mode)
{
  /* Take the alive lock before creating the set, so that a lock failure leaves no set behind. */
  int result = ssem_lock_file_lock_alive (&self->file);

  if (result == 0)
    result = open_set (self, initial_value, mode);
  if (result < 0)
    remove_unfinished (self);

  return result;
}

/* Attaches a new attachment. Returns 0 or -errno. */
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
      result = open_and_lock (self, mode != SSEM_ACCESS_MODE_OPEN_EXISTING);
      if (result == 0)
        result = lock_alive_and_open_set (self, initial_value, mode);
      if (result >= 0)
        break;

      ssem_lock_file_unmap (&self->file);
      if (result != -EADDRINUSE || n_collided == MAX_COLLISIONS)
        break;

      /* ftok (3) uses only 16 bits of the inode number, so two files can have the same IPC key.
       * While this file is open, the next file gets another inode number. */
      collided[n_collided++] = ssem_lock_file_steal_descriptor (&self->file);
    }

  while (n_collided > 0)
    close (collided[--n_collided]);

  if (result < 0)
    {
      ssem_lock_file_close (&self->file);
      return result;
    }

  /* Store the incarnation last. Otherwise a child that is forked meanwhile would treat an
   * incomplete attachment as complete. */
  self->set = result;
  self->account = ssem_sysv_account_get (get_record (self)->incarnation);
  self->incarnation = get_record (self)->incarnation;
  ssem_lock_file_unlock (&self->file);

  return 0;
}

/* Adds an instance to an attachment that is attached. Returns 0 or -errno; 1 if the attachment is
 * orphaned. */
static int
attach_again (SsemSysvAttachment *self,
              int                 initial_value,
              SsemAccessMode      mode)
{
  int result = lock_file (self);

  if (result != 0)
    return result;

  result = is_orphaned (self);
  if (result == 0)
    {
      result = open_set (self, initial_value, mode);
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
  /* An inherited attachment leads to the set of the parent. The key may now lead to another set. */
  if (self->is_inherited)
    return 1;
  if (self->file.fd >= 0)
    return attach_again (self, initial_value, mode);

  /* 1: the process has left. */
  return self->file.memory == NULL ? attach_new (self, initial_value, mode) : 1;
}

int
ssem_sysv_attachment_attach_child (SsemSysvAttachment *self)
{
  int result = open_and_lock (self, FALSE);

  if (result == 0)
    result = is_orphaned (self);
  if (result == -ENOENT || result > 0)
    result = -EIDRM;
  if (result == 0)
    result = ssem_lock_file_lock_alive (&self->file);

  if (result != 0)
    {
      ssem_lock_file_close (&self->file);
      ssem_lock_file_unmap (&self->file);
      return result;
    }

  self->is_inherited = FALSE;
  ssem_lock_file_unlock (&self->file);

  return 0;
}

void
ssem_sysv_attachment_leave (SsemSysvAttachment *self)
{
  if (self->file.fd < 0)
    return;

  ssem_thread_lock (&self->thread_lock);
  if (ssem_lock_file_has_descriptor (&self->file))
    {
      if (ssem_lock_file_lock_as_last (&self->file) && get_record (self)->made_by_us)
        remove_set_and_file (self);
      ssem_lock_file_close (&self->file);
    }
  /* The program has closed the descriptor. */
  else
    {
      self->file.fd = -1;
    }
  ssem_thread_unlock (&self->thread_lock);
}

/* Finishes the reset only if both locks are free: then the process that began the reset is dead.
 *
 * A signal handler may call this function. POSIX does not promise that for g_mutex_trylock () and
 * semctl (2). Here both are safe, because each returns without waiting and takes no other lock. */
void
ssem_sysv_attachment_finish_reset (SsemSysvAttachment *self)
{
  int cancel_state = ssem_thread_disable_cancel ();

  if (g_mutex_trylock (&self->thread_lock))
    {
      if (ssem_lock_file_has_descriptor (&self->file) &&
          ssem_lock_file_try_lock (&self->file) == 0)
        {
          ssem_sysv_record_finish_reset (get_record (self), self->set);
          ssem_lock_file_unlock (&self->file);
        }
      g_mutex_unlock (&self->thread_lock);
    }
  ssem_thread_restore_cancel (cancel_state);
}
