/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/posix/ssem-posix-attachment-private.h"

#include <limits.h>

G_BEGIN_DECLS

/* Acquires and releases units of an attached semaphore. The design note is in
 * ssem-posix-acquire.c. Functions return 0 or -errno.
 *
 * The fast paths are inline, and of one unit. They fail without any effect, also if the process is
 * not attached. Then the whole function follows.
 */

/* How long to wait for units. */
typedef struct
{
  gint64 deadline_usec; /* of g_get_monotonic_time (); 0: do not wait; G_MAXINT64: forever */
  const atomic_bool *is_closed; /* once TRUE, an acquire releases its units and fails */
  gboolean is_interruptible;    /* a signal handler ends the wait */
  gboolean (* is_cancelled) (gpointer data); /* NULL if the wait cannot be cancelled */
  gpointer data;
} SsemPosixWait;

/* Acquires @n units. -EAGAIN if the units did not come in time, -ECANCELED if the instance was
 * closed or the wait was cancelled, -EINTR if a signal handler has ended an interruptible wait,
 * -EIDRM if a wait finds that something has removed the semaphore. */
int ssem_posix_acquire   (SsemPosixAttachment *attachment,
                          int                  n,
                          const SsemPosixWait *wait);

/* Adds @n units one by one. -ERANGE if the value would exceed the maximum. */
int ssem_posix_release   (SsemPosixAttachment *attachment,
                          int                  n);

/* Wakes the acquires of several units that listen for added units. */
void ssem_posix_tell     (SsemPosixContent    *content);

/* Returns the value, or -errno. */
int ssem_posix_get_value (SsemPosixAttachment *attachment);

/* Returns NULL if this process is not attached: a child of fork () is not until its first operation
 * on the slow path. */
static inline SsemPosixContent *
ssem_posix_get_attached_content (SsemPosixAttachment *attachment)
{
  /* Acquire: pairs with the store in ssem_posix_attachment_attach_child (). */
  return atomic_load_explicit (&attachment->content, memory_order_acquire);
}

static inline gboolean
ssem_posix_acquire_fast (SsemPosixAttachment *attachment)
{
  SsemPosixContent *content = ssem_posix_get_attached_content (attachment);

  return content != NULL && sem_trywait (&content->semaphore) == 0;
}

static inline gboolean
ssem_posix_release_fast (SsemPosixAttachment *attachment)
{
  SsemPosixContent *content = ssem_posix_get_attached_content (attachment);

  if (content == NULL || sem_post (&content->semaphore) != 0)
    return FALSE;

  /* A listener that sets the word just now looks after that, and again after a while. */
  if (G_UNLIKELY (atomic_load_explicit (&content->record.is_listening, memory_order_relaxed) != 0))
    ssem_posix_tell (content);

  return TRUE;
}

G_END_DECLS
