/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-acquire-private.h"

#include "ssem-shm-recovery-private.h"

#include "ssem/os/ssem-thread-private.h"

#include <errno.h>

/* An acquire that finds too few units takes ever more costly steps:
 *
 *   1. It spins for a moment, since a holder often releases soon. A try, which never waits, looks
 *      for dead processes that hold units instead, and ends here.
 *   2. It makes sure that some process watches for deaths: see ssem-shm-recovery.c.
 *   3. It sleeps until a releaser wakes it, a death is noticed, the wait is called off, the time is
 *      over or the longest sleep has passed.
 *
 * A waiter announces itself before step 2, so a releaser wakes it from then on: see
 * ssem-shm-waiters.c. A waiter that was woken and finds that another was faster sleeps again. One
 * that slept to the end looks for the dead, once a second for all waiters.
 *
 * Watching for deaths
 *
 *   Any waiter tries to become a listener before it sleeps, but at most ten times a second. A
 *   process that stops listening wakes a waiter, which tries to take its place.
 *
 *   A new listener looks for the dead again after a short sleep. If it is woken before, that look
 *   is still due.
 *
 * Calling a wait off
 *
 *   Each wait is in a list, so that a closing owner finds its waits. The owner sets its flag first;
 *   a waiter enters the list first and loads the flag then. So either the owner finds the waiter or
 *   the waiter sees the flag.
 *
 * A process that leaves without units hands a possible wake-up on by waking all: it does not know
 * whether it got one.
 */

/* If other processes watch already, a waiter that is woken again and again does not ask each
 * time. */
#define WATCH_AGAIN_USEC G_GINT64_CONSTANT (100000)

/* After so many wake-ups that reached nobody, the waiters that are counted are probably dead. */
#define VAIN_WAKES_BEFORE_RECOUNT 64

void
ssem_shm_acquirer_init (SsemShmAcquirer *self,
                        SsemShmMember   *member)
{
  self->member = member;
  g_mutex_init (&self->lock);
  g_mutex_init (&self->watch_lock);
}

void
ssem_shm_acquirer_clear (SsemShmAcquirer *self)
{
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->watch_lock);
}

void
ssem_shm_acquirer_forget (SsemShmAcquirer *self)
{
  /* Threads that the child does not have may hold the locks. */
  ssem_shm_acquirer_init (self, self->member);
  self->waits = NULL;
  atomic_store (&self->next_watch_usec, 0);
  atomic_store (&self->second_look_usec, 0);
}

/* --- Adding and taking --- */

static SsemShmResult
add (SsemShmSlotHandle *handle,
     int                delta,
     int                undo_mask)
{
  SsemShmResult result = ssem_shm_counter_add (handle, delta, -delta & undo_mask);

  /* The next operation may take the fast path. */
  if (result == SSEM_SHM_DONE)
    ssem_shm_counter_prepare_fast (handle);

  return result;
}

static gboolean
take (SsemShmRequest *request)
{
  return add (request->handle, -request->n, request->undo_mask) == SSEM_SHM_DONE;
}

int
ssem_shm_acquirer_try (SsemShmAcquirer *self,
                       SsemShmRequest  *request)
{
  SSEM_THREAD_SHIELD;
  int n_dead;

  if (take (request))
    return 0;

  n_dead = ssem_shm_recovery_look (self->member);
  if (n_dead < 0)
    return n_dead;

  /* Even if the look found nobody: another process may just have reclaimed the units. */
  return take (request) ? 0 : -EAGAIN;
}

int
ssem_shm_acquirer_spin (SsemShmAcquirer *self,
                        SsemShmRequest  *request)
{
  if (take (request))
    return 0;

  return ssem_shm_waiters_spin (self->member->segment, request->n) && take (request) ? 0 : -EAGAIN;
}

static void
wake (SsemShmAcquirer *self,
      int              n)
{
  if (ssem_shm_waiters_wake (self->member, n) == 0 &&
      atomic_fetch_add (&self->n_vain_wakes, 1) % VAIN_WAKES_BEFORE_RECOUNT ==
      VAIN_WAKES_BEFORE_RECOUNT - 1)
    {
      SSEM_THREAD_SHIELD;

      ssem_shm_recovery_sweep_waiters (self->member);
    }
}

int
ssem_shm_acquirer_release (SsemShmAcquirer   *self,
                           SsemShmSlotHandle *handle,
                           int                n,
                           int                undo_mask)
{
  gboolean has_cleared = ssem_shm_waiters_clear_bit (handle->segment);
  SsemShmResult result = add (handle, n, undo_mask);

  if (has_cleared)
    ssem_shm_waiters_wake_all (self->member);
  else if (result == SSEM_SHM_DONE && ssem_shm_waiters_is_anybody (handle->segment))
    wake (self, n);

  return result == SSEM_SHM_DONE ? 0 : -EOVERFLOW;
}
/* --- Watching for deaths --- */

/* Returns until when a thread of a listener sleeps, in monotonic time. */
static gint64
get_second_look (SsemShmAcquirer *self)
{
  gint64 second_look = atomic_load (&self->second_look_usec);

  return second_look != 0 ? second_look : G_MAXINT64;
}

/* Makes sure that some process watches. Returns until when to sleep, in monotonic time, and then to
 * call this again. */
static gint64
watch (SsemShmAcquirer *self,
       gboolean         is_woken)
{
  gint64 now = g_get_monotonic_time ();
  gboolean is_watched = TRUE, has_begun = FALSE;

  if (ssem_shm_recovery_is_watching (self->member))
    return get_second_look (self);

  if (now >= atomic_load (&self->next_watch_usec) && g_mutex_trylock (&self->watch_lock))
    {
      if (!ssem_shm_recovery_is_watching (self->member))
        has_begun = ssem_shm_recovery_watch (self->member, &is_watched);
      if (has_begun)
        atomic_store (&self->second_look_usec,
                      (gint64) atomic_load (&self->member->segment->next_wait_look));
      atomic_store (&self->next_watch_usec, now + WATCH_AGAIN_USEC);
      g_mutex_unlock (&self->watch_lock);
    }

  /* A process may have died before anybody watched. */
  if (!is_watched)
    ssem_shm_recovery_look (self->member);
  if (has_begun)
    return get_second_look (self);

  /* A listener may just have left. So a waiter that begins to wait or was woken tries once more,
   * soon, to take its place: later than the listeners' second look, which it does if nobody has. */
  return is_woken ? now + WATCH_AGAIN_USEC : G_MAXINT64;
}

void
ssem_shm_acquirer_unwatch (SsemShmAcquirer *self)
{
  gboolean has_waits;

  atomic_store (&self->second_look_usec, 0);
  if (!ssem_shm_recovery_unwatch (self->member))
    return;

  ssem_thread_lock (&self->lock);
  has_waits = self->waits != NULL;
  ssem_thread_unlock (&self->lock);

  /* A woken waiter takes the place. At exit, one waiter alone could be a thread of this process. */
  if (has_waits)
    ssem_shm_waiters_wake_all (self->member);
  else if (ssem_shm_waiters_is_anybody (self->member->segment))
    ssem_shm_waiters_wake (self->member, 1);
}

/* --- Waiting --- */

void
ssem_shm_acquirer_begin_wait (SsemShmAcquirer *self,
                              SsemShmRequest  *request)
{
  request->acquirer = self;
  request->link = (GList) { .data = request };

  ssem_thread_lock (&self->lock);
  request->link.next = self->waits;
  if (self->waits != NULL)
    self->waits->prev = &request->link;
  self->waits = &request->link;
  ssem_thread_unlock (&self->lock);

  ssem_shm_waiters_announce (self->member->segment, request->handle->index, request->n);
}

void
ssem_shm_acquirer_end_wait (SsemShmAcquirer *self,
                            SsemShmRequest  *request)
{
  ssem_shm_waiters_retract (self->member->segment, request->handle->index);

  ssem_thread_lock (&self->lock);
  self->waits = g_list_remove_link (self->waits, &request->link);
  ssem_thread_unlock (&self->lock);
}

void
ssem_shm_acquirer_call_off (SsemShmRequest *request)
{
  ssem_shm_waiters_call_off (request->acquirer->member, &request->waiter, request->handle->index);
}

void
ssem_shm_acquirer_close (SsemShmAcquirer   *self,
                         const atomic_bool *is_closed)
{
  GList *link;

  ssem_thread_lock (&self->lock);
  for (link = self->waits; link != NULL; link = link->next)
    {
      SsemShmRequest *request = link->data;

      if (request->is_closed == is_closed)
        ssem_shm_acquirer_call_off (request);
    }
  ssem_thread_unlock (&self->lock);
}

/* Looks once more at the end of the time. */
static int
take_at_deadline (SsemShmAcquirer *self,
                  SsemShmRequest  *request)
{
  int n_dead = ssem_shm_recovery_look (self->member);

  if (n_dead < 0)
    return n_dead;

  return take (request) ? 0 : -EAGAIN;
}

/* Does what a waiter does that nobody has woken. */
static int
look_after_sleep (SsemShmAcquirer *self)
{
  gint64 second_look = atomic_load (&self->second_look_usec);
  int result = ssem_shm_member_check_use (self->member);

  if (result != 0)
    return result;

  if (second_look != 0 && g_get_monotonic_time () >= second_look &&
      atomic_compare_exchange_strong (&self->second_look_usec, &second_look, 0))
    result = ssem_shm_recovery_look_again (self->member);
  else
    result = ssem_shm_recovery_look_as_waiter (self->member);

  return MIN (result, 0);
}

static int
wait_until_taken (SsemShmAcquirer *self,
                  SsemShmRequest  *request,
                  gint64           deadline_usec)
{
  int slept = 0;

  for (;;)
    {
      gint64 until;
      int result = 0;

      if (take (request))
        return 0;
      if (slept == -EINTR && request->is_interruptible)
        return -EINTR;
      if (atomic_load (&request->waiter.is_called_off))
        return -EAGAIN;
      if (g_get_monotonic_time () >= deadline_usec)
        return take_at_deadline (self, request);

      until = MIN (deadline_usec, watch (self, slept != -ETIMEDOUT));
      slept = ssem_shm_waiters_sleep (self->member, &request->waiter, request->handle->index,
                                      request->n, until);
      if (slept == -ETIMEDOUT)
        result = look_after_sleep (self);
      if (result != 0)
        return result;
    }
}

int
ssem_shm_acquirer_wait (SsemShmAcquirer *self,
                        SsemShmRequest  *request,
                        gint64           deadline_usec)
{
  int result;

  if (atomic_load (request->is_closed))
    atomic_store (&request->waiter.is_called_off, TRUE);

  result = wait_until_taken (self, request, deadline_usec);

  /* This thread may have been woken, and has no use for the wake-up. */
  if (result != 0)
    ssem_shm_waiters_wake_all (self->member);

  return result;
}
