/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-system-semaphore.h"

#include "ssem/backend/ssem-acquire-queue-private.h"
#include "ssem/backend/ssem-backend-fast-private.h"
#include "ssem/backend/ssem-backend-private.h"
#include "ssem/backend/ssem-hazard-private.h"
#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-profile-private.h"

G_BEGIN_DECLS

/* Design note
 *
 * The object is a key, or a native key, with settings. Opening makes an instance of a backend,
 * which is the semaphore itself. That happens in init (), in set_key () or, where a binding built
 * the object from its properties alone, in the first operation.
 *
 *   ssem-system-semaphore.c             the object's life, opening and closing
 *   ssem-system-semaphore-new.c         its constructors
 *   ssem-settings.c                     what opening needs, read and checked
 *   ssem-system-semaphore-properties.c  its properties
 *   ssem-system-semaphore-operations.c  what blocks or returns immediately
 *   ssem-system-semaphore-async.c       what returns later
 *   ssem-system-semaphore-timeout.c     what returns later, or when a time is over
 *   ssem-system-semaphore-trace.c       an acquire that tells that it waits
 *   ssem-system-semaphore-result.c      how the last operation ended
 *
 * fast_path  Open while there is an instance, where the backend has a fast path; paused while
 *            outcome is a failure. So an operation on the fast path checks one word.
 * instance   Entered through ssem_hazard_enter (), so that set_key () can take it away while
 *            another thread is inside. NULL: not open.
 * opening    A lock. Makes threads that open, close or give another key wait for each other, for as
 *            long as opening takes. A child of fork () gets a new one, because the thread that
 *            holds it may not be in the child.
 * lock       Protects all other fields that change. One lock serves all objects, because it must
 *            survive a fork. It is held for a few instructions. An operation that succeeds does not
 *            take it, unless it is asynchronous or follows a failure. No lock may be taken with it
 *            held. It may be taken with opening held.
 * outcome    How the last operation ended. It is a number, written and read without a lock, because
 *            release () and try_acquire () may run in a signal handler; get_error_string () makes
 *            the message. A failure without such a number does not happen in a handler, and is
 *            recorded as a code and a string under lock.
 * is_disposed  Set with opening held; afterwards nothing opens.
 * opener     The thread that holds opening. A signal handler compares, and does not wait for the
 *            thread that it interrupted.
 */
struct _SsemSystemSemaphore
{
  GObject parent_instance;

  SsemFastPath fast_path;
  _Atomic (SsemInstance *) instance;
  GMutex opening;

  /* Constant after construction. */
  GMainContext *context; /* NULL for the default one */
  char *address;         /* of the backend's service; NULL for the backend's own default */

  /* Under ssem_system_semaphore_lock. */
  unsigned int fork_count;
  char *key;
  char *native_key;    /* with is_native, the given one; else that of the open semaphore, or NULL */
  gboolean is_native;  /* opening uses native_key, and not the key */
  int initial_value;
  SsemAccessMode mode;
  gboolean undo;
  SsemAcquireQueue *queue;
  SsemSystemSemaphoreError error_code; /* of an outcome that is recorded */
  char *error_string;

  atomic_uint_least64_t fencing_token; /* 0: none */
  atomic_uint backend;        /* a SsemBackend; DEFAULT until a thread with opening has chosen */
  atomic_bool is_disposed;    /* written with opening held */
  _Atomic (gpointer) opener;  /* the thread that holds opening; for that thread */
  atomic_int outcome;
};

/* Outcomes: a success; a failure that is recorded in error_code and error_string; else an operation
 * of the backend (from bit 24 on) and what it returned (bits 0 to 23, with its sign). */
#define SSEM_OUTCOME_SUCCESS  0
#define SSEM_OUTCOME_RECORDED 1
#define SSEM_OUTCOME_MAKE(operation, failure) \
  ((int) ((guint) (operation) + 1) << 24 | ((failure) & 0xffffff))
#define SSEM_OUTCOME_OPERATION(outcome) ((SsemOperation) (((outcome) >> 24) - 1))
#define SSEM_OUTCOME_FAILURE(outcome)   ((int) ((guint) (outcome) << 8) >> 8)

enum
{
  SSEM_PROP_KEY = 1,
  SSEM_PROP_INITIAL_VALUE,
  SSEM_PROP_MODE,
  SSEM_PROP_UNDO,
  SSEM_PROP_BACKEND,
  SSEM_PROP_NATIVE_KEY,
  SSEM_PROP_ADDRESS,
  SSEM_N_PROPS,
};

extern G_GNUC_INTERNAL GMutex ssem_system_semaphore_lock;
extern G_GNUC_INTERNAL gpointer ssem_system_semaphore_class; /* constant once there is an object */
extern G_GNUC_INTERNAL GParamSpec *ssem_system_semaphore_properties[SSEM_N_PROPS];

void          ssem_system_semaphore_install_properties (GObjectClass *object_class);

/* Remembers the fencing token of an acquire, which must not be 0. May run in a signal handler. */
void          ssem_system_semaphore_set_fencing_token (SsemSystemSemaphore  *self,
                                                    guint64                  fencing_token);

/* Does what ssem_system_semaphore_acquire () does, and tells the fencing token of this acquire, 0
 * where there is none. */
gboolean      ssem_system_semaphore_acquire_fenced (SsemSystemSemaphore     *self,
                                                    int                      n,
                                                    GCancellable            *cancellable,
                                                    guint64                 *fencing_token,
                                                    GError                 **error);

/* Records a success. */
void          ssem_system_semaphore_record_success (SsemSystemSemaphore     *self);

/* Records what get_error () and get_error_string () return next. */
void          ssem_system_semaphore_record_error   (SsemSystemSemaphore     *self,
                                                    const GError            *error);

/* Records @failure and takes it over; returns FALSE. */
gboolean      ssem_system_semaphore_record_failure (SsemSystemSemaphore     *self,
                                                    GError                 **error,
                                                    GError                  *failure);

/* Records what an operation of @table returned, and sets the error if it failed. Returns whether it
 * succeeded. With @error NULL it allocates nothing. */
gboolean      ssem_system_semaphore_finish         (SsemSystemSemaphore     *self,
                                                    const SsemBackendTable  *table,
                                                    SsemOperation            operation,
                                                    int                      failure,
                                                    GError                 **error);

/* Enters the instance, which it opens if need be, but not for a @queue that is closed. After a
 * success, call ssem_hazard_leave () or ssem_hazard_leave_and_free (). A failure sets either
 * @failure or @error. */
SsemInstance *ssem_system_semaphore_enter          (SsemSystemSemaphore     *self,
                                                    SsemAcquireQueue        *queue,
                                                    guint                   *depth,
                                                    int                     *failure,
                                                    GError                 **error);

/* Returns what messages call the semaphore: the key, or the native key. Needs
 * ssem_system_semaphore_lock. */
char         *ssem_system_semaphore_dup_name       (SsemSystemSemaphore     *self);

/* The same, without the lock. */
char         *ssem_system_semaphore_get_name       (SsemSystemSemaphore     *self);

/* ssem_backend_acquire () or ssem_backend_acquire_interruptible (). */
typedef int (* SsemAcquireOperation) (SsemInstance         *instance,
                                      int                   n,
                                      gint64                deadline_usec,
                                      GCancellable         *cancellable,
                                      guint64              *fencing_token);

/* Returns whether the log or a profile is told of waits. */
static inline gboolean
ssem_system_semaphore_is_traced (void)
{
  return ssem_debug_is_on || ssem_profile_is_on ();
}

/* Tells the profile of a wait that began at @begin: see ssem-profile-private.h. */
void          ssem_system_semaphore_mark_wait      (SsemSystemSemaphore     *self,
                                                    gint64                   begin,
                                                    int                      n,
                                                    int                      failure);

/* Calls @operate, and tells the log and the profile if it waits. */
int           ssem_system_semaphore_acquire_traced (SsemSystemSemaphore     *self,
                                                    SsemInstance            *instance,
                                                    SsemAcquireOperation     operate,
                                                    int                      n,
                                                    gint64                   deadline_usec,
                                                    GCancellable            *cancellable,
                                                    guint64                 *fencing_token);

/* Fails where @n is not a number of units to acquire or release. */
gboolean      ssem_system_semaphore_check_units    (int                      n,
                                                    GError                 **error);

/* Returns whether a success has nothing to record. */
static inline gboolean
ssem_system_semaphore_is_without_error (SsemSystemSemaphore *self)
{
  return G_LIKELY (atomic_load_explicit (&self->outcome, memory_order_relaxed) ==
                   SSEM_OUTCOME_SUCCESS);
}

/* Does what SSEM_IS_SYSTEM_SEMAPHORE does, for a class that is final. That macro asks for the
 * type's number first, which takes a nanosecond: an uncontended operation takes a few. */
static inline gboolean
ssem_system_semaphore_is_valid (SsemSystemSemaphore *self)
{
  return self != NULL &&
         self->parent_instance.g_type_instance.g_class == ssem_system_semaphore_class;
}

G_END_DECLS
