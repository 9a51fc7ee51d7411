/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "port.h"

#include "ssem/shm/ssem-shm-recovery-private.h"

#include <errno.h>

/* The portable core of the semaphore in shared memory (counter, slots, waiters, recovery, acquire)
 * on another port: see port.h. Deaths come at chosen points, and in storms anywhere. At the end of
 * each case the world checks that the dead leave nothing: no unit, no slot, no waiter. */

#define UNITS 5
#define N_SLOTS SSEM_SHM_FIRST_SLOTS

typedef struct
{
  PortProcess *process;
  int n;
  gint64 timeout_usec;
  gboolean keeps;   /* its units, to the end of its process */
  GThread *thread;
  gboolean survived;
  int result;       /* of a survivor */
} Waiter;

static int
get_value (PortWorld *world)
{
  return ssem_shm_counter_get_value (port_world_get_segment (world));
}

static void
acquire_cb (PortProcess *self,
            gpointer     data)
{
  Waiter *waiter = data;

  waiter->result = port_acquire (self, waiter->n, waiter->timeout_usec);
  if (waiter->result == 0 && !waiter->keeps)
    port_release (self, waiter->n);
}

static gpointer
waiter_thread (gpointer data)
{
  Waiter *waiter = data;

  waiter->survived = port_process_run (waiter->process, acquire_cb, waiter);
  if (waiter->survived)
    port_process_end (waiter->process);
  else
    port_process_bury (waiter->process);

  return NULL;
}

/* Starts a process that acquires @n units, and releases them again. */
static void
waiter_start (Waiter    *self,
              PortWorld *world,
              int        n,
              PortPoint  die_at)
{
  *self = (Waiter) {
    .process = port_process_new (world),
    .n = n,
    .timeout_usec = -1,
  };
  self->process->die_at = die_at;
  self->process->die_after = 1;
  self->thread = g_thread_new ("process", waiter_thread, self);
}

static void
waiter_join (Waiter  *self,
             gboolean survives,
             int      result)
{
  g_thread_join (self->thread);
  g_assert_cmpint (self->survived, ==, survives);
  if (survives)
    g_assert_cmpint (self->result, ==, result);
}

static void
try_cb (PortProcess *self,
        gpointer     data)
{
  g_assert_cmpint (port_try (self, ABS (GPOINTER_TO_INT (data))), ==,
                   GPOINTER_TO_INT (data) > 0 ? 0 : -EAGAIN);
}

static void
release_cb (PortProcess *self,
            gpointer     data)
{
  port_release (self, GPOINTER_TO_INT (data));
}

/* A process that takes @n units in this thread. With a negative @n, expects that there are too
 * few. */
static void
take (PortProcess *self,
      int          n)
{
  g_assert_true (port_process_run (self, try_cb, GINT_TO_POINTER (n)));
}

static void
give (PortProcess *self,
      int          n)
{
  g_assert_true (port_process_run (self, release_cb, GINT_TO_POINTER (n)));
}

static PortProcess *
holder_new (PortWorld *world,
            int        n)
{
  PortProcess *self = port_process_new (world);

  take (self, n);

  return self;
}

/* --- Counter --- */

static void
test_counter (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *a = holder_new (world, 3), *b = holder_new (world, 2);

  g_assert_cmpint (get_value (world), ==, 0);
  take (a, -1);
  give (b, 1);
  take (a, 1);
  take (b, -1);
  give (a, 4);
  give (b, 1);
  port_process_end (a);
  port_process_end (b);
  port_world_free (world, UNITS);
}

/* Units that a process creates stay when it dies. */
static void
test_created (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *creator = port_process_new (world);

  give (creator, 2);
  port_process_bury (creator);
  port_world_free (world, UNITS + 2);
}

/* --- Waiters --- */

static void
test_wait (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *holder = holder_new (world, UNITS);
  Waiter waiters[3];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    waiter_start (&waiters[i], world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, G_N_ELEMENTS (waiters));

  /* One unit is enough for all: each hands it on. */
  give (holder, 1);
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    waiter_join (&waiters[i], TRUE, 0);
  give (holder, UNITS - 1);
  port_process_end (holder);
  port_world_free (world, UNITS);
}

/* A wake-up for one unit must not stay with a waiter that needs more. */
static void
test_greedy (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *holder = holder_new (world, UNITS);
  Waiter greedy, modest;

  waiter_start (&greedy, world, UNITS, PORT_NOWHERE);
  port_world_wait_asleep (world, 1);
  waiter_start (&modest, world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, 2);
  give (holder, 1);
  waiter_join (&modest, TRUE, 0);
  give (holder, UNITS - 1);
  waiter_join (&greedy, TRUE, 0);
  port_process_end (holder);
  port_world_free (world, UNITS);
}

/* A deadline that is further away than the longest sleep, too: the waiter looks, and sleeps
 * again. */
static void
test_timeout (void)
{
  const gint64 timeouts_usec[] = { 1, SSEM_SHM_LONGEST_SLEEP_USEC + 100 };
  PortWorld *world = port_world_new (0, N_SLOTS, FALSE, FALSE);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts_usec); i++)
    {
      Waiter waiter = {
        .process = port_process_new (world),
        .n = 1,
        .timeout_usec = timeouts_usec[i],
      };
      gint64 start_usec = g_get_monotonic_time ();

      waiter.thread = g_thread_new ("process", waiter_thread, &waiter);
      waiter_join (&waiter, TRUE, -EAGAIN);
      g_assert_cmpint (g_get_monotonic_time () - start_usec, >=, timeouts_usec[i]);
    }
  port_world_free (world, 0);
}

static void
test_close (void)
{
  PortWorld *world = port_world_new (0, N_SLOTS, TRUE, TRUE);
  Waiter closed, other;
  PortProcess *creator = port_process_new (world);

  waiter_start (&closed, world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, 1);
  waiter_start (&other, world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, 2);
  atomic_store (&closed.process->is_closed, TRUE);
  ssem_shm_acquirer_close (&closed.process->acquirer, &closed.process->is_closed);
  waiter_join (&closed, TRUE, -EAGAIN);

  /* It woke all as it left; the other one sleeps again, and no wait was lost. */
  port_world_wait_asleep (world, 1);
  give (creator, 1);
  waiter_join (&other, TRUE, 0);
  port_process_end (creator);
  port_world_free (world, 1);
}

/* A count that the dead have left costs a needless wake-up each, until there were enough of
 * them. */
static void
test_recount (void)
{
  PortWorld *world = port_world_new (0, N_SLOTS, TRUE, FALSE);
  PortProcess *creator = port_process_new (world);
  Waiter waiter;
  int i;

  waiter_start (&waiter, world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, 1);
  ssem_shm_member_unwatch (&waiter.process->parent);
  port_process_kill (waiter.process);
  waiter_join (&waiter, FALSE, 0);
  g_assert_true (ssem_shm_waiters_is_anybody (port_world_get_segment (world)));
  for (i = 0; i < 64; i++)
    give (creator, 1);
  g_assert_false (ssem_shm_waiters_is_anybody (port_world_get_segment (world)));
  port_process_end (creator);
  port_world_free (world, 64);
}

/* --- Deaths --- */

/* A try finds the units of the dead without a watcher. */
static void
test_holder_dies (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, FALSE);
  PortProcess *holder = holder_new (world, UNITS);
  PortProcess *other = port_process_new (world);

  take (other, -1);
  port_process_bury (holder);
  take (other, UNITS);
  port_process_bury (other);
  port_world_free (world, UNITS);
}

/* A sleeper gets them through the watch. */
static void
test_holder_dies_awaited (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *holder = holder_new (world, UNITS);
  Waiter waiters[2];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    waiter_start (&waiters[i], world, UNITS, PORT_NOWHERE);
  port_world_wait_asleep (world, G_N_ELEMENTS (waiters));
  port_process_bury (holder);
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    waiter_join (&waiters[i], TRUE, 0);
  port_world_free (world, UNITS);
}

/* A process that waits watches itself, as the only one; and without any watcher it looks after its
 * longest sleep. */
static void
test_holder_dies_unwatched (void)
{
  gboolean has_watch;

  for (has_watch = FALSE; has_watch <= TRUE; has_watch++)
    {
      PortWorld *world = port_world_new (UNITS, N_SLOTS, has_watch, FALSE);
      PortProcess *holder = holder_new (world, UNITS);
      Waiter waiter;

      waiter_start (&waiter, world, 1, PORT_NOWHERE);
      port_world_wait_asleep (world, 1);
      if (!has_watch)
        ssem_shm_member_unwatch (&waiter.process->parent);
      port_process_bury (holder);
      waiter_join (&waiter, TRUE, 0);
      port_world_free (world, UNITS);
    }
}

/* The wake-up of a waiter that dies with it goes to another. */
static void
test_waiter_dies (gconstpointer data)
{
  const PortPoint point = GPOINTER_TO_UINT (data);
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *holder = holder_new (world, UNITS);
  Waiter victim, other;

  waiter_start (&victim, world, 1, point == PORT_AT_SLEEP ? point : PORT_NOWHERE);
  if (point == PORT_AT_SLEEP)
    waiter_join (&victim, FALSE, 0);
  else
    port_world_wait_asleep (world, 1);
  waiter_start (&other, world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, point == PORT_AT_SLEEP ? 1 : 2);

  /* The victim slept first, and a wake-up for one unit is for the first sleeper. The other one
   * found no place to watch, so nothing has woken the victim since. */
  if (point == PORT_AWAKE)
    victim.process->die_at = point;
  if (point == PORT_NOWHERE)
    {
      port_process_kill (victim.process);
      waiter_join (&victim, FALSE, 0);
    }
  give (holder, 1);
  if (point == PORT_AWAKE)
    waiter_join (&victim, FALSE, 0);
  waiter_join (&other, TRUE, 0);
  give (holder, UNITS - 1);
  port_process_end (holder);
  port_world_free (world, UNITS);
}

/* A releaser dies between its swap and the wake-up. */
static void
test_releaser_dies (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
  PortProcess *holder = holder_new (world, UNITS);
  Waiter waiter;

  waiter_start (&waiter, world, 1, PORT_NOWHERE);
  port_world_wait_asleep (world, 1);
  holder->die_at = PORT_AT_WAKE;
  g_assert_false (port_process_run (holder, release_cb, GINT_TO_POINTER (UNITS)));
  g_assert_cmpint (get_value (world), ==, UNITS);
  port_process_bury (holder);
  waiter_join (&waiter, TRUE, 0);
  port_world_free (world, UNITS);
}

static void
look_cb (PortProcess *self,
          gpointer     data)
{
  ssem_shm_recovery_look (&self->parent);
}

/* A process that reclaims dies half-way: with one of two dead processes reclaimed, or before it
 * wakes the waiters. */
static void
test_recoverer_dies (gconstpointer data)
{
  const PortPoint point = GPOINTER_TO_UINT (data);
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, FALSE);
  PortProcess *holders[2], *recoverer = port_process_new (world), *other;
  Waiter waiter;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    holders[i] = holder_new (world, i + 2);
  waiter_start (&waiter, world, UNITS, PORT_NOWHERE);
  port_world_wait_asleep (world, 1);
  /* A wait begins with a watch, which must not help here. */
  ssem_shm_member_unwatch (&waiter.process->parent);
  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    port_process_bury (holders[i]);
  port_world_wait_noticed (world);

  recoverer->never_operates = TRUE;
  recoverer->die_at = point;
  recoverer->die_after = point == PORT_AT_QUESTION ? 2 : 1;
  g_assert_false (port_process_run (recoverer, look_cb, NULL));
  g_assert_cmpint (get_value (world), ==, point == PORT_AT_QUESTION ? 2 : UNITS);

  /* Its own death is what the next process notices; the rest comes back, and nothing twice. */
  other = port_process_new (world);
  port_process_watch (other);
  port_process_bury (recoverer);
  waiter_join (&waiter, TRUE, 0);
  port_process_end (other);
  port_world_free (world, UNITS);
}

/* A look that ends with an error wakes a waiter for what it has reclaimed before. */
static void
test_question_fails (void)
{
  PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, FALSE);
  PortProcess *dead = holder_new (world, 2);
  PortProcess *other = holder_new (world, UNITS - 2);
  PortProcess *looker = port_process_new (world);
  Waiter waiter;

  waiter_start (&waiter, world, 2, PORT_NOWHERE);
  port_world_wait_asleep (world, 1);
  /* A wait begins with a watch, which must not help here. */
  ssem_shm_member_unwatch (&waiter.process->parent);
  port_process_bury (dead);
  port_world_wait_noticed (world);

  port_world_set_unknown (world, other);
  g_assert_cmpint (ssem_shm_recovery_look (&looker->parent), ==, -EIDRM);
  waiter_join (&waiter, TRUE, 0);
  port_world_set_unknown (world, NULL);
  port_process_bury (other);
  port_process_end (looker);
  port_world_free (world, UNITS);
}

/* An operation that has swapped and not committed took place. With another operation after it,
 * too. */
static void
test_uncommitted (void)
{
  int n_others;

  for (n_others = 0; n_others < 2; n_others++)
    {
      PortWorld *world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE);
      PortProcess *victim = holder_new (world, 1), *other = port_process_new (world);

      take (victim, 2);
      atomic_fetch_sub (&victim->handle->slot->committed, 1);
      if (n_others > 0)
        take (other, 1);
      port_process_bury (victim);
      port_world_wait_noticed (world);
      g_assert_cmpint (get_value (world), ==, UNITS - n_others);
      port_process_bury (other);
      port_world_free (world, UNITS);
    }
}

/* --- Slots --- */

/* A segment that is full of dead processes is not enlarged; one that is full of live ones is. */
static void
test_slots (void)
{
  PortWorld *world = port_world_new (UNITS, 4, TRUE, FALSE);
  PortProcess *processes[20];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (processes); i++)
    port_process_bury (holder_new (world, 1));
  g_assert_cmpint (port_world_get_n_grown (world), ==, 0);
  for (i = 0; i < UNITS; i++)
    processes[i] = holder_new (world, 1);
  g_assert_cmpint (port_world_get_n_grown (world), ==, 1);
  for (; i < G_N_ELEMENTS (processes); i++)
    {
      processes[i] = port_process_new (world);
      take (processes[i], -1);
    }
  g_assert_cmpint (port_world_get_n_grown (world), ==, 3);
  for (i = 0; i < G_N_ELEMENTS (processes); i++)
    port_process_end (processes[i]);
  port_world_free (world, UNITS);
}

/* --- Storms --- */

#define N_PLAYERS 6
/* A machine that is hardly free has fewer deaths. */
#define STORM_USEC (5 * G_USEC_PER_SEC)
#define N_DEATHS 3000
#define MAX_HELD 3

typedef struct
{
  PortWorld *world;
  gboolean dies_anywhere;
  gint64 end_usec;
  atomic_int n_deaths;
  atomic_int n_ended;
  GMutex lock; /* protects the rest */
  PortProcess *playing[N_PLAYERS];
} Storm;

typedef struct
{
  Storm *storm;
  guint index;
  GRand *rand;
} Player;

/* Acquires and releases at random. */
static void
live_cb (PortProcess *self,
         gpointer     data)
{
  Player *player = data;
  GRand *rand = player->rand;
  /* Where the killer finds it, it has to live long enough to be found. */
  int i, held = 0, n_operations = player->storm->dies_anywhere ? 20000 : 60;

  for (i = g_rand_int_range (rand, 1, n_operations); i > 0; i--)
    {
      int n = g_rand_int_range (rand, 1, MAX_HELD + 1);

      if (held > 0 && g_rand_boolean (rand))
        {
          n = g_rand_int_range (rand, 1, held + 1);
          port_release (self, n);
          held -= n;
        }
      /* A process that holds units does not wait for more: all could wait for each other. */
      else if (held > 0 ? port_try (self, n) == 0 : port_acquire (self, n, -1) == 0)
        {
          held += n;
        }
    }
  /* Most end in order. */
  if (held > 0 && g_rand_int_range (rand, 0, 4) > 0)
    port_release (self, held);
}

static void
set_playing (Player      *player,
             PortProcess *process)
{
  Storm *storm = player->storm;

  g_mutex_lock (&storm->lock);
  storm->playing[player->index] = process;
  g_mutex_unlock (&storm->lock);
}

static gpointer
play (gpointer data)
{
  Player *player = data;
  Storm *storm = player->storm;

  while (g_get_monotonic_time () < storm->end_usec &&
         atomic_load (&storm->n_deaths) < N_DEATHS)
    {
      PortProcess *process = port_process_new (storm->world);
      gboolean survived;

      if (!storm->dies_anywhere && g_rand_boolean (player->rand))
        {
          process->die_at = (PortPoint) g_rand_int_range (player->rand, 1, PORT_N_POINTS);
          process->die_after = g_rand_int_range (player->rand, 1, 6);
        }
      set_playing (player, process);
      survived = port_process_run (process, live_cb, player);
      set_playing (player, NULL);

      atomic_fetch_add (survived ? &storm->n_ended : &storm->n_deaths, 1);
      if (survived)
        port_process_end (process);
      else
        port_process_bury (process);
    }

  return NULL;
}

static void
kill_one (Storm *storm,
          guint  index)
{
  g_mutex_lock (&storm->lock);
  if (storm->playing[index] != NULL && atomic_load (&storm->playing[index]->is_mortal))
    port_process_kill (storm->playing[index]);
  g_mutex_unlock (&storm->lock);
}

static void
test_storm (gconstpointer data)
{
  Storm storm = {
    .world = port_world_new (UNITS, N_SLOTS, TRUE, TRUE),
    .dies_anywhere = GPOINTER_TO_INT (data),
    .end_usec = g_get_monotonic_time () + STORM_USEC,
  };
  Player players[N_PLAYERS];
  GThread *threads[N_PLAYERS];
  guint i;

  g_mutex_init (&storm.lock);
  for (i = 0; i < N_PLAYERS; i++)
    {
      players[i] = (Player) { &storm, i, g_rand_new_with_seed (g_test_rand_int ()) };
      threads[i] = g_thread_new ("process", play, &players[i]);
    }
  while (storm.dies_anywhere && g_get_monotonic_time () < storm.end_usec &&
         atomic_load (&storm.n_deaths) < N_DEATHS)
    {
      kill_one (&storm, g_test_rand_int_range (0, N_PLAYERS));
      g_usleep (g_test_rand_int_range (1, 200));
    }
  for (i = 0; i < N_PLAYERS; i++)
    {
      g_thread_join (threads[i]);
      g_rand_free (players[i].rand);
    }

  g_test_message ("%d died, %d ended in order", storm.n_deaths, storm.n_ended);
  g_assert_cmpint (storm.n_deaths, >=, N_PLAYERS);
  port_world_wait_noticed (storm.world);
  port_world_free (storm.world, UNITS);
}

int
main (int    argc,
      char **argv)
{
  gboolean has_signals = g_getenv ("SSEM_TEST_NO_JUMPS") == NULL;

  g_test_init (&argc, &argv, NULL);
  port_init (has_signals);

  g_test_add_func ("/ssem/port/counter", test_counter);
  g_test_add_func ("/ssem/port/created", test_created);
  g_test_add_func ("/ssem/port/wait", test_wait);
  g_test_add_func ("/ssem/port/greedy", test_greedy);
  g_test_add_func ("/ssem/port/timeout", test_timeout);
  g_test_add_func ("/ssem/port/close", test_close);
  g_test_add_func ("/ssem/port/interrupted", port_test_interrupted);
  g_test_add_func ("/ssem/port/question-fails", test_question_fails);
  g_test_add_func ("/ssem/port/recount", test_recount);
  g_test_add_func ("/ssem/port/holder-dies", test_holder_dies);
  g_test_add_func ("/ssem/port/holder-dies/awaited", test_holder_dies_awaited);
  g_test_add_func ("/ssem/port/holder-dies/unwatched", test_holder_dies_unwatched);
  g_test_add_data_func ("/ssem/port/waiter-dies/asleep", GUINT_TO_POINTER (PORT_NOWHERE),
                        test_waiter_dies);
  g_test_add_data_func ("/ssem/port/waiter-dies/before-sleep", GUINT_TO_POINTER (PORT_AT_SLEEP),
                        test_waiter_dies);
  g_test_add_data_func ("/ssem/port/waiter-dies/awake", GUINT_TO_POINTER (PORT_AWAKE),
                        test_waiter_dies);
  g_test_add_func ("/ssem/port/releaser-dies", test_releaser_dies);
  g_test_add_data_func ("/ssem/port/recoverer-dies/half-way", GUINT_TO_POINTER (PORT_AT_QUESTION),
                        test_recoverer_dies);
  g_test_add_data_func ("/ssem/port/recoverer-dies/before-wake", GUINT_TO_POINTER (PORT_AT_WAKE),
                        test_recoverer_dies);
  g_test_add_func ("/ssem/port/uncommitted", test_uncommitted);
  g_test_add_func ("/ssem/port/slots", test_slots);
  g_test_add_data_func ("/ssem/port/storm/points", GINT_TO_POINTER (FALSE), test_storm);
  if (has_signals)
    g_test_add_data_func ("/ssem/port/storm/anywhere", GINT_TO_POINTER (TRUE), test_storm);

  return g_test_run ();
}
