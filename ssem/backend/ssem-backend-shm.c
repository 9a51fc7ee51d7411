/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-shm-private.h"

#include "ssem-hazard-private.h"
#include "ssem/os/ssem-thread-private.h"

#include "ssem/shm/ssem-shm-inspect-private.h"
#include "ssem/shm/ssem-shm-recovery-private.h"

#include <errno.h>

/* A counter in shared memory.
 *
 * An uncontended acquire or release is one compare-and-swap and a few stores, in the calling
 * thread's own slot: no system call, no lock. An acquire that finds too few units goes through ever
 * more costly steps: it spins for a moment; it looks whether somebody who holds units is dead; it
 * sees to it that deaths are listened for, and sleeps until it is woken, then begins anew.
 *
 * A snapshot of the value, and a try that fails, look for the dead as well: nobody else may have
 * done so.
 */

/* A release whose wake-up reached nobody that often has met waiters that are counted, but dead. */
#define VAIN_WAKES_BEFORE_MENDING 64

/* For what has no instance. Answers FALSE. */
static gboolean
shm_fail_key (GError      **error,
              SsemOperation operation,
              const char   *key,
              int           result)
{
  SsemShmFile file = { 0 };

  ssem_shm_file_init (&file, key);
  ssem_backend_fail (error, operation, key, ssem_shm_file_get_culprit (&file), -result);
  ssem_shm_file_clear (&file);

  return FALSE;
}

/* A reset operates on a handle of the thread, so this is done inside an instance. */
static int
open_inside (SsemShmInstance *self,
             const char      *key,
             int              initial_value,
             SsemAccessMode   mode)
{
  guint depth;
  int result;

  if (!ssem_hazard_enter_new (&self->parent, &depth))
    return -EUSERS;
  result = ssem_shm_attachment_open (key, initial_value, mode, depth, &self->attachment);
  ssem_hazard_leave (depth);

  return result;
}

static SsemInstance *
shm_open_instance (const SsemBackendConfiguration  *configuration,
                   const char                      *key,
                   int                              initial_value,
                   SsemAccessMode                   mode,
                   gboolean                         undo,
                   GError                         **error)
{
  SsemShmInstance *self = g_new0 (SsemShmInstance, 1);
  int result = open_inside (self, key, initial_value, mode);

  if (result != 0)
    {
      g_free (self);
      shm_fail_key (error, SSEM_OPERATION_OPEN, key, result);
      return NULL;
    }

  self->parent.table = &ssem_backend_shm;
  self->serial = self->attachment->slots.serial;
  self->recent_index = ssem_shm_slots_get_recent_index (self->serial);
  self->undo_mask = undo ? -1 : 0;

  return &self->parent;
}

static SsemShmResult
add (SsemShmInstance   *self,
     SsemShmSlotHandle *handle,
     int                delta)
{
  SsemShmResult result = ssem_shm_counter_add (*handle, delta, -delta & self->undo_mask);

  /* The next one may be done at once. */
  if (result == SSEM_SHM_DONE)
    ssem_shm_counter_recall (handle);

  return result;
}

static inline SsemShmResult
take (SsemShmInstance   *self,
      SsemShmSlotHandle *handle,
      int                n)
{
  return add (self, handle, -n);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  SsemShmWait *wait = data;
  SsemShmInstance *self = wait->instance;

  ssem_shm_waiters_call_off (self->attachment->file.memory, &wait->waiter, wait->handle->index);
}

/* Sleeps and tries in turn. Answers 0, or -EAGAIN where the wait was called off or the time is
 * over; else what went wrong. */
static int
sleep_until_taken (SsemShmInstance *self,
                   SsemShmWait     *wait,
                   gint64           deadline_usec)
{
  SsemShmAttachment *attachment = self->attachment;
  SsemShmSegment *segment = attachment->file.memory;
  SsemShmWake wake = SSEM_SHM_LOOK_AGAIN;

  for (;;)
    {
      gint64 until = deadline_usec;
      gint64 listen_usec;
      int n_dead;

      if (take (self, wait->handle, wait->n) == SSEM_SHM_DONE)
        return 0;

      n_dead = ssem_shm_recovery_sweep (&attachment->file, SSEM_SHM_SWEEP_UNITS);
      if (n_dead < 0)
        return n_dead;
      if (n_dead > 0)
        continue;
      if (atomic_load (&wait->waiter.is_called_off))
        return -EAGAIN;
      /* Somebody else may have found them. */
      if (g_get_monotonic_time () >= deadline_usec)
        return take (self, wait->handle, wait->n) == SSEM_SHM_DONE ? 0 : -EAGAIN;

      /* A listener may have left just now: who has begun to wait, or was woken, tries to take its
       * place once more. */
      listen_usec = ssem_shm_attachment_listen (attachment);
      if (wake == SSEM_SHM_LOOK_AGAIN)
        until = MIN (until, listen_usec);
      wake = ssem_shm_waiters_sleep (segment, &wait->waiter, wait->handle->index, wait->n, until);
      if (wake == SSEM_SHM_SLEPT_LONG)
        {
          int result = ssem_shm_file_check_use (&attachment->file);

          if (result != 0)
            return result;
        }
    }
}

/* A try that failed: the units may be a dead process's. */
static int
take_after_sweep (SsemShmInstance   *self,
                  SsemShmSlotHandle *handle,
                  int                n)
{
  SSEM_THREAD_SHIELD;
  int n_dead = ssem_shm_recovery_sweep (&self->attachment->file, SSEM_SHM_SWEEP_UNITS);

  if (n_dead < 0)
    return -n_dead;

  /* Whether it was we who found the dead, or somebody else just did. */
  return take (self, handle, n) == SSEM_SHM_DONE ? 0 : SSEM_FAILURE_WOULD_BLOCK;
}

static int
wait_until_taken (SsemShmInstance *self,
                  SsemShmWait     *wait,
                  gint64           deadline_usec,
                  GCancellable    *cancellable)
{
  SSEM_THREAD_SHIELD;
  SsemShmAttachment *attachment = self->attachment;
  gulong handler = 0;
  int result;

  ssem_shm_attachment_begin_wait (attachment, wait);
  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), wait, NULL);
  if (atomic_load (&self->is_closed))
    atomic_store (&wait->waiter.is_called_off, TRUE);

  result = sleep_until_taken (self, wait, deadline_usec);

  if (handler != 0)
    g_cancellable_disconnect (cancellable, handler);
  /* A wake-up that we may have got, and have no use for, is somebody else's. */
  if (result != 0)
    ssem_shm_waiters_wake_all (attachment->file.memory);
  ssem_shm_attachment_end_wait (attachment, wait);

  if (result == 0)
    return 0;
  if (atomic_load (&self->is_closed))
    return SSEM_FAILURE_CLOSED;
  if (result != -EAGAIN)
    return -result;

  return g_cancellable_is_cancelled (cancellable) ? SSEM_FAILURE_CANCELLED
                                                  : SSEM_FAILURE_TIMED_OUT;
}

static int
shm_acquire (SsemInstance *instance,
             int           n,
             gint64        deadline_usec,
             GCancellable *cancellable)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmAttachment *attachment = self->attachment;
  SsemShmWait wait = { .instance = self, .n = n };
  int result;

  result = ssem_shm_attachment_get_handle (attachment, ssem_hazard_get_depth (), &wait.handle);
  if (result != 0)
    return -result;
  if (take (self, wait.handle, n) == SSEM_SHM_DONE)
    return 0;

  if (deadline_usec == SSEM_DEADLINE_NOW)
    return take_after_sweep (self, wait.handle, n);

  if (ssem_shm_waiters_spin (attachment->file.memory, n) &&
      take (self, wait.handle, n) == SSEM_SHM_DONE)
    return 0;

  return wait_until_taken (self, &wait, deadline_usec, cancellable);
}

void
ssem_backend_shm_wake (SsemInstance *instance,
                       int           n)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmAttachment *attachment = self->attachment;

  if (ssem_shm_waiters_wake (attachment->file.memory, n) == 0 &&
      atomic_fetch_add (&attachment->n_vain_wakes, 1) % VAIN_WAKES_BEFORE_MENDING ==
      VAIN_WAKES_BEFORE_MENDING - 1)
    {
      SSEM_THREAD_SHIELD;

      ssem_shm_recovery_sweep (&attachment->file, SSEM_SHM_SWEEP_ALL);
    }
}

static int
shm_release (SsemInstance *instance,
             int           n)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmSlotHandle *handle;
  int result;

  result = ssem_shm_attachment_get_handle (self->attachment, ssem_hazard_get_depth (), &handle);
  if (result != 0)
    return -result;

  if (add (self, handle, n) != SSEM_SHM_DONE)
    return SSEM_FAILURE_TOO_MANY;

  if (ssem_shm_waiters_is_anybody (handle->segment))
    ssem_backend_shm_wake (instance, n);

  return 0;
}

static int
shm_get_value (SsemInstance *instance,
               int          *value)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmFile *file = &self->attachment->file;
  int result;

  result = ssem_shm_attachment_ready (self->attachment);
  if (result == 0)
    result = ssem_shm_file_check_use (file);
  if (result == 0)
    result = ssem_shm_recovery_sweep (file, SSEM_SHM_SWEEP_UNITS);
  if (result < 0)
    return -result;

  *value = ssem_shm_counter_get_value (file->memory);

  return 0;
}

static void
shm_close (SsemInstance *instance)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;

  atomic_store (&self->is_closed, TRUE);
  ssem_shm_attachment_close (self->attachment, self);
}

static void
shm_free (SsemInstance *instance)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;

  ssem_shm_attachment_unref (self->attachment);
  g_free (self);
}

static SsemSnapshot *
shm_inspect (const SsemBackendConfiguration  *configuration,
             const char                      *key,
             GError                         **error)
{
  SsemSnapshot *snapshot = NULL;
  int result = ssem_shm_inspect (key, &snapshot);

  if (result != 0)
    shm_fail_key (error, SSEM_OPERATION_INSPECT, key, result);

  return snapshot;
}

static gboolean
shm_list (const SsemBackendConfiguration  *configuration,
          GPtrArray                       *snapshots,
          guint                           *n_others,
          GError                         **error)
{
  g_autofree char *folder = NULL;
  int result = ssem_shm_list (snapshots, n_others, &folder);

  return result == 0 ||
         ssem_backend_fail (error, SSEM_OPERATION_LIST, folder, NULL, -result);
}

static gboolean
shm_remove_leftover (const SsemBackendConfiguration  *configuration,
                     const char                      *key,
                     GError                         **error)
{
  int result = ssem_shm_attachment_remove_leftover (key);

  return result == 0 || shm_fail_key (error, SSEM_OPERATION_REMOVE, key, result);
}

const SsemBackendTable ssem_backend_shm = {
  .id = SSEM_BACKEND_SHARED_MEMORY,
  .name = "shared-memory",
  .capabilities = SSEM_CAPABILITY_UNDO | SSEM_CAPABILITY_RESET | SSEM_CAPABILITY_ATOMIC_N |
                  SSEM_CAPABILITY_INSPECT | SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE,
  .maximum = SSEM_SHM_VALUE_MAX,
  .describe = ssem_backend_describe_errno,
  .init = ssem_shm_attachment_init,
  .open = shm_open_instance,
  .acquire = shm_acquire,
  .release = shm_release,
  .get_value = shm_get_value,
  .close = shm_close,
  .free = shm_free,
  .inspect = shm_inspect,
  .list = shm_list,
  .remove_leftover = shm_remove_leftover,
};
