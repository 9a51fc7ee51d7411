/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-fast-private.h"

#include "ssem/os/ssem-native-key-text-private.h"
#include "ssem/posix/ssem-posix-inspect-private.h"
#include "ssem/posix/ssem-posix-name-private.h"
#include "ssem/ssem-i18n-private.h"

#include <errno.h>

/* A POSIX semaphore, shared with Qt and with every program that calls sem_open ().
 *
 * The system does not record which process holds units, so there is no undo. */

/* What leads to a semaphore. */
typedef struct
{
  const char *name;
  const char *key; /* NULL: only the name is known, from a native key */
} Location;

/* --- Membership --- */

static int
posix_member_create (gconstpointer   semaphore,
                     const char    **name,
                     gpointer       *attachment)
{
  const Location *location = semaphore;
  SsemPosixAttachment *created = NULL;
  int result = ssem_posix_attachment_new (location->name, location->key, &created);

  if (result != 0)
    return result;

  *name = created->identifier;
  *attachment = created;

  return 0;
}

static int
posix_member_attach (gpointer               attachment,
                     SsemMembershipRequest *request)
{
  return ssem_posix_attachment_attach (attachment, request->initial_value, request->mode);
}

static int
posix_member_attach_child (gpointer attachment)
{
  return ssem_posix_attachment_attach_child (attachment);
}

/* Never lingers, because nobody knows who holds units. */
static gboolean
posix_member_leave (gpointer            attachment,
                    SsemMembershipLeave leave)
{
  ssem_posix_attachment_leave (attachment);

  return FALSE;
}

static void
posix_member_mark_inherited (gpointer attachment)
{
  ssem_posix_attachment_mark_inherited (attachment);
}

static void
posix_member_free (gpointer attachment)
{
  ssem_posix_attachment_free (attachment);
}

static const SsemMembershipClass posix_membership_class = {
  .waits_for_processes = TRUE,
  .create = posix_member_create,
  .attach = posix_member_attach,
  .attach_child = posix_member_attach_child,
  .leave = posix_member_leave,
  .mark_inherited = posix_member_mark_inherited,
  .free = posix_member_free,
};

/* --- Instances --- */

/* Returns what an operation of the table returns for @result, which is 0 or -errno. */
static int
posix_failure (int result)
{
  return result == -ERANGE ? SSEM_FAILURE_TOO_MANY : -result;
}

/* Returns the name of the semaphore, which the caller frees. Fails for a native name that cannot be
 * the name of a semaphore. */
static char *
find_name (const SsemBackendConfiguration  *configuration,
           SsemOperation                    operation,
           const char                      *key,
           GError                         **error)
{
  g_autofree char *name = NULL;

  if (configuration->native_name == NULL)
    return ssem_posix_name_new (key);

  name = ssem_posix_name_of_text (configuration->native_name);
  if (ssem_posix_name_is_valid (name))
    return g_steal_pointer (&name);

  ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, operation, key,
                             _("The name of a POSIX semaphore contains no slash but the first, and "
                               "has at most 252 bytes"));

  return NULL;
}

/* Returns the key, or NULL if only the name is known. */
static const char *
find_key (const SsemBackendConfiguration *configuration,
          const char                     *key)
{
  return configuration->native_name == NULL ? key : NULL;
}

/* Sets the error of an operation that has no instance. Returns FALSE. */
static gboolean
posix_fail (GError        **error,
            SsemOperation   operation,
            const char     *key,
            const char     *name,
            int             result)
{
  g_autofree char *path = ssem_posix_name_get_path (name);

  return ssem_backend_fail (error, operation, key, path, -result);
}

static SsemInstance *
posix_open (const SsemBackendConfiguration  *configuration,
            const char                      *key,
            int                              initial_value,
            SsemAccessMode                   mode,
            gboolean                         undo,
            GError                         **error)
{
  SsemMembershipRequest request = { .initial_value = initial_value, .mode = mode };
  g_autofree char *name = find_name (configuration, SSEM_OPERATION_OPEN, key, error);
  Location location = { name, find_key (configuration, key) };
  SsemMembership *membership = NULL;
  SsemPosixInstance *self;
  int result;

  if (name == NULL)
    return NULL;

  result = ssem_membership_open (&posix_membership_class, &location, &request, &membership);
  if (result == -ERANGE)
    {
      ssem_backend_fail_maximum (error, SSEM_OPERATION_OPEN, key, (int) SEM_VALUE_MAX);
      return NULL;
    }
  if (result != 0)
    {
      posix_fail (error, SSEM_OPERATION_OPEN, key, name, result);
      return NULL;
    }

  ssem_backend_trace_attach (&ssem_backend_posix, key, name);
  self = g_new0 (SsemPosixInstance, 1);
  self->parent.table = &ssem_backend_posix;
  self->membership = membership;
  self->attachment = membership->attachment;

  return &self->parent;
}

static gboolean
is_cancelled (gpointer data)
{
  return ssem_cancellable_is_cancelled (data);
}

static int
posix_acquire_failure (SsemPosixInstance *self,
                       int                result,
                       gint64             deadline_usec)
{
  if (result == -EAGAIN)
    return deadline_usec == SSEM_DEADLINE_NOW ? SSEM_FAILURE_WOULD_BLOCK : SSEM_FAILURE_TIMED_OUT;
  if (atomic_load (&self->is_closed))
    return SSEM_FAILURE_CLOSED;
  if (result == -ECANCELED)
    return SSEM_FAILURE_CANCELLED;
  if (result == -EINTR)
    return SSEM_FAILURE_INTERRUPTED;

  return posix_failure (result);
}

static int
acquire (SsemInstance *instance,
         int           n,
         gint64        deadline_usec,
         GCancellable *cancellable,
         gboolean      is_interruptible)
{
  SsemPosixInstance *self = (SsemPosixInstance *) instance;
  SsemPosixWait wait = {
    .deadline_usec = deadline_usec,
    .is_closed = &self->is_closed,
    .is_interruptible = is_interruptible,
    .is_cancelled = cancellable != NULL ? is_cancelled : NULL,
    .data = cancellable,
  };
  int result;

  /* If attaching fails with -EAGAIN, that is not a time-out. */
  result = ssem_membership_ensure_attached (self->membership);
  if (G_UNLIKELY (result != 0))
    return posix_failure (result);

  result = ssem_posix_acquire (self->attachment, n, &wait);

  return G_LIKELY (result == 0) ? 0 : posix_acquire_failure (self, result, deadline_usec);
}

static int
posix_acquire (SsemInstance *instance,
               int           n,
               gint64        deadline_usec,
               GCancellable *cancellable,
               guint64      *fencing_token)
{
  return acquire (instance, n, deadline_usec, cancellable, FALSE);
}

static int
posix_acquire_interruptible (SsemInstance *instance,
                             int           n,
                             gint64        deadline_usec,
                             GCancellable *cancellable,
                             guint64      *fencing_token)
{
  return acquire (instance, n, deadline_usec, cancellable, TRUE);
}

static int
posix_release (SsemInstance *instance,
               int           n)
{
  SsemPosixInstance *self = (SsemPosixInstance *) instance;
  int result = ssem_membership_ensure_attached (self->membership);

  if (result == 0)
    result = ssem_posix_release (self->attachment, n);

  return posix_failure (result);
}

static int
posix_get_value (SsemInstance *instance,
                 int          *value)
{
  SsemPosixInstance *self = (SsemPosixInstance *) instance;
  int result = ssem_membership_ensure_attached (self->membership);

  if (result == 0)
    result = ssem_posix_get_value (self->attachment);
  if (result < 0)
    return posix_failure (result);

  *value = result;

  return 0;
}

static void
posix_open_fast (SsemInstance *instance,
                 SsemFastPath *path)
{
  ssem_fast_state_open (&path->state, (guintptr) instance);
}

static void
posix_close (SsemInstance *instance)
{
  SsemPosixInstance *self = (SsemPosixInstance *) instance;

  atomic_store (&self->is_closed, TRUE);
  ssem_membership_close (self->membership);
}

static void
posix_free (SsemInstance *instance)
{
  SsemPosixInstance *self = (SsemPosixInstance *) instance;

  ssem_membership_unref (self->membership);
  g_free (self);
}

static char *
posix_get_native_key (SsemInstance *instance)
{
  return ssem_native_key_format (SSEM_BACKEND_POSIX, 0,
                                 ((SsemPosixInstance *) instance)->attachment->name);
}

/* --- Looking --- */

static SsemSnapshot *
posix_inspect (const SsemBackendConfiguration  *configuration,
               const char                      *key,
               GError                         **error)
{
  g_autofree char *name = find_name (configuration, SSEM_OPERATION_INSPECT, key, error);
  SsemSnapshot *snapshot = NULL;
  int result;

  if (name == NULL)
    return NULL;

  result = ssem_posix_inspect (name, find_key (configuration, key), &snapshot);
  if (result != 0)
    posix_fail (error, SSEM_OPERATION_INSPECT, key, name, result);

  return snapshot;
}

static gboolean
posix_list (const SsemBackendConfiguration  *configuration,
            GPtrArray                       *snapshots,
            guint                           *n_others,
            GError                         **error)
{
  int result = ssem_posix_list (snapshots, n_others);

  return result == 0 ||
         ssem_backend_fail (error, SSEM_OPERATION_LIST, SSEM_POSIX_DIRECTORY, NULL, -result);
}

static char *
posix_get_directory (const char **prefix)
{
  *prefix = SSEM_POSIX_PREFIX;

  return g_strdup (SSEM_POSIX_DIRECTORY);
}

static gboolean
posix_remove_leftover (const SsemBackendConfiguration  *configuration,
                       const char                      *key,
                       GError                         **error)
{
  g_autofree char *name = find_name (configuration, SSEM_OPERATION_REMOVE, key, error);
  int result;

  if (name == NULL)
    return FALSE;

  result = ssem_posix_remove_leftover (name, find_key (configuration, key));

  return result == 0 || posix_fail (error, SSEM_OPERATION_REMOVE, key, name, result);
}

const SsemBackendTable ssem_backend_posix = {
  .id = SSEM_BACKEND_POSIX,
  .name = "posix",
  .capabilities = SSEM_CAPABILITY_INSPECT | SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE |
                  SSEM_CAPABILITY_INTERRUPT,
  .maximum = (int) SEM_VALUE_MAX,
  .describe = ssem_backend_describe_errno,
  .init = ssem_membership_init,
  .open = posix_open,
  .acquire = posix_acquire,
  .acquire_interruptible = posix_acquire_interruptible,
  .release = posix_release,
  .get_value = posix_get_value,
  .open_fast = posix_open_fast,
  .close = posix_close,
  .free = posix_free,
  .get_native_key = posix_get_native_key,
  .inspect = posix_inspect,
  .list = posix_list,
  .get_directory = posix_get_directory,
  .remove_leftover = posix_remove_leftover,
};
