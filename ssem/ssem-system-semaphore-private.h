/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-system-semaphore.h"

#include "ssem/backend/ssem-backend-private.h"
#include "ssem/backend/ssem-hazard-private.h"
#include "ssem-acquire-queue-private.h"

G_BEGIN_DECLS

/* Design note
 *
 * The object is a name with settings; what is behind the name is an instance of a backend, which
 * opening makes. That happens in init (), in set_key () or, where a binding built the object from
 * its properties alone, in the first operation.
 *
 * The object's life, its properties and its opening are in ssem-system-semaphore.c, what is done
 * with an open one in ssem-system-semaphore-operations.c, and shorter for languages in
 * ssem-system-semaphore-one.c.
 *
 * instance   Entered through ssem_hazard_enter (), so that set_key () can take it away while another
 *            thread is inside. NULL: not open.
 * opening    Makes threads that want to open, or give another key, wait for each other; may be held
 *            for as long as opening takes. A child of fork () gets a new one, because the thread
 *            that holds it may not be in the child.
 * lock       Protects all other fields that change. One for all objects: no acquire or release that
 *            succeeds takes it, unless asynchronous or after a failure; it is held for a few
 *            instructions, and it must survive a fork. Locks that may be taken with it held: none.
 *            It may be taken with opening held.
 * outcome    How the last operation ended. Written and read without a lock, because release () and
 *            try_acquire () may run in a signal handler; so it is a number, and get_error_string ()
 *            makes the message of it. What has no such number, and does not happen in a handler, is
 *            recorded as a code and a string, under lock.
 * is_disposed Set with opening held; from then on nothing opens.
 * opener     By this a signal handler sees that it has interrupted the opening, and does not wait for
 *            its own thread.
 */
struct _SsemSystemSemaphore
{
  GObject parent_instance;

  _Atomic (SsemInstance *) instance;
  GMutex opening;

  /* Under ssem_system_semaphore_lock. */
  unsigned int fork_count;
  char *key;
  int initial_value;
  SsemAccessMode mode;
  SsemBackend backend; /* DEFAULT until opening has chosen */
  gboolean undo;
  SsemAcquireQueue *queue;
  SsemSystemSemaphoreError error_code; /* of an outcome that is recorded */
  char *error_string;

  atomic_bool is_disposed;    /* written with opening held */
  _Atomic (gpointer) opener;  /* the thread that holds opening; for that thread */
  atomic_int outcome;
};

/* Outcomes: a success; a failure that is recorded in error_code and error_string; else an operation
 * of the backend's table (from bit 24 on) and what it answered (0-23, with its sign). */
#define SSEM_OUTCOME_SUCCESS  0
#define SSEM_OUTCOME_RECORDED 1
#define SSEM_OUTCOME_MAKE(operation, failure) \
  ((int) ((guint) (operation) + 1) << 24 | ((failure) & 0xffffff))
#define SSEM_OUTCOME_OPERATION(outcome) ((SsemOperation) (((outcome) >> 24) - 1))
#define SSEM_OUTCOME_FAILURE(outcome)   ((int) ((guint) (outcome) << 8) >> 8)

extern G_GNUC_INTERNAL GMutex ssem_system_semaphore_lock;
extern G_GNUC_INTERNAL gpointer ssem_system_semaphore_class; /* constant once there is an object */

/* What get_error () and get_error_string () will answer. */
void     ssem_system_semaphore_record_error   (SsemSystemSemaphore  *self,
                                               const GError         *error);

/* Takes over @failure; answers FALSE. */
gboolean ssem_system_semaphore_record_failure (SsemSystemSemaphore  *self,
                                               GError              **error,
                                               GError               *failure);

/* Records what an operation of @table's answered, and sets the error if it failed. Answers whether
 * it succeeded. Without a place for an error it allocates nothing. */
gboolean ssem_system_semaphore_finish         (SsemSystemSemaphore     *self,
                                               const SsemBackendTable  *table,
                                               SsemOperation            operation,
                                               int                      failure,
                                               GError                 **error);

/* Whether the object was disposed of, or this thread is just opening it or giving it another key: for
 * a signal handler. */
gboolean ssem_system_semaphore_is_closed_here (SsemSystemSemaphore  *self);

/* Opens the instance if there is none; not for a @queue that is closed by now. */
gboolean ssem_system_semaphore_ensure_open    (SsemSystemSemaphore  *self,
                                               SsemAcquireQueue     *queue,
                                               GError              **error);

/* Whether a success would have nothing to record. */
static inline gboolean
ssem_system_semaphore_is_without_error (SsemSystemSemaphore *self)
{
  return G_LIKELY (atomic_load_explicit (&self->outcome, memory_order_relaxed) ==
                   SSEM_OUTCOME_SUCCESS);
}

static inline void
ssem_system_semaphore_record_success (SsemSystemSemaphore *self)
{
  if (!ssem_system_semaphore_is_without_error (self))
    atomic_store_explicit (&self->outcome, SSEM_OUTCOME_SUCCESS, memory_order_relaxed);
}

/* SSEM_IS_SYSTEM_SEMAPHORE for the operations that take a few nanoseconds, of which the usual
 * macro, which asks for the type's number first, would be one. The class is final, so this is the
 * same. */
static inline gboolean
ssem_system_semaphore_is_valid (SsemSystemSemaphore *self)
{
  return self != NULL &&
         self->parent_instance.g_type_instance.g_class == ssem_system_semaphore_class;
}

G_END_DECLS
