/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem-membership-private.h"

#include "ssem/os/ssem-native-key-text-private.h"
#include "ssem/ssem-i18n-private.h"
#include "ssem/sysv/ssem-sysv-acquire-private.h"
#include "ssem/sysv/ssem-sysv-attachment-private.h"
#include "ssem/sysv/ssem-sysv-inspect-private.h"
#include "ssem/sysv/ssem-sysv-key-private.h"
#include "ssem/sysv/ssem-sysv-set-private.h"

#include <errno.h>

/* A System V semaphore, shared with Qt. */

typedef struct
{
  SsemInstance parent;
  SsemMembership *membership;     /* constant after init */
  SsemSysvAttachment *attachment; /* constant after init: the membership's */
  gboolean undo;                  /* constant after init */
  atomic_bool is_closed;
} SysvInstance;

/* --- Membership --- */

static int
sysv_member_create (gconstpointer   semaphore,
                    const char    **name,
                    gpointer       *attachment)
{
  SsemSysvAttachment *created = NULL;
  int result = ssem_sysv_attachment_new (semaphore, &created);

  if (result != 0)
    return result;

  *name = created->name;
  *attachment = created;

  return 0;
}

static int
sysv_member_attach (gpointer               attachment,
                    SsemMembershipRequest *request)
{
  return ssem_sysv_attachment_attach (attachment, request->initial_value, request->mode);
}

static int
sysv_member_attach_child (gpointer attachment)
{
  return ssem_sysv_attachment_attach_child (attachment);
}

/* Never lingers, because the kernel keeps the undo count of a process that is not attached. */
static gboolean
sysv_member_leave (gpointer            attachment,
                   SsemMembershipLeave leave)
{
  ssem_sysv_attachment_leave (attachment);

  return FALSE;
}

static void
sysv_member_mark_inherited (gpointer attachment)
{
  ssem_sysv_attachment_mark_inherited (attachment);
}

static void
sysv_member_free (gpointer attachment)
{
  ssem_sysv_attachment_free (attachment);
}

static const SsemMembershipClass sysv_membership_class = {
  .waits_for_processes = TRUE,
  .create = sysv_member_create,
  .attach = sysv_member_attach,
  .attach_child = sysv_member_attach_child,
  .leave = sysv_member_leave,
  .mark_inherited = sysv_member_mark_inherited,
  .free = sysv_member_free,
};

static void
sysv_init (void)
{
  ssem_membership_init ();
  ssem_sysv_attachment_init ();
}

/* --- Instances --- */

/* Returns what an operation of the table returns for @result, which is 0 or -errno. */
static int
sysv_failure (int result)
{
  return result == -ERANGE ? SSEM_FAILURE_TOO_MANY : -result;
}

/* Returns the path of the key file, which the caller frees. Fails for a native name that cannot be
 * the path of a file. */
static char *
find_path (const SsemBackendConfiguration  *configuration,
           SsemOperation                    operation,
           const char                      *key,
           GError                         **error)
{
  const char *name = configuration->native_name;

  if (name == NULL)
    return ssem_sysv_key_path (key);

  /* A relative path would lead elsewhere when the program changes its current directory. */
  if (!g_path_is_absolute (name) || g_str_has_suffix (name, "/"))
    {
      ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, operation, key,
                                 _("A System V semaphore needs the absolute path of a file"));
      return NULL;
    }

  return g_strdup (name);
}

/* Sets the error of an operation that has no instance. Returns FALSE. */
static gboolean
sysv_fail (GError                         **error,
           const SsemBackendConfiguration  *configuration,
           SsemOperation                    operation,
           const char                      *key,
           const char                      *path,
           int                              result)
{
  /* A native key is to blame for a path that is too long; a key of the library never is. */
  if (configuration->native_name != NULL && result == -ENAMETOOLONG)
    return ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, operation, key,
                                      g_strerror (ENAMETOOLONG));

  return ssem_backend_fail (error, operation, key, path, -result);
}

/* Returns what leads to the semaphore. The result points into the arguments. */
static SsemSysvLocation
get_location (const SsemBackendConfiguration *configuration,
              const char                     *key,
              const char                     *path)
{
  gboolean is_native = configuration->native_name != NULL;

  return (SsemSysvLocation) {
    .key = is_native ? NULL : key,
    .path = path,
    .project = is_native ? configuration->native_project : SSEM_NATIVE_KEY_PROJECT,
  };
}

static SsemInstance *
sysv_open (const SsemBackendConfiguration  *configuration,
           const char                      *key,
           int                              initial_value,
           SsemAccessMode                   mode,
           gboolean                         undo,
           GError                         **error)
{
  SsemMembershipRequest request = { .initial_value = initial_value, .mode = mode };
  g_autofree char *path = find_path (configuration, SSEM_OPERATION_OPEN, key, error);
  SsemMembership *membership = NULL;
  SsemSysvLocation location;
  SysvInstance *self;
  int result;

  if (path == NULL)
    return NULL;

  location = get_location (configuration, key, path);
  result = ssem_membership_open (&sysv_membership_class, &location, &request, &membership);
  if (result == -ERANGE)
    {
      ssem_backend_fail_maximum (error, SSEM_OPERATION_OPEN, key, SSEM_SYSV_SET_MAX);
      return NULL;
    }
  if (result != 0)
    {
      sysv_fail (error, configuration, SSEM_OPERATION_OPEN, key, path, result);
      return NULL;
    }

  ssem_backend_trace_attach (&ssem_backend_sysv, key, path);
  self = g_new0 (SysvInstance, 1);
  self->parent.table = &ssem_backend_sysv;
  self->membership = membership;
  self->attachment = membership->attachment;
  self->undo = undo;

  return &self->parent;
}

static gboolean
is_cancelled (gpointer data)
{
  return ssem_cancellable_is_cancelled (data);
}

static int
sysv_acquire_failure (SysvInstance *self,
                      int           result,
                      gint64        deadline_usec)
{
  if (result == -EAGAIN)
    return deadline_usec == SSEM_DEADLINE_NOW ? SSEM_FAILURE_WOULD_BLOCK : SSEM_FAILURE_TIMED_OUT;
  if (atomic_load (&self->is_closed))
    return SSEM_FAILURE_CLOSED;
  if (result == -ECANCELED)
    return SSEM_FAILURE_CANCELLED;
  if (result == -EINTR)
    return SSEM_FAILURE_INTERRUPTED;

  return sysv_failure (result);
}

static G_ALWAYS_INLINE inline int
acquire (SsemInstance *instance,
         int           n,
         gint64        deadline_usec,
         GCancellable *cancellable,
         gboolean      is_interruptible)
{
  SysvInstance *self = (SysvInstance *) instance;
  SsemSysvWait wait = {
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
    return sysv_failure (result);

  result = ssem_sysv_acquire (self->attachment, n, self->undo, &wait);

  return G_LIKELY (result == 0) ? 0 : sysv_acquire_failure (self, result, deadline_usec);
}

static int
sysv_acquire (SsemInstance *instance,
              int           n,
              gint64        deadline_usec,
              GCancellable *cancellable,
              guint64      *fencing_token)
{
  return acquire (instance, n, deadline_usec, cancellable, FALSE);
}

static int
sysv_acquire_interruptible (SsemInstance *instance,
                            int           n,
                            gint64        deadline_usec,
                            GCancellable *cancellable,
                            guint64      *fencing_token)
{
  return acquire (instance, n, deadline_usec, cancellable, TRUE);
}

static int
sysv_release (SsemInstance *instance,
              int           n)
{
  SysvInstance *self = (SysvInstance *) instance;
  int result;

  result = ssem_membership_ensure_attached (self->membership);
  if (result == 0)
    result = ssem_sysv_release (self->attachment, n, self->undo);

  return sysv_failure (result);
}

static int
sysv_get_value (SsemInstance *instance,
                int          *value)
{
  SysvInstance *self = (SysvInstance *) instance;
  int result;

  result = ssem_membership_ensure_attached (self->membership);
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
  ssem_membership_close (self->membership);
}

static void
sysv_free (SsemInstance *instance)
{
  SysvInstance *self = (SysvInstance *) instance;

  ssem_membership_unref (self->membership);
  g_free (self);
}

static char *
sysv_get_native_key (SsemInstance *instance)
{
  SysvInstance *self = (SysvInstance *) instance;
  const SsemSysvLocation *location = &self->attachment->location;

  return ssem_native_key_format (SSEM_BACKEND_SYSV, location->project, location->path);
}

static SsemSnapshot *
sysv_inspect (const SsemBackendConfiguration  *configuration,
              const char                      *key,
              GError                         **error)
{
  g_autofree char *path = find_path (configuration, SSEM_OPERATION_INSPECT, key, error);
  SsemSnapshot *snapshot = NULL;
  SsemSysvLocation location;
  int result;

  if (path == NULL)
    return NULL;

  location = get_location (configuration, key, path);
  result = ssem_sysv_inspect (&location, &snapshot);
  if (result != 0)
    sysv_fail (error, configuration, SSEM_OPERATION_INSPECT, key, path, result);

  return snapshot;
}

static gboolean
sysv_list (const SsemBackendConfiguration  *configuration,
           GPtrArray                       *snapshots,
           guint                           *n_others,
           GError                         **error)
{
  g_autofree char *directory = ssem_sysv_key_directory ();
  int result = ssem_sysv_list (snapshots, n_others);

  return result == 0 ||
         ssem_backend_fail (error, SSEM_OPERATION_LIST, directory, NULL, -result);
}

static char *
sysv_get_directory (const char **prefix)
{
  *prefix = SSEM_SYSV_KEY_PREFIX;

  return ssem_sysv_key_directory ();
}

static gboolean
sysv_remove_leftover (const SsemBackendConfiguration  *configuration,
                      const char                      *key,
                      GError                         **error)
{
  g_autofree char *path = find_path (configuration, SSEM_OPERATION_REMOVE, key, error);
  SsemSysvLocation location;
  int result;

  if (path == NULL)
    return FALSE;

  location = get_location (configuration, key, path);
  result = ssem_sysv_remove_leftover (&location);

  return result == 0 || sysv_fail (error, configuration, SSEM_OPERATION_REMOVE, key, path, result);
}

/* Sets the error of an operation. The kernel checks permissions in each operation, so EACCES is
 * possible long after the opening. The error then names the owner of the key file. A native key has
 * no key file of that name, and its text contains the path. */
static void
sysv_describe (SsemOperation   operation,
               const char     *key,
               int             system_error,
               GError        **error)
{
  g_autofree char *path = system_error == EACCES ? ssem_sysv_key_path (key) : NULL;
  gboolean exists = path != NULL && g_file_test (path, G_FILE_TEST_EXISTS);

  ssem_backend_fail (error, operation, key, exists ? path : NULL, system_error);
}

const SsemBackendTable ssem_backend_sysv = {
  .id = SSEM_BACKEND_SYSV,
  .name = "sysv",
  .capabilities = SSEM_CAPABILITY_UNDO | SSEM_CAPABILITY_RESET | SSEM_CAPABILITY_ATOMIC_N |
                  SSEM_CAPABILITY_INSPECT | SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE |
                  SSEM_CAPABILITY_INTERRUPT,
  .maximum = SSEM_SYSV_SET_MAX,
  .describe = sysv_describe,
  .init = sysv_init,
  .open = sysv_open,
  .acquire = sysv_acquire,
  .acquire_interruptible = sysv_acquire_interruptible,
  .release = sysv_release,
  .get_value = sysv_get_value,
  .close = sysv_close,
  .free = sysv_free,
  .get_native_key = sysv_get_native_key,
  .inspect = sysv_inspect,
  .list = sysv_list,
  .get_directory = sysv_get_directory,
  .remove_leftover = sysv_remove_leftover,
};
