/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "counter-memory.h"

#include <string.h>

/* The counter by itself: memory that is mapped several times, as several processes would have it.
 * A death is written into it by hand. */

/* --- Counting --- */

static void
test_add (void)
{
  Memory memory;
  SsemShmSlotHandle a, b;

  memory_init (&memory);
  a = claim (memory.mappings[0], 1);
  b = claim (memory.mappings[1], 2);

  add (&a, -60);
  add (&b, -40);
  g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[2]), ==, 0);
  g_assert_cmpint (ssem_shm_counter_add (&a, -1, 1), ==, SSEM_SHM_TOO_FEW);
  add (&b, 50);
  g_assert_cmpint (ssem_shm_counter_add (&a, -51, 51), ==, SSEM_SHM_TOO_FEW);
  g_assert_cmpint (ssem_shm_counter_add (&a, G_MAXINT - 49, 0), ==, SSEM_SHM_TOO_MANY);
  g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[2]), ==, 50);
  g_assert_cmpint (ssem_shm_counter_get_holding (memory.mappings[2], 1), ==, 60);
  g_assert_cmpint (ssem_shm_counter_get_holding (memory.mappings[2], 2), ==, -10);

  /* Up to the last unit, and without undo: no process owes it. */
  g_assert_cmpint (ssem_shm_counter_add (&a, G_MAXINT - 50, 0), ==, SSEM_SHM_DONE);
  g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[2]), ==, G_MAXINT);
  g_assert_cmpint (ssem_shm_counter_add (&b, 1, -1), ==, SSEM_SHM_TOO_MANY);
  g_assert_cmpint (ssem_shm_counter_get_holding (memory.mappings[2], 1), ==, 60);

  memory_clear (&memory);
}

/* --- A death at each point of an operation --- */

typedef enum
{
  BEFORE,
  RECORDED,
  SWAPPED,
  COMMITTED,
  N_POINTS,
} Point;

typedef enum
{
  NOTHING,         /* before the death is reclaimed */
  OTHERS_ADD,      /* another overwrites the victim's name in state */
  OTHERS_ADD_MORE, /* so often that the names there come round */
  OTHERS_RESET,
  OTHERS_RESET_AND_ADD,
  RECLAIMED_HALF,    /* a reclaimer died after its swap, and others have gone on */
  RECLAIMED_HALF_ONLY,
  RECLAIMED_AND_MARKED,
  N_AFTERMATHS,
} Aftermath;

/* An operation whose thread dies at @point. */
static void
add_until (SsemShmSlotHandle handle,
           int               delta,
           Point             point)
{
  SsemShmSegment *segment = handle.segment;
  guint32 committed = handle.slot->committed;
  SsemShmSlot *slot = handle.slot;
  guint before = committed & 1, after = ~committed & 1;
  SsemShmState state = ssem_shm_state_unpack (segment->state);

  if (point == COMMITTED)
    add (&handle, delta);
  if (point == BEFORE || point == COMMITTED)
    return;

  slot->holding[after] = -delta;
  if (SSEM_SHM_STAMP_EPOCH (slot->stamp[before]) == segment->epoch)
    slot->holding[after] += slot->holding[before];
  slot->stamp[after] = segment->epoch;
  if (point == RECORDED)
    return;

  /* As the real one, it records whose success it overwrites; so it has to be the real one. */
  {
    guint32 done = handle.slot->done;

    add (&handle, delta);
    g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, state.value + delta);
    handle.slot->committed = committed;
    g_assert_cmpuint (handle.slot->done, ==, done);
  }
}

typedef struct
{
  guint32 first_sequence;
  guint n_slots;
  guint victim;
  int delta;
  Point point;
  Aftermath aftermath;
} Case;

static int
reclaim_again (SsemShmSegment *segment,
               const guint64  *owners,
               guint           n_owners,
               gboolean        is_marked)
{
  guint i;

  for (i = 1; i <= n_owners; i++)
    {
      if (owners[i] >> SSEM_SHM_OWNER_SHIFT == 7)
        {
          segment->slots[i].owner = owners[i] | (is_marked ? SSEM_SHM_OWNER_RECLAIMED : 0);
          is_marked = FALSE;
        }
    }
  g_assert_false (ssem_shm_counter_reclaim (segment, 7));

  return ssem_shm_counter_get_value (segment);
}

static void
try_case (Memory     *memory,
          const Case *chosen)
{
  SsemShmSegment *segment = memory->mappings[0];
  SsemShmSlotHandle other, handles[3];
  guint64 owners[8];
  gint64 holding = 0;
  int value = INITIAL, i;
  guint j;

  memset (segment, 0, SSEM_SHM_SIZE (16));
  segment->epoch = 1;
  segment->state = ssem_shm_state_pack (INITIAL, 1, 0, 0);
  segment->n_slots = 16;
  segment->slots_used = 1;
  for (i = 1; i < 8; i++)
    {
      segment->slots[i].committed = chosen->first_sequence;
      segment->slots[i].done = chosen->first_sequence;
    }

  /* Not the first, so that it is not by chance that the right one is taken for that. */
  other = claim (memory->mappings[1], 3);
  for (j = 0; j < chosen->n_slots; j++)
    {
      handles[j] = claim (memory->mappings[2], 7);
      add (&handles[j], -5 * (int) (j + 1));
      holding += 5 * (int) (j + 1);
      add (&other, -1);
    }
  value -= (int) holding + (int) chosen->n_slots;

  add_until (handles[chosen->victim], chosen->delta, chosen->point);
  if (chosen->point >= SWAPPED)
    {
      value += chosen->delta;
      holding -= chosen->delta;
    }
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, value);

  switch (chosen->aftermath)
    {
    case OTHERS_ADD:
    case OTHERS_ADD_MORE:
      for (i = chosen->aftermath == OTHERS_ADD ? 1 : (1 << SSEM_SHM_SEQUENCE_BITS) + 3; i > 0; i--)
        {
          add (&other, -1);
          add (&other, 1);
        }
      break;

    case OTHERS_RESET:
    case OTHERS_RESET_AND_ADD:
      ssem_shm_counter_reset (&other, 42);
      value = 42;
      holding = 0;
      if (chosen->aftermath == OTHERS_RESET_AND_ADD)
        {
          add (&other, 3);
          value += 3;
        }
      break;

    case NOTHING:
    case RECLAIMED_HALF:
    case RECLAIMED_HALF_ONLY:
    case RECLAIMED_AND_MARKED:
    case N_AFTERMATHS:
    default:
      break;
    }

  for (i = 1; i < 8; i++)
    owners[i] = segment->slots[i].owner;
  g_assert_true (ssem_shm_counter_reclaim (memory->mappings[3], 7) == (holding > 0));
  value += (int) MAX (0, holding);
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, value);
  g_assert_cmpuint (count_slots_of (segment, 7), ==, 0);

  if (chosen->aftermath == RECLAIMED_HALF)
    {
      add (&other, 2);
      value += 2;
    }
  if (chosen->aftermath >= RECLAIMED_HALF)
    g_assert_cmpint (reclaim_again (segment, owners, 7,
                                    chosen->aftermath == RECLAIMED_AND_MARKED), ==, value);
  g_assert_cmpuint (count_slots_of (segment, 7), ==, 0);

  /* The slots' next owner begins with nothing, and all goes on. */
  handles[0] = claim (memory->mappings[4], 9);
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 9), ==, 0);
  add (&handles[0], -4);
  add (&other, -1);
  g_assert_true (ssem_shm_counter_reclaim (memory->mappings[3], 9));
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, value - 1);
}

static void
test_death (void)
{
  /* Where sequences wrap in `state`, and in all their bits. */
  const guint32 first_sequences[] = {
    0, 1, (1 << SSEM_SHM_SEQUENCE_BITS) - 6, (1 << SSEM_SHM_SEQUENCE_BITS) - 7,
    (1 << SSEM_SHM_SEQUENCE_BITS) - 8, G_MAXUINT32 - 4, G_MAXUINT32 - 5, G_MAXUINT32 - 6,
  };
  const int deltas[] = { -7, 2, 31 };
  Case chosen;
  Memory memory;
  guint i, j;

  memory_init (&memory);
  for (i = 0; i < G_N_ELEMENTS (first_sequences); i++)
    for (chosen.n_slots = 1; chosen.n_slots <= 3; chosen.n_slots++)
      for (chosen.victim = 0; chosen.victim < chosen.n_slots; chosen.victim++)
        for (j = 0; j < G_N_ELEMENTS (deltas); j++)
          for (chosen.point = BEFORE; chosen.point < N_POINTS; chosen.point++)
            for (chosen.aftermath = 0; chosen.aftermath < N_AFTERMATHS; chosen.aftermath++)
              {
                /* Half a million operations are enough to see once. */
                if (chosen.aftermath == OTHERS_ADD_MORE && (i > 0 || j > 0))
                  continue;
                chosen.first_sequence = first_sequences[i];
                chosen.delta = deltas[j];
                try_case (&memory, &chosen);
              }
  memory_clear (&memory);
}

/* A resetter that dies between its two steps has reset. */
static void
test_resetter_dies (void)
{
  Memory memory;
  SsemShmSegment *segment;
  SsemShmSlotHandle resetter, other;

  memory_init (&memory);
  segment = memory.mappings[0];
  resetter = claim (memory.mappings[1], 7);
  other = claim (memory.mappings[2], 8);
  add (&resetter, -9);
  add (&other, -6);

  ssem_shm_counter_reset (&resetter, 50);
  g_assert_cmpuint (segment->epoch, ==, 2);
  segment->epoch = 1;
  resetter.slot->committed--;

  /* A process that holds nothing any more creates units. */
  add (&other, 6);
  g_assert_cmpuint (segment->epoch, ==, 2);
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 8), ==, -6);
  g_assert_false (ssem_shm_counter_reclaim (memory.mappings[3], 7));
  g_assert_false (ssem_shm_counter_reclaim (memory.mappings[3], 8));
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, 56);

  memory_clear (&memory);
}

/* What it holds may be more than the counter has room for. */
static void
test_reclaim_at_maximum (void)
{
  Memory memory;
  SsemShmSlotHandle dead, other;

  memory_init (&memory);
  dead = claim (memory.mappings[1], 7);
  other = claim (memory.mappings[2], 8);
  add (&dead, -INITIAL);
  add (&other, G_MAXINT);
  add (&dead, -1);
  add (&other, 1);
  g_assert_true (!ssem_shm_counter_reclaim (memory.mappings[3], 7) ||
                 ssem_shm_counter_get_value (memory.mappings[0]) == G_MAXINT);
  g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[0]), ==, G_MAXINT);

  memory_clear (&memory);
}

/* --- At the same time --- */

#define N_ROUNDS 1500
/* Where the threads hardly get a processor, there are fewer rounds. */
#define ROUNDS_USEC (8 * G_USEC_PER_SEC)

typedef struct
{
  SsemShmSegment *segment;
  SsemShmSlotHandle handle;
  atomic_int *round; /* which death is to be reclaimed; -1 when it is over */
  atomic_int *n_idle;
  atomic_int *n_given;
} Reclaimer;

static gpointer
reclaim_in_thread (gpointer data)
{
  Reclaimer *self = data;
  int last = 0;

  for (;;)
    {
      int round = atomic_load (self->round);

      if (round < 0)
        return NULL;
      if (round == last)
        {
          g_thread_yield ();
          continue;
        }

      last = round;
      if (ssem_shm_counter_reclaim (self->segment, 1000 + (guint64) round))
        atomic_fetch_add (self->n_given, 1);
      /* Some work in between, that meets the others' reclaiming. */
      add (&self->handle, -1);
      ssem_shm_counter_reclaim (self->segment, 1000 + (guint64) round);
      add (&self->handle, 1);
      atomic_fetch_add (self->n_idle, 1);
    }
}

/* Of all threads that reclaim the same death, one returns the units. */
static void
test_reclaimers (void)
{
  gint64 deadline_usec = g_get_monotonic_time () + ROUNDS_USEC;
  Memory memory;
  SsemShmSegment *segment;
  Reclaimer reclaimers[N_MAPPINGS - 1];
  GThread *threads[N_MAPPINGS - 1];
  atomic_int round, n_idle, n_given;
  int i;
  guint j;

  memory_init (&memory);
  segment = memory.mappings[0];
  atomic_init (&round, 0);
  atomic_init (&n_idle, 0);
  atomic_init (&n_given, 0);
  for (j = 0; j < G_N_ELEMENTS (threads); j++)
    {
      reclaimers[j] = (Reclaimer) {
        .segment = memory.mappings[j + 1],
        .handle = claim (memory.mappings[j + 1], j + 1),
        .round = &round,
        .n_idle = &n_idle,
        .n_given = &n_given,
      };
      threads[j] = g_thread_new ("reclaim", reclaim_in_thread, &reclaimers[j]);
    }

  for (i = 1; i <= N_ROUNDS && g_get_monotonic_time () < deadline_usec; i++)
    {
      SsemShmSlotHandle first = claim (segment, 1000 + (guint64) i);
      SsemShmSlotHandle second = claim (segment, 1000 + (guint64) i);

      add (&first, -i % 7);
      add (&second, -3);
      add_until (i % 2 == 0 ? first : second, -2, i % N_POINTS);
      atomic_store (&n_idle, 0);
      atomic_store (&n_given, 0);
      atomic_store (&round, i);
      while (atomic_load (&n_idle) < (int) G_N_ELEMENTS (threads))
        g_thread_yield ();

      g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, INITIAL);
      g_assert_cmpint (atomic_load (&n_given), <=, 1);
      g_assert_cmpuint (count_slots_of (segment, 1000 + (guint64) i), ==, 0);
    }
  atomic_store (&round, -1);
  for (j = 0; j < G_N_ELEMENTS (threads); j++)
    g_thread_join (threads[j]);
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, INITIAL);

  memory_clear (&memory);
}

static gpointer
add_in_thread (gpointer data)
{
  SsemShmSlotHandle *handle = data;
  int i, n;

  for (i = 0; i < 100000; i++)
    {
      n = 1 + i % 30;
      while (ssem_shm_counter_add (handle, -n, n) != SSEM_SHM_DONE)
        g_thread_yield ();
      add (handle, n);
    }

  return NULL;
}

static void
test_threads (void)
{
  Memory memory;
  SsemShmSlotHandle handles[N_MAPPINGS];
  GThread *threads[N_MAPPINGS];
  guint i;

  memory_init (&memory);
  for (i = 0; i < N_MAPPINGS; i++)
    {
      handles[i] = claim (memory.mappings[i], i + 1);
      threads[i] = g_thread_new ("add", add_in_thread, &handles[i]);
    }
  for (i = 0; i < N_MAPPINGS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[0]), ==, INITIAL);
  for (i = 0; i < N_MAPPINGS; i++)
    g_assert_cmpint (ssem_shm_counter_get_holding (memory.mappings[0], i + 1), ==, 0);

  memory_clear (&memory);
}

/* --- Beside waiters --- */

/* In how many rounds the bit has to change twice during the operation. With a wrong comparison, at
 * least one of two hundred such rounds loses the units. */
#define N_ERASED_ROUNDS 20000
/* With one processor, or in valgrind, the threads hardly ever meet. */
#define ERASED_USEC (1 * G_USEC_PER_SEC)

typedef struct
{
  SsemShmSegment *segment;
  atomic_int is_over;
  atomic_uint n_changes; /* may wrap */
} Toggler;

/* Sets and clears the waiters bit, as waiters that come and go do. */
static gpointer
toggle_in_thread (gpointer data)
{
  Toggler *self = data;

  while (!atomic_load (&self->is_over))
    {
      atomic_fetch_xor (&self->segment->state, SSEM_SHM_STATE_WAITERS);
      atomic_fetch_add (&self->n_changes, 1);
    }

  return NULL;
}

/* A process dies after its swap, and another operation erases its name from `state`. The swap of
 * that operation succeeds if the waiters bit was set and cleared again meanwhile, so the bit must
 * not keep it from recording the success of the dead process. Otherwise the units are lost. */
static void
test_erased_beside_waiters (void)
{
  gint64 deadline_usec = g_get_monotonic_time () + ERASED_USEC;
  Memory memory;
  SsemShmSlotHandle other;
  Toggler toggler = { 0 };
  GThread *thread;
  int n_rounds = 0;

  memory_init (&memory);
  other = claim (memory.mappings[1], 1);
  toggler.segment = memory.mappings[2];
  thread = g_thread_new ("toggle", toggle_in_thread, &toggler);
  while (atomic_load (&toggler.n_changes) == 0)
    g_thread_yield ();

  while (n_rounds < N_ERASED_ROUNDS && g_get_monotonic_time () < deadline_usec)
    {
      SsemShmSlotHandle dead = claim (memory.mappings[0], 7);
      guint n_before;

      add_until (dead, -5, SWAPPED);
      n_before = atomic_load (&toggler.n_changes);
      add (&other, -1);
      if (atomic_load (&toggler.n_changes) - n_before >= 2)
        n_rounds++;
      g_assert_true (ssem_shm_counter_reclaim (memory.mappings[3], 7));
      add (&other, 1);
      g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[0]), ==, INITIAL);
    }
  atomic_store (&toggler.is_over, TRUE);
  g_thread_join (thread);

  memory_clear (&memory);
}

/* --- Slots --- */

static void
test_slots (void)
{
  Memory memory;
  SsemShmSegment *segment;
  SsemShmSlotHandle claimed;
  guint32 n = 0;

  memory_init (&memory);
  segment = memory.mappings[0];
  while (ssem_shm_counter_claim_slot (memory.mappings[n % N_MAPPINGS], n + 1, FALSE, 1, 0) != 0)
    n++;
  g_assert_cmpuint (n, ==, SSEM_SHM_MAX_SLOTS - 1);
  g_assert_cmpuint (n, >=, 4000);

  /* The refused one has changed nothing; a slot that is given back is had again, by the one
   * after. */
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, INITIAL);
  g_assert_cmpuint (count_slots_of (segment, n + 1), ==, 0);
  ssem_shm_counter_free_slots (segment, 1234);
  g_assert_cmpuint (count_slots_of (segment, 1234), ==, 0);
  claimed = claim (segment, n + 1);
  add (&claimed, -3);
  g_assert_cmpuint (ssem_shm_counter_claim_slot (segment, n + 2, FALSE, 1, 0), ==, 0);
  g_assert_true (ssem_shm_counter_reclaim (segment, n + 1));
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, INITIAL);

  memory_clear (&memory);
}

/* A process that dies while it claims a slot leaves only a slot to be freed, whatever its former
 * owner did. */
static void
test_claimer_dies (void)
{
  Memory memory;
  SsemShmSegment *segment;
  SsemShmSlotHandle former, whole, claimed;

  memory_init (&memory);
  segment = memory.mappings[0];
  former = claim (segment, 7);
  add (&former, -9);
  ssem_shm_counter_free_slots (segment, 7);
  whole = claim (segment, 8);
  g_assert_true (whole.slot == former.slot);
  ssem_shm_counter_free_slots (segment, 8);

  /* Nothing but its name stands there. */
  former.slot->owner = ssem_shm_make_owner_word (9) | SSEM_SHM_OWNER_CLAIMING;
  former.slot->holding[former.slot->committed & 1] = 5;
  former.slot->stamp[former.slot->committed & 1] = segment->epoch;
  claimed = claim (segment, 9);
  add (&claimed, -2);
  g_assert_true (ssem_shm_counter_reclaim (segment, 9));
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, INITIAL - 9);
  g_assert_cmpuint (count_slots_of (segment, 9), ==, 0);

  memory_clear (&memory);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/counter/add", test_add);
  g_test_add_func ("/ssem/counter/death", test_death);
  g_test_add_func ("/ssem/counter/resetter-dies", test_resetter_dies);
  g_test_add_func ("/ssem/counter/reclaim-at-maximum", test_reclaim_at_maximum);
  g_test_add_func ("/ssem/counter/reclaimers", test_reclaimers);
  g_test_add_func ("/ssem/counter/threads", test_threads);
  g_test_add_func ("/ssem/counter/erased-beside-waiters", test_erased_beside_waiters);
  g_test_add_func ("/ssem/counter/slots", test_slots);
  g_test_add_func ("/ssem/counter/claimer-dies", test_claimer_dies);

  return g_test_run ();
}
