/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-posix-acquire-private.h"

#include "ssem/os/ssem-collect-private.h"
#include "ssem/os/ssem-futex-private.h"
#include "ssem/os/ssem-random-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <time.h>

/* Waiting
 *
 *   A waiter for one unit waits in the C library. Only a unit, a signal or a time-out ends such a
 *   call, and signal handlers belong to the program. So a wait is a series of calls: each of at
 *   most CANCEL_LATENCY_USEC if it can be cancelled, else of at most CLOSE_LATENCY_USEC. Between
 *   two calls, the waiter checks whether the instance was closed, and whether something has removed
 *   the semaphore. A thread that gets units for a closed instance releases them.
 *
 * Several units
 *
 *   ssem-collect.c collects them. A waiter for several units sleeps on is_listening in the record,
 *   and releases of this library wake it. Releases of other programs do not, so it also looks
 *   regularly.
 *
 *   The lock of the collectors expires: it contains the time at which its owner has to be done. So
 *   nobody has to find out whether the owner is dead or stopped. An owner that is late collects
 *   beside the next one, as an owner without the lock does.
 *
 *   An acquire that does not wait may run in a signal handler, possibly one that has interrupted
 *   the owner of the lock. It tries the lock once, and collects without it if it must.
 */

#define CANCEL_LATENCY_USEC G_GINT64_CONSTANT (20000)
#define CLOSE_LATENCY_USEC  G_GINT64_CONSTANT (100000)
#define COURTESY_USEC       (SSEM_COLLECT_COURTESY_MSEC * G_GINT64_CONSTANT (1000))

/* --- Time --- */

#ifdef HAVE_SEM_CLOCKWAIT

/* Takes a unit, or waits for one until @deadline_usec. Returns 0 or -errno. */
static int
wait_for_one (sem_t  *semaphore,
              gint64  deadline_usec)
{
  struct timespec deadline = {
    .tv_sec = deadline_usec / G_USEC_PER_SEC,
    .tv_nsec = deadline_usec % G_USEC_PER_SEC * 1000,
  };

  return sem_clockwait (semaphore, CLOCK_MONOTONIC, &deadline) == 0 ? 0 : -errno;
}

#else

/* The C library has time-outs by the wall clock only. Each of them is short, so a change of that
 * clock does little. */
static int
wait_for_one (sem_t  *semaphore,
              gint64  deadline_usec)
{
  gint64 left_usec = deadline_usec - g_get_monotonic_time ();
  gint64 real_usec = g_get_real_time () + MAX (0, left_usec);
  struct timespec deadline = {
    .tv_sec = real_usec / G_USEC_PER_SEC,
    .tv_nsec = real_usec % G_USEC_PER_SEC * 1000,
  };

  return sem_timedwait (semaphore, &deadline) == 0 ? 0 : -errno;
}

#endif

static gboolean
is_closed_or_cancelled (const SsemPosixWait *wait)
{
  return atomic_load (wait->is_closed) ||
         (wait->is_cancelled != NULL && wait->is_cancelled (wait->data));
}

static gboolean
is_past (gint64 deadline_usec)
{
  return deadline_usec != G_MAXINT64 && g_get_monotonic_time () >= deadline_usec;
}

/* --- One unit --- */

static int
take_one (sem_t *semaphore)
{
  int result;

  do
    result = sem_trywait (semaphore) == 0 ? 0 : -errno;
  while (result == -EINTR);

  return result;
}

/* Returns when the next call of the C library has to end. */
static gint64
get_next_deadline (const SsemPosixWait *wait)
{
  gint64 latency = wait->is_cancelled != NULL ? CANCEL_LATENCY_USEC : CLOSE_LATENCY_USEC;
  gint64 next = g_get_monotonic_time () + latency;

  return MIN (wait->deadline_usec, next);
}

static int
acquire_one (SsemPosixAttachment *attachment,
             const SsemPosixWait *wait)
{
  sem_t *semaphore = &attachment->content->semaphore;
  int result = take_one (semaphore);

  while (result == -EAGAIN || result == -ETIMEDOUT || result == -EINTR)
    {
      if (wait->deadline_usec == 0)
        return -EAGAIN;
      if (is_closed_or_cancelled (wait))
        return -ECANCELED;
      if (result == -EINTR && wait->is_interruptible)
        return -EINTR;
      if (result == -ETIMEDOUT && is_past (wait->deadline_usec))
        return -EAGAIN;
      if (result == -ETIMEDOUT && ssem_posix_attachment_is_removed (attachment))
        return -EIDRM;

      result = wait_for_one (semaphore, get_next_deadline (wait));
    }

  return result;
}

/* --- Releasing --- */

void
ssem_posix_tell (SsemPosixContent *content)
{
  if (atomic_exchange (&content->record.is_listening, 0) != 0)
    ssem_futex_wake (&content->record.is_listening, INT_MAX, SSEM_FUTEX_ALL_BITS);
}

/* Adds @n units. Returns 0 or -errno; then some units may have been taken by others meanwhile, and
 * the rest is taken back. */
static int
add_units (sem_t *semaphore,
           int    n)
{
  int n_added = 0;
  int result = 0;

  for (; n_added < n && result == 0; n_added++)
    result = sem_post (semaphore) == 0 ? 0 : -errno;
  if (result == 0)
    return 0;

  for (n_added--; n_added > 0 && take_one (semaphore) == 0; n_added--)
    ;

  return result == -EOVERFLOW ? -ERANGE : result;
}

static int
get_value (sem_t *semaphore)
{
  int value = 0;

  if (sem_getvalue (semaphore, &value) != 0)
    return -errno;

  /* POSIX allows a negative number: of waiters. */
  return MAX (0, value);
}

int
ssem_posix_release (SsemPosixAttachment *attachment,
                    int                  n)
{
  SsemPosixContent *content = attachment->content;
  int value = get_value (&content->semaphore);
  int result;

  if (value < 0)
    return value;
  if ((guint) value + (guint) n > SEM_VALUE_MAX)
    return -ERANGE;

  result = add_units (&content->semaphore, n);
  ssem_posix_tell (content);

  return result;
}

int
ssem_posix_get_value (SsemPosixAttachment *attachment)
{
  return ssem_posix_attachment_is_removed (attachment)
         ? -EIDRM : get_value (&attachment->content->semaphore);
}

/* --- Several units --- */

typedef struct
{
  SsemPosixAttachment *attachment;
  const SsemPosixWait *wait;
  gboolean is_interrupted; /* a signal handler has run while it slept */
} Waiting;

static int
posix_get_value (gpointer  semaphore,
                 int      *value)
{
  SsemPosixContent *content = semaphore;
  int result = get_value (&content->semaphore);

  *value = MAX (0, result);

  return MIN (0, result);
}

static int
posix_take_one (gpointer semaphore)
{
  SsemPosixContent *content = semaphore;
  int result = take_one (&content->semaphore);

  return result == -EAGAIN ? SSEM_COLLECT_TOO_FEW : result;
}

/* Fails only where other releases have filled the semaphore to its maximum meanwhile. */
static void
posix_give_back (gpointer semaphore,
                 int      n)
{
  SsemPosixContent *content = semaphore;

  while (n-- > 0)
    sem_post (&content->semaphore);
  ssem_posix_tell (content);
}

/* Tries to lock. Sets @expires to when another collector's lock expires. */
static gboolean
try_lock (atomic_uint_least64_t *collecting,
          gint64                *expires)
{
  guint64 word = atomic_load (collecting);
  gint64 now = g_get_monotonic_time ();
  guint64 mine;

  /* An expiry that is too far away comes from another clock, so it is void. */
  *expires = (gint64) (word & ~G_GUINT64_CONSTANT (1));
  if (word != 0 && *expires > now && *expires <= now + COURTESY_USEC)
    return FALSE;

  *expires = 0;
  mine = (guint64) (now + COURTESY_USEC) & ~G_GUINT64_CONSTANT (1);

  return atomic_compare_exchange_strong (collecting, &word, mine);
}

static int
posix_lock (gpointer semaphore,
            gpointer waiting)
{
  SsemPosixRecord *record = &((SsemPosixContent *) semaphore)->record;
  gint64 deadline_usec = g_get_monotonic_time () + COURTESY_USEC;
  gint64 expires;

  while (!try_lock (&record->collecting, &expires))
    {
      guint32 turn = atomic_load (&record->turn);
      guint64 word = (guint64) expires;

      if (waiting == NULL || is_past (deadline_usec))
        return SSEM_COLLECT_TOO_FEW;
      /* Say that somebody waits, unless the lock has changed. */
      if (expires != 0 &&
          (atomic_compare_exchange_strong (&record->collecting, &word, word | 1) ||
           word == ((guint64) expires | 1)))
        ssem_futex_wait (&record->turn, turn, MIN (expires, deadline_usec), SSEM_FUTEX_ALL_BITS);
    }

  return 0;
}

/* An owner whose lock has expired may free the lock of the next one. Then two collect at the same
 * time, as without a lock. */
static void
posix_unlock (gpointer semaphore)
{
  SsemPosixRecord *record = &((SsemPosixContent *) semaphore)->record;

  if ((atomic_exchange (&record->collecting, 0) & 1) != 0)
    {
      atomic_fetch_add (&record->turn, 1);
      ssem_futex_wake (&record->turn, INT_MAX, SSEM_FUTEX_ALL_BITS);
    }
}

static void
posix_listen (gpointer semaphore)
{
  SsemPosixContent *content = semaphore;

  atomic_store (&content->record.is_listening, 1);
}

static void
posix_wait_for_units (gpointer semaphore,
                      gpointer waiting,
                      int      at_most_msec)
{
  SsemPosixContent *content = semaphore;
  Waiting *self = waiting;
  gint64 look_usec = g_get_monotonic_time () + at_most_msec * G_GINT64_CONSTANT (1000);

  if (ssem_futex_wait (&content->record.is_listening, 1,
                       MIN (self->wait->deadline_usec, look_usec), SSEM_FUTEX_ALL_BITS) == -EINTR)
    self->is_interrupted = TRUE;
}

static void
posix_stay_away (gpointer semaphore,
                 gpointer waiting,
                 int      at_most_msec)
{
  Waiting *self = waiting;
  guint64 usec = ssem_random_unique () % ((guint64) at_most_msec * 1000);
  struct timespec pause = { .tv_nsec = (long) usec * 1000 };

  if (nanosleep (&pause, NULL) != 0)
    self->is_interrupted = TRUE;
}

static gboolean
posix_is_over (gpointer waiting)
{
  const Waiting *self = waiting;

  return is_closed_or_cancelled (self->wait) || is_past (self->wait->deadline_usec) ||
         (self->is_interrupted && self->wait->is_interruptible) ||
         ssem_posix_attachment_is_removed (self->attachment);
}

static const SsemCollectClass posix_collect_class = {
  .get_value = posix_get_value,
  .take_one = posix_take_one,
  .give_back = posix_give_back,
  .lock = posix_lock,
  .unlock = posix_unlock,
  .listen = posix_listen,
  .wait_for_units = posix_wait_for_units,
  .stay_away = posix_stay_away,
  .is_over = posix_is_over,
};

static int
acquire_several (SsemPosixAttachment *attachment,
                 int                  n,
                 const SsemPosixWait *wait)
{
  Waiting waiting = { .attachment = attachment, .wait = wait };
  int result;

  /* Listening makes the next release slower, so first try without. */
  result = ssem_collect_try (&posix_collect_class, attachment->content, n);
  if (result != SSEM_COLLECT_TOO_FEW)
    return result;
  if (wait->deadline_usec == 0)
    return -EAGAIN;

  result = ssem_collect_wait (&posix_collect_class, attachment->content, n, &waiting);
  if (result != SSEM_COLLECT_TOO_FEW)
    return result;
  if (is_closed_or_cancelled (wait))
    return -ECANCELED;
  if (waiting.is_interrupted && wait->is_interruptible)
    return -EINTR;

  return is_past (wait->deadline_usec) ? -EAGAIN : -EIDRM;
}

int
ssem_posix_acquire (SsemPosixAttachment *attachment,
                    int                  n,
                    const SsemPosixWait *wait)
{
  SSEM_THREAD_SHIELD;
  int result;

  /* More than the maximum can never be available, so the acquire would wait forever. */
  if ((guint) n > SEM_VALUE_MAX)
    return -ERANGE;

  result = n == 1 ? acquire_one (attachment, wait) : acquire_several (attachment, n, wait);
  if (result == 0 && atomic_load (wait->is_closed))
    {
      posix_give_back (attachment->content, n);
      return -ECANCELED;
    }

  return result;
}
