/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem-backend-fast-private.h"
#include "ssem-hazard-private.h"
#include "ssem-membership-private.h"
#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-errno-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem/shm/ssem-shm-attachment-private.h"
#include "ssem/shm/ssem-shm-inspect-private.h"
#include "ssem/shm/ssem-shm-look-private.h"
#include "ssem/shm/ssem-shm-recovery-private.h"

/* The robust counter in shared memory, ssem/shm, as a backend: translates arguments and results.
 *
 * An uncontended acquire or release is one compare-and-swap and a few stores in the calling
 * thread's own slot: no system call, no lock. ssem-shm-acquire.c describes an acquire that finds
 * too few units. A failed try and a read of the value look for dead processes, too: no other
 * process may have done so.
 */

typedef struct
{
  SsemInstance parent;

  /* Constant after init. */
  int undo_mask;                 /* all bits with undo, none without */
  SsemShmAttachment *attachment; /* the membership's */
  SsemMembership *membership;

  atomic_bool is_closed;
} SsemShmInstance;

/* --- Membership --- */

static int
shm_member_create (gconstpointer   semaphore,
                   const char    **name,
                   gpointer       *attachment)
{
  SsemShmAttachment *created = ssem_shm_attachment_new (semaphore);

  *name = created->name;
  *attachment = created;

  return 0;
}

static int
shm_member_attach (gpointer               attachment,
                   SsemMembershipRequest *request)
{
  return ssem_shm_attachment_attach (attachment, request->initial_value, request->mode,
                                     &request->is_new);
}

static int
shm_member_attach_child (gpointer attachment)
{
  return ssem_shm_attachment_attach_child (attachment);
}

static gboolean
shm_member_leave (gpointer            attachment,
                  SsemMembershipLeave leave)
{
  if (leave != SSEM_MEMBERSHIP_LEAVE_AT_EXIT)
    return ssem_shm_attachment_leave (attachment, leave == SSEM_MEMBERSHIP_LEAVE);

  ssem_shm_attachment_leave_at_exit (attachment);

  return TRUE;
}

static void
shm_member_mark_inherited (gpointer attachment)
{
  ssem_shm_attachment_mark_inherited (attachment);
}

static void
shm_member_free (gpointer attachment)
{
  ssem_shm_attachment_free (attachment);
}

static const SsemMembershipClass shm_membership_class = {
  .waits_for_processes = FALSE,
  .create = shm_member_create,
  .attach = shm_member_attach,
  .attach_child = shm_member_attach_child,
  .leave = shm_member_leave,
  .mark_inherited = shm_member_mark_inherited,
  .free = shm_member_free,
};

static void
shm_init (void)
{
  ssem_membership_init ();
  ssem_shm_attachment_init ();
}

/* --- Instances --- */

/* Sets the error of an operation that has no instance. Returns FALSE. */
static gboolean
shm_fail_key (GError      **error,
              SsemOperation operation,
              const char   *key,
              int           result)
{
  SsemShmMember *member = ssem_shm_member_new (key);

  ssem_backend_fail (error, operation, key, ssem_shm_member_get_culprit (member), -result);
  ssem_shm_member_free (member);

  return FALSE;
}

static int
open_at_depth (SsemShmInstance *self,
               const char      *key,
               int              initial_value,
               SsemAccessMode   mode,
               guint            depth)
{
  SsemMembershipRequest request = { .initial_value = initial_value, .mode = mode };
  int result = ssem_membership_open (&shm_membership_class, key, &request, &self->membership);
  const char *path;

  if (result != 0)
    return result;

  self->attachment = self->membership->attachment;
  path = ssem_shm_member_get_culprit (self->attachment->member);
  if (request.is_new)
    ssem_debug_created (path);
  ssem_backend_trace_attach (&ssem_backend_shm, key, path);
  if (mode == SSEM_ACCESS_MODE_CREATE && !request.is_new)
    result = ssem_shm_attachment_reset (self->attachment, depth, initial_value);
  if (result != 0)
    {
      ssem_membership_close (self->membership);
      ssem_membership_unref (self->membership);
    }

  return result;
}

/* Opens inside the new instance, since a reset operates on a slot handle of the thread. */
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
  result = open_at_depth (self, key, initial_value, mode, depth);
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
  self->undo_mask = undo ? -1 : 0;

  return &self->parent;
}

/* Attaches in a child of fork (). */
static int
get_handle (SsemShmInstance    *self,
            SsemShmSlotHandle **handle)
{
  int result = ssem_membership_ensure_attached (self->membership);

  if (result != 0)
    return result;

  return ssem_shm_slots_get_handle (&self->attachment->slots, ssem_hazard_get_depth (), handle);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  ssem_shm_acquirer_call_off (data);
}

static int
wait_until_taken (SsemShmInstance *self,
                  SsemShmRequest  *request,
                  gint64           deadline_usec,
                  GCancellable    *cancellable)
{
  SSEM_THREAD_SHIELD;
  SsemShmAcquirer *acquirer = &self->attachment->acquirer;
  gulong handler = 0;
  int result;

  ssem_shm_acquirer_begin_wait (acquirer, request);
  if (cancellable != NULL)
    handler = ssem_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), request);

  result = ssem_shm_acquirer_wait (acquirer, request, deadline_usec);

  if (handler != 0)
    ssem_cancellable_disconnect (cancellable, handler);
  ssem_shm_acquirer_end_wait (acquirer, request);

  if (result == 0)
    return 0;
  if (atomic_load (&self->is_closed))
    return SSEM_FAILURE_CLOSED;
  if (result == -EINTR)
    return SSEM_FAILURE_INTERRUPTED;
  if (result != -EAGAIN)
    return -result;

  return ssem_cancellable_is_cancelled (cancellable) ? SSEM_FAILURE_CANCELLED
                                                     : SSEM_FAILURE_TIMED_OUT;
}

static int
acquire (SsemShmInstance *self,
         SsemShmRequest  *request,
         gint64           deadline_usec,
         GCancellable    *cancellable)
{
  SsemShmAttachment *attachment = self->attachment;
  gboolean may_wait = deadline_usec != SSEM_DEADLINE_NOW;
  int result;

  request->undo_mask = self->undo_mask;
  request->is_closed = &self->is_closed;
  result = get_handle (self, &request->handle);
  if (result != 0)
    return -result;

  result = may_wait ? ssem_shm_acquirer_spin (&attachment->acquirer, request)
                    : ssem_shm_acquirer_try (&attachment->acquirer, request);
  if (result != -EAGAIN)
    return -result;

  return may_wait ? wait_until_taken (self, request, deadline_usec, cancellable)
                  : SSEM_FAILURE_WOULD_BLOCK;
}

static int
shm_acquire (SsemInstance *instance,
             int           n,
             gint64        deadline_usec,
             GCancellable *cancellable,
             guint64      *fencing_token)
{
  SsemShmRequest request = { .n = n };

  return acquire ((SsemShmInstance *) instance, &request, deadline_usec, cancellable);
}

static int
shm_acquire_interruptible (SsemInstance *instance,
                           int           n,
                           gint64        deadline_usec,
                           GCancellable *cancellable,
                           guint64      *fencing_token)
{
  SsemShmRequest request = { .n = n, .is_interruptible = TRUE };

  return acquire ((SsemShmInstance *) instance, &request, deadline_usec, cancellable);
}

static int
shm_release (SsemInstance *instance,
             int           n)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmAttachment *attachment = self->attachment;
  SsemShmSlotHandle *handle;
  int result;

  result = get_handle (self, &handle);
  if (result != 0)
    return -result;

  result = ssem_shm_acquirer_release (&attachment->acquirer, handle, n, self->undo_mask);

  return result == 0 ? 0 : SSEM_FAILURE_TOO_MANY;
}

static int
shm_get_value (SsemInstance *instance,
               int          *value)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmMember *member = self->attachment->member;
  int result;

  result = ssem_membership_ensure_attached (self->membership);
  if (result == 0)
    result = ssem_shm_member_check_use (member);
  if (result == 0)
    result = ssem_shm_recovery_look (member);
  /* An acquire that does not wait looks, too, but may run in a signal handler. */
  if (result > 0)
    ssem_debug_reclaimed (result, ssem_shm_member_get_culprit (member));
  if (result < 0)
    return -result;

  *value = ssem_shm_counter_get_value (member->segment);

  return 0;
}

static void
shm_open_fast (SsemInstance *instance,
               SsemFastPath *path)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;

  /* It is the same each time, and another thread may just have read it. */
  if (path->shm.undo_mask != self->undo_mask)
    path->shm.undo_mask = self->undo_mask;
  ssem_fast_state_open (&path->state, self->attachment->slots.serial);
}

static gboolean
shm_is_in_fast (SsemInstance *instance)
{
  return ssem_shm_slots_is_in_fast (&((SsemShmInstance *) instance)->attachment->slots);
}

static void
shm_close (SsemInstance *instance)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;

  atomic_store (&self->is_closed, TRUE);
  ssem_shm_acquirer_close (&self->attachment->acquirer, &self->is_closed);
}

static void
shm_free (SsemInstance *instance)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;

  /* Not when it is closed: a thread inside an instance may be operating on its slot. */
  ssem_membership_close (self->membership);
  ssem_membership_unref (self->membership);
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
  g_autofree char *directory = NULL;
  int result = ssem_shm_list (snapshots, n_others, &directory);

  return result == 0 ||
         ssem_backend_fail (error, SSEM_OPERATION_LIST, directory, NULL, -result);
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
                  SSEM_CAPABILITY_INSPECT | SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE |
                  SSEM_CAPABILITY_INTERRUPT,
  .maximum = SSEM_SHM_VALUE_MAX,
  .describe = ssem_backend_describe_errno,
  .init = shm_init,
  .open = shm_open_instance,
  .acquire = shm_acquire,
  .acquire_interruptible = shm_acquire_interruptible,
  .release = shm_release,
  .get_value = shm_get_value,
  .open_fast = shm_open_fast,
  .is_in_fast = shm_is_in_fast,
  .close = shm_close,
  .free = shm_free,
  .inspect = shm_inspect,
  .list = shm_list,
  .get_directory = ssem_shm_look_get_directory,
  .remove_leftover = shm_remove_leftover,
};
