/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "tests/conformance/counter-fast.h"
#include "ssem/shm/ssem-shm-waiters-private.h"

#include <sys/mman.h>

/* What the counter guards is ordered by it, and by nothing else.
 *
 * Threads play processes, each with an attach id and slots of its own. They guard plain memory by
 * the semaphore: one word by a semaphore of one unit, a ring by two semaphores. ThreadSanitizer
 * knows of no order but that which the counter's atomics make, so it reports a race wherever one of
 * them is weaker than an acquire has to be towards the release before it.
 *
 * ThreadSanitizer knows memory by its address, so they all use the same mapping. Without it, the
 * test checks the numbers only.
 */

#define N_THREADS 4
#define N_ROUNDS 20000
#define N_DEATHS 300
/* Where the threads hardly get a processor, there are fewer deaths. */
#define DEATHS_USEC (8 * G_USEC_PER_SEC)
#define RING_SIZE 8

typedef struct
{
  SsemShmSegment *segment;
  int plain; /* guarded by the only unit */
} Guarded;

static SsemShmSegment *
segment_new (int initial_value)
{
  SsemShmSegment *segment = mmap (NULL, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert_true (segment != MAP_FAILED);
  segment->epoch = 1;
  segment->state = ssem_shm_state_pack (initial_value, 1, 0, 0);
  segment->n_slots = SSEM_SHM_MAX_SLOTS;
  segment->slots_used = 1;

  return segment;
}

static void
segment_free (SsemShmSegment *segment)
{
  munmap (segment, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS));
}

static SsemShmSlotHandle
claim (SsemShmSegment *segment,
       guint64         process)
{
  guint32 index = ssem_shm_counter_claim_slot (segment, process, FALSE, (int) process, 0);

  g_assert_cmpuint (index, >, 0);

  return ssem_shm_slot_handle_make (segment, index);
}

static guint64
new_process (void)
{
  static atomic_uint_least64_t last = 0;

  return atomic_fetch_add_explicit (&last, 1, memory_order_relaxed) + 1;
}

static gboolean
take (SsemShmSlotHandle *handle)
{
  if (counter_add_fast (handle, -1, 1))
    return TRUE;

  handle->last_word = SSEM_SHM_WORD_UNKNOWN;
  if (ssem_shm_counter_add (handle, -1, 1) != SSEM_SHM_DONE)
    return FALSE;

  ssem_shm_counter_prepare_fast (handle);
  return TRUE;
}

static void
give (SsemShmSlotHandle *handle)
{
  if (counter_add_fast (handle, 1, -1))
    return;

  handle->last_word = SSEM_SHM_WORD_UNKNOWN;
  g_assert_cmpint (ssem_shm_counter_add (handle, 1, -1), ==, SSEM_SHM_DONE);
  ssem_shm_counter_prepare_fast (handle);
}

/* Returns the sum of all threads' counts. */
static int
run_threads (GThreadFunc func,
             gpointer    data)
{
  GThread *threads[N_THREADS];
  int n = 0;
  guint i;

  for (i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("process", func, data);
  for (i = 0; i < N_THREADS; i++)
    n += GPOINTER_TO_INT (g_thread_join (threads[i]));

  return n;
}

/* --- Trying --- */

static gpointer
count_trying (gpointer data)
{
  Guarded *guarded = data;
  SsemShmSlotHandle handle = claim (guarded->segment, new_process ());
  int i;

  for (i = 0; i < N_ROUNDS; i++)
    {
      while (!take (&handle))
        g_thread_yield ();
      guarded->plain++;
      give (&handle);
    }

  return GINT_TO_POINTER (i);
}

static void
test_trying (void)
{
  Guarded guarded = { segment_new (1), 0 };

  run_threads (count_trying, &guarded);
  g_assert_cmpint (guarded.plain, ==, N_THREADS * N_ROUNDS);
  segment_free (guarded.segment);
}

/* --- Sleeping --- */

static void
take_sleeping (SsemShmSlotHandle *handle)
{
  SsemShmMember member = { .segment = handle->segment };
  SsemShmWaiter waiter = { 0 };

  if (take (handle))
    return;

  ssem_shm_waiters_announce (handle->segment, handle->index, 1);
  while (!take (handle))
    ssem_shm_waiters_sleep (&member, &waiter, handle->index, 1, G_MAXINT64);
  ssem_shm_waiters_retract (handle->segment, handle->index);
}

static void
give_waking (SsemShmSlotHandle *handle)
{
  SsemShmMember member = { .segment = handle->segment };

  give (handle);
  if (ssem_shm_waiters_is_anybody (handle->segment))
    ssem_shm_waiters_wake (&member, 1);
}

static gpointer
count_sleeping (gpointer data)
{
  Guarded *guarded = data;
  SsemShmSlotHandle handle = claim (guarded->segment, new_process ());
  int i;

  for (i = 0; i < N_ROUNDS; i++)
    {
      take_sleeping (&handle);
      guarded->plain++;
      give_waking (&handle);
    }

  return GINT_TO_POINTER (i);
}

static void
test_sleeping (void)
{
  Guarded guarded = { segment_new (1), 0 };

  run_threads (count_sleeping, &guarded);
  g_assert_cmpint (guarded.plain, ==, N_THREADS * N_ROUNDS);
  g_assert_false (ssem_shm_waiters_is_anybody (guarded.segment));
  segment_free (guarded.segment);
}

/* --- One gives what another takes --- */

typedef struct
{
  SsemShmSegment *room;
  SsemShmSegment *filled;
  int ring[RING_SIZE];
} Ring;

static gpointer
consume (gpointer data)
{
  Ring *ring = data;
  SsemShmSlotHandle room = claim (ring->room, new_process ());
  SsemShmSlotHandle filled = claim (ring->filled, new_process ());
  gint64 sum = 0;
  int i;

  for (i = 0; i < N_ROUNDS; i++)
    {
      take_sleeping (&filled);
      sum += ring->ring[i % RING_SIZE];
      give_waking (&room);
    }
  g_assert_cmpint (sum, ==, (gint64) N_ROUNDS * (N_ROUNDS - 1) / 2);

  return NULL;
}

static void
test_ring (void)
{
  Ring ring = { segment_new (RING_SIZE), segment_new (0), { 0 } };
  SsemShmSlotHandle room = claim (ring.room, new_process ());
  SsemShmSlotHandle filled = claim (ring.filled, new_process ());
  GThread *consumer = g_thread_new ("consumer", consume, &ring);
  int i;

  for (i = 0; i < N_ROUNDS; i++)
    {
      take_sleeping (&room);
      ring.ring[i % RING_SIZE] = i;
      give_waking (&filled);
    }
  g_thread_join (consumer);
  segment_free (ring.room);
  segment_free (ring.filled);
}

/* --- The dead --- */

typedef struct
{
  Guarded guarded;
  atomic_uint_least64_t dead[N_THREADS]; /* of whom the kernel has dropped the locks */
  atomic_int n_victims;
  atomic_int n_over;
} Mortality;

/* Plays one process after the other, each of which dies with the unit. */
static gpointer
die_holding (gpointer data)
{
  Mortality *mortality = data;
  int place = atomic_fetch_add_explicit (&mortality->n_victims, 1, memory_order_relaxed);
  atomic_uint_least64_t *dead = &mortality->dead[place];
  gint64 deadline_usec = g_get_monotonic_time () + DEATHS_USEC;
  int i;

  for (i = 0; i < N_DEATHS && g_get_monotonic_time () < deadline_usec; i++)
    {
      guint64 process = new_process ();
      SsemShmSlotHandle handle = claim (mortality->guarded.segment, process);

      while (!take (&handle))
        g_thread_yield ();
      mortality->guarded.plain++;

      /* The kernel drops its locks, which others find by asking: that orders what it did before.
       * The thread itself is to learn nothing from those others, so it looks without order. */
      atomic_store_explicit (dead, process, memory_order_release);
      while (atomic_load_explicit (dead, memory_order_relaxed) != 0)
        g_thread_yield ();
    }
  atomic_fetch_add_explicit (&mortality->n_over, 1, memory_order_relaxed);

  return GINT_TO_POINTER (i);
}

static gpointer
reclaim_deaths (gpointer data)
{
  Mortality *mortality = data;
  guint i;

  while (atomic_load_explicit (&mortality->n_over, memory_order_relaxed) < N_THREADS)
    {
      for (i = 0; i < N_THREADS; i++)
        {
          guint64 dead = atomic_load_explicit (&mortality->dead[i], memory_order_acquire);

          if (dead == 0)
            continue;
          ssem_shm_counter_reclaim (mortality->guarded.segment, dead);
          atomic_compare_exchange_strong_explicit (&mortality->dead[i], &dead, 0,
                                                   memory_order_relaxed, memory_order_relaxed);
        }
      g_thread_yield ();
    }

  return NULL;
}

/* A process that gets a reclaimed unit sees what the dead process had written. */
static void
test_deaths (void)
{
  Mortality mortality = { .guarded = { segment_new (1), 0 } };
  GThread *reclaimers[2];
  int n_deaths;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (reclaimers); i++)
    reclaimers[i] = g_thread_new ("reclaimer", reclaim_deaths, &mortality);
  n_deaths = run_threads (die_holding, &mortality);
  for (i = 0; i < G_N_ELEMENTS (reclaimers); i++)
    g_thread_join (reclaimers[i]);

  g_assert_cmpint (n_deaths, >=, N_THREADS);
  g_assert_cmpint (mortality.guarded.plain, ==, n_deaths);
  g_assert_cmpint (ssem_shm_counter_get_value (mortality.guarded.segment), ==, 1);
  segment_free (mortality.guarded.segment);
}

/* --- Slots --- */

typedef struct
{
  SsemShmSegment *segment;
  int plain[SSEM_SHM_MAX_SLOTS]; /* the owner of the slot owns the word */
} Places;

static gpointer
come_and_go (gpointer data)
{
  Places *places = data;
  int i;

  for (i = 0; i < N_ROUNDS; i++)
    {
      guint64 process = new_process ();
      SsemShmSlotHandle handle = claim (places->segment, process);

      places->plain[handle.index]++;
      ssem_shm_counter_free_slots (places->segment, process);
    }

  return GINT_TO_POINTER (i);
}

static void
test_slots (void)
{
  Places *places = g_new0 (Places, 1);
  int sum = 0;
  guint i;

  places->segment = segment_new (0);
  run_threads (come_and_go, places);
  for (i = 0; i < SSEM_SHM_MAX_SLOTS; i++)
    sum += places->plain[i];
  g_assert_cmpint (sum, ==, N_THREADS * N_ROUNDS);
  segment_free (places->segment);
  g_free (places);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ssem_shm_waiters_init ();
  g_test_add_func ("/ssem/memory-order/trying", test_trying);
  g_test_add_func ("/ssem/memory-order/sleeping", test_sleeping);
  g_test_add_func ("/ssem/memory-order/ring", test_ring);
  g_test_add_func ("/ssem/memory-order/deaths", test_deaths);
  g_test_add_func ("/ssem/memory-order/slots", test_slots);

  return g_test_run ();
}
