/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem/sysv/ssem-sysv-attachment-private.h"
#include "ssem/sysv/ssem-sysv-inspect-private.h"
#include "ssem/sysv/ssem-sysv-key-private.h"
#include "ssem/sysv/ssem-sysv-set-private.h"

#include <errno.h>

/* A System V semaphore, shared with Qt.
 *
 * Units that an instance with undo acquires carry SEM_UNDO, and the attachment's ledger says which
 * part of a release pays such units back (SEM_UNDO again) and which part creates (without). Both
 * parts are one call of semop(2). An acquire is booked after the kernel has granted it: until then
 * it is as if it had not happened, and the kernel would take it back whole at death. Where the
 * process had created units before, booking finds that the undo count must be lower, and lowers it.
 * A process that acquires what others create may come to hold more than the undo count can tell.
 * More than the largest value could not come back anyway, so what is past that is acquired without
 * SEM_UNDO.
 *
 * A wait is the kernel's: it blocks in semop(2), or in semtimedop(2) until the deadline. Nothing
 * but a signal or a time-out ends such a wait, and signal handlers belong to the program, so a wait
 * with a cancellable is cut into pieces of CANCEL_LATENCY_USEC, and only that one.
 *
 * An instance that is closed while a thread waits in it: where the process was the last, the set is
 * gone and the kernel wakes the waiter; else the wait goes on until it is served or a piece ends,
 * and gives back what it got.
 */

#define CANCEL_LATENCY_USEC G_GINT64_CONSTANT (20000)

typedef struct
{
  SsemInstance parent;
  SsemSysvAttachment *attachment; /* constant after init */
  gboolean undo;                  /* constant after init */
  atomic_bool is_closed;
} SysvInstance;

/* What an operation of the table answers for @result, 0 or -errno. */
static int
sysv_failure (int result)
{
  return result == -ERANGE ? SSEM_FAILURE_TOO_MANY : -result;
}

/* How long the kernel may let us wait in one piece; 0 where the deadline has passed. */
static gint64
next_wait (gint64        deadline_usec,
           GCancellable *cancellable)
{
  gint64 now = g_get_monotonic_time ();
  gint64 left = SSEM_SYSV_SET_FOR_EVER;

  if (deadline_usec != SSEM_DEADLINE_NONE)
    left = MAX (0, deadline_usec - now);
  if (cancellable != NULL && (left < 0 || left > CANCEL_LATENCY_USEC))
    left = CANCEL_LATENCY_USEC;

  return left;
}

/* The kernel has granted @n units, and has added @undone to the undo count. */
static inline void
book_acquired (SysvInstance *self,
               int           n,
               int           undone)
{
  guint16 epoch = ssem_sysv_attachment_get_epoch (self->attachment);
  int undo_change = ssem_sysv_attachment_book (self->attachment, epoch, n);

  if (G_UNLIKELY (undo_change != undone))
    ssem_sysv_set_shift_undo (self->attachment->set, undo_change - undone);
}

/* Adds @n units, paying back what the process holds first. */
static int
put_back (SysvInstance *self,
          int           n)
{
  SsemSysvAttachment *attachment = self->attachment;
  guint16 epoch;
  int paid, owed, result;

  if (!self->undo)
    return ssem_sysv_set_change (attachment->set, n, 0, SSEM_SYSV_SET_NO_WAIT);

  epoch = ssem_sysv_attachment_get_epoch (attachment);
  paid = -ssem_sysv_attachment_book (attachment, epoch, -n);
  result = ssem_sysv_set_change (attachment->set, n - paid, paid, SSEM_SYSV_SET_NO_WAIT);
  if (result != 0)
    {
      /* Book it back. Other threads may have moved the balance meanwhile, so that what the undo
       * count needs now is not what it needed before. */
      owed = ssem_sysv_attachment_book (attachment, epoch, n) - paid;
      ssem_sysv_set_shift_undo (attachment->set, owed);
    }

  return result;
}

/* For what has no instance. Answers FALSE. */
static gboolean
sysv_fail_key (GError        **error,
               SsemOperation   operation,
               const char     *key,
               int             result)
{
  g_autofree char *path = ssem_sysv_key_path (key);

  return ssem_backend_fail (error, operation, key, path, -result);
}

static SsemInstance *
sysv_open (const SsemBackendConfiguration  *configuration,
           const char                      *key,
           int                              initial_value,
           SsemAccessMode                   mode,
           gboolean                         undo,
           GError                         **error)
{
  SsemSysvAttachment *attachment = NULL;
  SysvInstance *self;
  int result;

  result = ssem_sysv_attachment_open (key, initial_value, mode, &attachment);
  if (result == -ERANGE)
    {
      ssem_backend_fail_maximum (error, SSEM_OPERATION_OPEN, key, SSEM_SYSV_SET_MAX);
      return NULL;
    }
  if (result != 0)
    {
      sysv_fail_key (error, SSEM_OPERATION_OPEN, key, result);
      return NULL;
    }

  self = g_new0 (SysvInstance, 1);
  self->parent.table = &ssem_backend_sysv;
  self->attachment = attachment;
  self->undo = undo;

  return &self->parent;
}

static int
sysv_acquire (SsemInstance *instance,
              int           n,
              gint64        deadline_usec,
              GCancellable *cancellable)
{
  SysvInstance *self = (SysvInstance *) instance;
  int undone = self->undo ? n : 0;
  gint64 wait_usec;
  int result;

  /* It would wait for ever. */
  if (n > SSEM_SYSV_SET_MAX)
    return SSEM_FAILURE_TOO_MANY;

  result = ssem_sysv_attachment_ready (self->attachment);
  if (result != 0)
    return sysv_failure (result);

  /* What can wait in one piece does so at once; else the clock is only looked at if need be. */
  wait_usec = deadline_usec == SSEM_DEADLINE_NONE && cancellable == NULL
              ? SSEM_SYSV_SET_FOR_EVER
              : SSEM_SYSV_SET_NO_WAIT;
  while ((result = ssem_sysv_set_change (self->attachment->set, undone - n, -undone,
                                         wait_usec)) != 0)
    {
      if (result == -ERANGE && undone > 0)
        {
          undone = MIN (undone - 1, ssem_sysv_attachment_get_room (self->attachment));
          /* It may have come at the end of a wait. */
          if (wait_usec > 0)
            wait_usec = next_wait (deadline_usec, cancellable);
          continue;
        }
      if (result != -EAGAIN && result != -EINTR)
        return atomic_load (&self->is_closed) ? SSEM_FAILURE_CLOSED : sysv_failure (result);

      if (deadline_usec == SSEM_DEADLINE_NOW && result == -EAGAIN)
        return SSEM_FAILURE_WOULD_BLOCK;
      if (atomic_load (&self->is_closed))
        return SSEM_FAILURE_CLOSED;
      if (g_cancellable_is_cancelled (cancellable))
        return SSEM_FAILURE_CANCELLED;

      wait_usec = next_wait (deadline_usec, cancellable);
      if (wait_usec == 0 && result == -EAGAIN)
        return SSEM_FAILURE_TIMED_OUT;
    }

  if (self->undo)
    book_acquired (self, n, undone);

  if (atomic_load (&self->is_closed))
    {
      put_back (self, n);
      return SSEM_FAILURE_CLOSED;
    }

  return 0;
}

static int
sysv_release (SsemInstance *instance,
              int           n)
{
  SysvInstance *self = (SysvInstance *) instance;
  int result;

  if (n > SSEM_SYSV_SET_MAX)
    return SSEM_FAILURE_TOO_MANY;

  result = ssem_sysv_attachment_ready (self->attachment);
  if (result == 0)
    result = put_back (self, n);

  return sysv_failure (result);
}

static int
sysv_get_value (SsemInstance *instance,
                int          *value)
{
  SysvInstance *self = (SysvInstance *) instance;
  int result;

  result = ssem_sysv_attachment_ready (self->attachment);
  if (result == 0)
    result = ssem_sysv_set_get_value (self->attachment->set);
  if (result < 0)
    return sysv_failure (result);

  *value = result;

  return 0;
}

static void
sysv_close (SsemInstance *instance)
{
  SysvInstance *self = (SysvInstance *) instance;

  atomic_store (&self->is_closed, TRUE);
  ssem_sysv_attachment_close (self->attachment);
}

static void
sysv_free (SsemInstance *instance)
{
  SysvInstance *self = (SysvInstance *) instance;

  ssem_sysv_attachment_unref (self->attachment);
  g_free (self);
}

static SsemSnapshot *
sysv_inspect (const SsemBackendConfiguration  *configuration,
              const char                      *key,
              GError                         **error)
{
  SsemSnapshot *snapshot = NULL;
  int result = ssem_sysv_inspect (key, &snapshot);

  if (result != 0)
    sysv_fail_key (error, SSEM_OPERATION_INSPECT, key, result);

  return snapshot;
}

static gboolean
sysv_list (const SsemBackendConfiguration  *configuration,
           GPtrArray                       *snapshots,
           guint                           *n_others,
           GError                         **error)
{
  g_autofree char *folder = ssem_sysv_key_folder ();
  int result = ssem_sysv_list (snapshots, n_others);

  return result == 0 ||
         ssem_backend_fail (error, SSEM_OPERATION_LIST, folder, NULL, -result);
}

static gboolean
sysv_remove_leftover (const SsemBackendConfiguration  *configuration,
                      const char                      *key,
                      GError                         **error)
{
  int result = ssem_sysv_remove_leftover (key);

  return result == 0 || sysv_fail_key (error, SSEM_OPERATION_REMOVE, key, result);
}

/* The kernel checks the process's rights in each operation: they may have changed since it opened
 * the key. Then the file tells whose semaphore it is. */
static void
sysv_describe (SsemOperation   operation,
               const char     *key,
               int             system_error,
               GError        **error)
{
  g_autofree char *path = system_error == EACCES ? ssem_sysv_key_path (key) : NULL;

  ssem_backend_fail (error, operation, key, path, system_error);
}

const SsemBackendTable ssem_backend_sysv = {
  .id = SSEM_BACKEND_SYSV,
  .name = "sysv",
  .capabilities = SSEM_CAPABILITY_UNDO | SSEM_CAPABILITY_RESET | SSEM_CAPABILITY_ATOMIC_N |
                  SSEM_CAPABILITY_INSPECT | SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE,
  .maximum = SSEM_SYSV_SET_MAX,
  .describe = sysv_describe,
  .init = ssem_sysv_attachment_init,
  .open = sysv_open,
  .acquire = sysv_acquire,
  .release = sysv_release,
  .get_value = sysv_get_value,
  .close = sysv_close,
  .free = sysv_free,
  .inspect = sysv_inspect,
  .list = sysv_list,
  .remove_leftover = sysv_remove_leftover,
};
