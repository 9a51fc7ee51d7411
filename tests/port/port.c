/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "port.h"

#include "ssem/shm/ssem-shm-recovery-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* The segment is memory of the world. A process id is an index into `alive`: that is liveness.
 * Sleepers are in a list, as in the kernel's futex: a sleep compares `state` under the lock that a
 * wake takes.
 *
 * Deaths are noticed by the world's thread. It plays the thread that a system's part starts in each
 * watching process. It holds watch_lock while it calls a watcher, which is the promise of
 * ssem_shm_member_unwatch ().
 *
 * A signal kills a process at any instruction, but not inside the port, whose locks are shared by
 * all processes: there the death waits until the port is left. The core has no lock that processes
 * share. Without signals, a process that is killed dies when it leaves the port.
 */

#define MAX_PROCESSES (1 << 18)
#define MAX_WATCHERS 2

/* So long a wake-up takes on no machine. */
#define LOST_USEC (30 * G_USEC_PER_SEC)

typedef struct
{
  PortProcess *process;
  guint32 slot;
  gboolean is_woken;
  gboolean is_interrupted;
  pthread_cond_t cond;
} Sleeper;

typedef struct
{
  SsemShmMember *member;
  SsemShmDeathFunc func;
} Watcher;

struct _PortWorld
{
  SsemShmSegment *segment;
  gboolean is_timeless;
  atomic_bool *alive; /* by process id */
  atomic_int last_id;
  guint64 unknown;    /* the process about which a question fails; 0 for none */
  atomic_int n_grown;

  pthread_mutex_t lock;       /* protects the sleepers, and the segment's size */
  pthread_cond_t changed;      /* of the list of sleepers */
  GList *sleepers;

  pthread_mutex_t watch_lock; /* protects the rest */
  pthread_cond_t noticed;
  pthread_cond_t buried;
  Watcher watchers[MAX_WATCHERS];
  GArray *dead;       /* process ids: not yet noticed */
  gboolean is_over;
  GThread *watch_thread;
  PortProcess *guardian;
};

/* The process that this thread plays. */
static _Thread_local PortProcess *current;

static gboolean has_signals;

/* --- Dying --- */

G_NORETURN static void
die (void)
{
  siglongjmp (current->grave, 1);
}

static void
killed_cb (int signal_number)
{
  /* A killer may have meant the process that the thread played before. Any will do. */
  if (current != NULL && atomic_load (&current->is_mortal) && atomic_load (&current->must_die) &&
      current->n_in_port == 0)
    die ();
}

static void
enter_port (void)
{
  if (current != NULL)
    current->n_in_port++;
  atomic_signal_fence (memory_order_seq_cst);
}

static void
leave_port (void)
{
  atomic_signal_fence (memory_order_seq_cst);
  if (current != NULL && --current->n_in_port == 0 && atomic_load (&current->is_mortal) &&
      atomic_load (&current->must_die))
    die ();
}

/* Dies here if the process was told so. Only in its own thread: the world's thread passes, too. */
static void
pass (PortPoint point)
{
  if (current != NULL && atomic_load (&current->is_mortal) && current->die_at == point &&
      --current->die_after <= 0)
    {
      current->die_at = PORT_NOWHERE;
      die ();
    }
}

/* --- The port: the segment --- */

static PortProcess *
process_of (SsemShmMember *member)
{
  return (PortProcess *) member;
}

int
ssem_shm_member_grow (SsemShmMember *self)
{
  PortWorld *world = process_of (self)->world;
  guint32 n_slots;
  int result = 0;

  enter_port ();
  pthread_mutex_lock (&world->lock);
  n_slots = atomic_load (&self->segment->n_slots);
  if (n_slots < SSEM_SHM_MAX_SLOTS)
    ssem_shm_segment_grow (self->segment, MIN (2 * n_slots, SSEM_SHM_MAX_SLOTS));
  else
    result = -EUSERS;
  pthread_mutex_unlock (&world->lock);
  atomic_fetch_add (&world->n_grown, 1);
  leave_port ();

  return result;
}

int
ssem_shm_member_check_use (SsemShmMember *self)
{
  return 0;
}

/* --- The port: liveness --- */

void
ssem_shm_member_bury (SsemShmMember *self,
                      guint64        attach_id)
{
}

int
ssem_shm_member_ask (SsemShmMember *self,
                     guint64        attach_id)
{
  guint64 id = SSEM_SHM_ATTACH_ID_PROCESS (attach_id);

  pass (PORT_AT_QUESTION);
  g_assert_cmpuint (id, <, MAX_PROCESSES);
  if (id == process_of (self)->world->unknown)
    return -EIDRM;

  return atomic_load (&process_of (self)->world->alive[id]);
}

gboolean
ssem_shm_member_watch (SsemShmMember    *self,
                       SsemShmDeathFunc  func,
                       SsemShmDeafFunc   end)
{
  PortWorld *world = process_of (self)->world;
  gboolean is_watching = FALSE;
  int i;

  enter_port ();
  pthread_mutex_lock (&world->watch_lock);
  for (i = 0; i < MAX_WATCHERS && !is_watching; i++)
    {
      if (world->watchers[i].member != NULL)
        continue;
      world->watchers[i] = (Watcher) { self, func };
      is_watching = TRUE;
    }
  pthread_mutex_unlock (&world->watch_lock);
  leave_port ();

  return is_watching;
}

void
ssem_shm_member_unwatch (SsemShmMember *self)
{
  PortWorld *world = process_of (self)->world;
  int i;

  enter_port ();
  pthread_mutex_lock (&world->watch_lock);
  for (i = 0; i < MAX_WATCHERS; i++)
    {
      if (world->watchers[i].member == self)
        world->watchers[i].member = NULL;
    }
  pthread_mutex_unlock (&world->watch_lock);
  leave_port ();
}

static gpointer
watch_thread (gpointer data)
{
  PortWorld *self = data;
  int i;

  pthread_mutex_lock (&self->watch_lock);
  while (!self->is_over || self->dead->len > 0)
    {
      guint64 id;

      if (self->dead->len == 0)
        {
          pthread_cond_wait (&self->buried, &self->watch_lock);
          continue;
        }
      id = g_array_index (self->dead, guint64, 0);
      for (i = 0; i < MAX_WATCHERS; i++)
        {
          Watcher *watcher = &self->watchers[i];

          if (watcher->member != NULL)
            watcher->func (watcher->member, id);
        }
      g_array_remove_index (self->dead, 0);
      pthread_cond_broadcast (&self->noticed);
    }
  pthread_mutex_unlock (&self->watch_lock);

  return NULL;
}

/* --- The port: sleep and wake --- */

/* The locks here are those of POSIX, which ThreadSanitizer knows by itself. */
static void
init_cond (pthread_cond_t *cond)
{
  pthread_condattr_t attributes;

  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (cond, &attributes);
  pthread_condattr_destroy (&attributes);
}

/* Sleeps until it is woken, as ssem_shm_sleep () does. With the world's lock. */
static int
sleep_until_woken (PortWorld *world,
                   Sleeper   *sleeper,
                   gint64     deadline_usec)
{
  gint64 lost_usec = g_get_monotonic_time () + LOST_USEC;
  gint64 end_usec = world->is_timeless ? lost_usec : MIN (lost_usec, deadline_usec);

  struct timespec end = {
    .tv_sec = end_usec / G_USEC_PER_SEC,
    .tv_nsec = end_usec % G_USEC_PER_SEC * 1000,
  };

  while (!sleeper->is_woken && !sleeper->is_interrupted &&
         !atomic_load (&sleeper->process->must_die))
    {
      if (pthread_cond_timedwait (&sleeper->cond, &world->lock, &end) == 0)
        continue;
      if (end_usec < lost_usec)
        return -ETIMEDOUT;
      g_error ("a wake-up was lost: slot %u sleeps, the value is %d", sleeper->slot,
               ssem_shm_state_unpack (atomic_load (&world->segment->state)).value);
    }

  return sleeper->is_interrupted && !sleeper->is_woken ? -EINTR : 0;
}

int
ssem_shm_sleep (SsemShmMember *self,
                guint32        slot,
                guint32        expected,
                gint64         deadline_usec)
{
  PortWorld *world = process_of (self)->world;
  Sleeper sleeper = { .process = process_of (self), .slot = slot };
  int result = 0;

  pass (PORT_AT_SLEEP);
  enter_port ();
  init_cond (&sleeper.cond);
  pthread_mutex_lock (&world->lock);
  if (ssem_shm_state_get_sleep_half (atomic_load (&world->segment->state)) == expected)
    {
      world->sleepers = g_list_append (world->sleepers, &sleeper);
      pthread_cond_broadcast (&world->changed);
      result = sleep_until_woken (world, &sleeper, deadline_usec);
      if (!sleeper.is_woken)
        world->sleepers = g_list_remove (world->sleepers, &sleeper);
    }
  pthread_mutex_unlock (&world->lock);
  pthread_cond_destroy (&sleeper.cond);
  leave_port ();
  if (sleeper.is_woken)
    pass (PORT_AWAKE);

  return result;
}

/* Wakes up to @n sleepers of @slot, or of any slot if that is 0. */
static int
wake (PortWorld *world,
      guint32    slot,
      int        n)
{
  int n_woken = 0;
  GList *link, *next;

  enter_port ();
  pthread_mutex_lock (&world->lock);
  for (link = world->sleepers; link != NULL && n_woken < n; link = next)
    {
      Sleeper *sleeper = link->data;

      next = link->next;
      if (slot != 0 && sleeper->slot != slot)
        continue;
      sleeper->is_woken = TRUE;
      pthread_cond_signal (&sleeper->cond);
      world->sleepers = g_list_delete_link (world->sleepers, link);
      n_woken++;
    }
  pthread_mutex_unlock (&world->lock);
  leave_port ();

  return n_woken;
}

int
ssem_shm_wake (SsemShmMember *self,
               int            n)
{
  pass (PORT_AT_WAKE);

  return wake (process_of (self)->world, 0, n);
}

void
ssem_shm_wake_slot (SsemShmMember *self,
                    guint32        slot)
{
  wake (process_of (self)->world, slot, G_MAXINT);
}

/* --- Worlds --- */

void
port_init (gboolean uses_signals)
{
  struct sigaction action = { .sa_handler = killed_cb };

  ssem_shm_slot_init ();
  ssem_shm_waiters_init ();
  has_signals = uses_signals;
  sigaction (SIGUSR1, &action, NULL);
}

PortWorld *
port_world_new (int      initial_value,
                guint32  n_slots,
                gboolean is_timeless,
                gboolean is_watched)
{
  PortWorld *self = g_new0 (PortWorld, 1);

  self->segment = g_aligned_alloc0 (1, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), SSEM_SHM_LINE);
  self->is_timeless = is_timeless;
  self->alive = g_new0 (atomic_bool, MAX_PROCESSES);
  self->dead = g_array_new (FALSE, FALSE, sizeof (guint64));
  pthread_mutex_init (&self->lock, NULL);
  init_cond (&self->changed);
  pthread_mutex_init (&self->watch_lock, NULL);
  init_cond (&self->noticed);
  init_cond (&self->buried);
  ssem_shm_segment_fill (self->segment, "port", initial_value, 1, 0);
  g_assert_cmpint (ssem_shm_segment_check (self->segment, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS),
                                           "port"), ==, 0);
  atomic_store (&self->segment->n_slots, n_slots);

  self->watch_thread = g_thread_new ("watch", watch_thread, self);
  self->guardian = port_process_new (self);
  if (is_watched)
    port_process_watch (self->guardian);

  return self;
}

void
port_world_free (PortWorld *self,
                 int        expected)
{
  guint32 i;

  /* One look by a live process returns everything. */
  g_assert_cmpint (ssem_shm_recovery_sweep (&self->guardian->parent), >=, 0);
  g_assert_cmpint (ssem_shm_counter_get_value (self->segment), ==, expected);
  g_assert_false (ssem_shm_waiters_is_anybody (self->segment));
  g_assert_null (self->sleepers);
  port_process_end (self->guardian);
  for (i = 1; i < self->segment->slots_used; i++)
    g_assert_cmpuint (atomic_load (&self->segment->slots[i].owner), ==, 0);

  pthread_mutex_lock (&self->watch_lock);
  self->is_over = TRUE;
  pthread_cond_signal (&self->buried);
  pthread_mutex_unlock (&self->watch_lock);
  g_thread_join (self->watch_thread);

  g_array_unref (self->dead);
  g_free (self->alive);
  g_aligned_free (self->segment);
  g_free (self);
}

SsemShmSegment *
port_world_get_segment (PortWorld *self)
{
  return self->segment;
}

void
port_world_set_unknown (PortWorld   *self,
                        PortProcess *process)
{
  self->unknown = process != NULL ? process->id : 0;
}

int
port_world_get_n_grown (PortWorld *self)
{
  return atomic_load (&self->n_grown);
}

void
port_world_wait_noticed (PortWorld *self)
{
  pthread_mutex_lock (&self->watch_lock);
  while (self->dead->len > 0)
    pthread_cond_wait (&self->noticed, &self->watch_lock);
  pthread_mutex_unlock (&self->watch_lock);
}

static void
wait_asleep (PortWorld *self,
             int        n)
{
  pthread_mutex_lock (&self->lock);
  while ((int) g_list_length (self->sleepers) != n)
    pthread_cond_wait (&self->changed, &self->lock);
  pthread_mutex_unlock (&self->lock);
}

void
port_world_wait_asleep (PortWorld *self,
                        int        n)
{
  /* A notice of a death may wake them once more. */
  wait_asleep (self, n);
  port_world_wait_noticed (self);
  wait_asleep (self, n);
}

/* --- Processes --- */

PortProcess *
port_process_new (PortWorld *world)
{
  PortProcess *self = g_new0 (PortProcess, 1);

  self->world = world;
  self->id = (guint64) atomic_fetch_add (&world->last_id, 1) + 1;
  g_assert_cmpuint (self->id, <, MAX_PROCESSES);
  self->parent.segment = world->segment;
  self->parent.attach_id = SSEM_SHM_ATTACH_ID (self->id, 0);
  atomic_store (&world->alive[self->id], TRUE);
  ssem_shm_slots_init (&self->slots, &self->parent);
  ssem_shm_acquirer_init (&self->acquirer, &self->parent);
  g_assert_cmpint (ssem_shm_slots_attach (&self->slots, world->segment), ==, 0);

  return self;
}

void
port_process_watch (PortProcess *self)
{
  gboolean is_watched;

  g_assert_true (ssem_shm_recovery_watch (&self->parent, &is_watched));
}

gboolean
port_process_run (PortProcess *self,
                  PortFunc     func,
                  gpointer     data)
{
  gboolean survives = FALSE;

  /* Gets a slot, which allocates memory: not to be ended by a signal. A thread that has one keeps
   * it, to take the fast path. */
  if (!self->never_operates &&
      (self->handle == NULL || !pthread_equal (self->thread, pthread_self ())))
    g_assert_cmpint (ssem_shm_slots_get_handle (&self->slots, 0, &self->handle), ==, 0);

  self->thread = pthread_self ();
  current = self;
  if (sigsetjmp (self->grave, 1) == 0)
    {
      atomic_store (&self->is_mortal, TRUE);
      func (self, data);
      atomic_store (&self->is_mortal, FALSE);
      survives = TRUE;
    }
  atomic_store (&self->is_mortal, FALSE);
  current = NULL;

  return survives;
}

/* With the world's lock. */
static void
disturb_sleep (PortProcess *self,
               gboolean     is_interruption)
{
  GList *link;

  for (link = self->world->sleepers; link != NULL; link = link->next)
    {
      Sleeper *sleeper = link->data;

      if (sleeper->process != self)
        continue;
      sleeper->is_interrupted = is_interruption;
      pthread_cond_signal (&sleeper->cond);
    }
}

void
port_process_kill (PortProcess *self)
{
  /* A sleeper needs the lock to wake up. So it does not go before it was killed. */
  pthread_mutex_lock (&self->world->lock);
  atomic_store (&self->must_die, TRUE);
  disturb_sleep (self, FALSE);
  if (has_signals)
    pthread_kill (self->thread, SIGUSR1);
  pthread_mutex_unlock (&self->world->lock);
}

void
port_process_interrupt (PortProcess *self)
{
  pthread_mutex_lock (&self->world->lock);
  disturb_sleep (self, TRUE);
  pthread_mutex_unlock (&self->world->lock);
}

/* The slot handles stay in the thread's list until the core drops them as stale. */
static void
forget (PortProcess *self)
{
  ssem_shm_slots_clear (&self->slots);
  g_free (self);
}

void
port_process_end (PortProcess *self)
{
  SsemShmSegment *segment = self->parent.segment;
  guint64 attach_id = self->parent.attach_id;

  if (ssem_shm_counter_get_holding (segment, attach_id) != 0)
    {
      port_process_bury (self);
      return;
    }

  ssem_shm_acquirer_unwatch (&self->acquirer);
  ssem_shm_counter_free_slots (segment, attach_id);
  atomic_store (&self->world->alive[self->id], FALSE);
  ssem_shm_acquirer_clear (&self->acquirer);
  forget (self);
}

void
port_process_bury (PortProcess *self)
{
  PortWorld *world = self->world;
  guint64 id = self->id;

  /* With the process, its thread that watches is gone. */
  ssem_shm_member_unwatch (&self->parent);
  atomic_store (&world->alive[id], FALSE);
  forget (self);

  pthread_mutex_lock (&world->watch_lock);
  g_array_append_val (world->dead, id);
  pthread_cond_signal (&world->buried);
  pthread_mutex_unlock (&world->watch_lock);
}

/* --- What processes do --- */

/* The fast path first, as in the library. */
static gboolean
add_fast (PortProcess *self,
          int          delta)
{
  SsemShmSlotHandle *handle = self->handle;
  gboolean is_done = counter_add_fast (handle, delta, -delta);

  if (!is_done)
    atomic_store (&handle->last_word, SSEM_SHM_WORD_UNKNOWN);

  return is_done;
}

static void
port_request (PortProcess    *self,
              SsemShmRequest *request,
              int             n)
{
  *request = (SsemShmRequest) {
    .handle = self->handle,
    .n = n,
    .undo_mask = -1,
    .is_closed = &self->is_closed,
    .is_interruptible = self->is_interruptible,
  };
}

int
port_try (PortProcess *self,
          int          n)
{
  SsemShmRequest request;

  if (add_fast (self, -n))
    return 0;

  port_request (self, &request, n);

  return ssem_shm_acquirer_try (&self->acquirer, &request);
}

int
port_acquire (PortProcess *self,
              int          n,
              gint64       timeout_usec)
{
  gint64 deadline_usec = timeout_usec < 0 ? G_MAXINT64 : g_get_monotonic_time () + timeout_usec;
  SsemShmRequest request;
  int result;

  if (add_fast (self, -n))
    return 0;

  port_request (self, &request, n);
  if (ssem_shm_acquirer_spin (&self->acquirer, &request) == 0)
    return 0;

  ssem_shm_acquirer_begin_wait (&self->acquirer, &request);
  result = ssem_shm_acquirer_wait (&self->acquirer, &request, deadline_usec);
  ssem_shm_acquirer_end_wait (&self->acquirer, &request);

  return result;
}

void
port_release (PortProcess *self,
              int          n)
{
  if (!add_fast (self, n))
    g_assert_cmpint (ssem_shm_acquirer_release (&self->acquirer, self->handle, n, -1), ==, 0);
}
