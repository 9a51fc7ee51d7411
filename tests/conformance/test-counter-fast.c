/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "counter-memory.h"

/* The counter's fast path by itself, in memory that is mapped several times. */

/* The fast path does what the slow path does, where it can operate. */
static void
test_add_fast (void)
{
  Memory memory;
  SsemShmSlotHandle a, b;
  int n_fast = 0, held = 0, i;

  memory_init (&memory);
  a = claim (memory.mappings[0], 1);
  b = claim (memory.mappings[1], 2);

  g_assert_false (counter_add_fast (&a, -1, 1));
  for (i = 0; i < 600000; i++)
    {
      int delta = g_test_rand_int_range (-5, 6);

      if (counter_add_fast (&a, delta, -delta))
        {
          n_fast++;
        }
      else
        {
          a.last_word = SSEM_SHM_WORD_UNKNOWN;
          if (ssem_shm_counter_add (&a, delta, -delta) != SSEM_SHM_DONE)
            continue;
          ssem_shm_counter_prepare_fast (&a);
        }
      held -= delta;
      if (i % 1000 == 0 && held < INITIAL)
        {
          add (&b, -1);
          g_assert_false (counter_add_fast (&a, 1, -1));
          add (&b, 1);
        }
      g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[2]), ==, INITIAL - held);
    }
  g_assert_cmpint (ssem_shm_counter_get_holding (memory.mappings[2], 1), ==, held);
  g_assert_cmpint (n_fast, >, 400000);

  /* It passes neither end of the value. */
  for (i = 0; i < 2; i++)
    {
      ssem_shm_counter_reset (&a, 1);
      ssem_shm_counter_prepare_fast (&a);
      g_assert_false (counter_add_fast (&a, -2, 0));
      g_assert_false (counter_add_fast (&a, G_MAXINT, 0));
      g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[2]), ==, 1);
      g_assert_true (counter_add_fast (&a, G_MAXINT - 1, 0));
      g_assert_false (counter_add_fast (&a, 1, 0));
      g_assert_cmpint (ssem_shm_counter_get_value (memory.mappings[2]), ==, G_MAXINT);
    }

  memory_clear (&memory);
}

/* What a thread remembers of its slot is true, or is not used. */
static void
test_prepare_fast (void)
{
  Memory memory;
  SsemShmSegment *segment;
  SsemShmSlotHandle a, b;

  memory_init (&memory);
  segment = memory.mappings[1];
  a = claim (memory.mappings[0], 1);
  b = claim (memory.mappings[2], 2);

  /* prepare_fast () has no effect for a slot that did not make the last change. */
  ssem_shm_counter_prepare_fast (&a);
  g_assert_false (counter_add_fast (&a, -1, 1));
  add (&a, -7);
  add (&b, -1);
  ssem_shm_counter_prepare_fast (&a);
  g_assert_false (counter_add_fast (&a, -1, 1));
  add (&a, 7);
  ssem_shm_counter_prepare_fast (&a);

  /* What it holds, in either record, and in an epoch that only one of them has seen. */
  ssem_shm_counter_reset (&a, INITIAL);
  ssem_shm_counter_prepare_fast (&a);
  g_assert_true (counter_add_fast (&a, -5, 5));
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 1), ==, 5);
  g_assert_true (counter_add_fast (&a, -2, 2));
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 1), ==, 7);
  g_assert_true (counter_add_fast (&a, 7, -7));
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 1), ==, 0);

  /* And nothing of it once another has begun the next epoch. */
  g_assert_true (counter_add_fast (&a, -3, 3));
  ssem_shm_counter_reset (&b, INITIAL);
  g_assert_false (counter_add_fast (&a, -1, 1));
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 1), ==, 0);
  add (&a, -1);
  ssem_shm_counter_prepare_fast (&a);
  g_assert_true (counter_add_fast (&a, -1, 1));
  g_assert_cmpint (ssem_shm_counter_get_holding (segment, 1), ==, 2);

  memory_clear (&memory);
}

/* While a thread may wait, no operation takes the fast path, and none drops the waiters bit. */
static void
test_waiters_bit (void)
{
  Memory memory;
  SsemShmSegment *segment;
  SsemShmSlotHandle a, b;

  memory_init (&memory);
  segment = memory.mappings[2];
  a = claim (memory.mappings[0], 1);
  b = claim (memory.mappings[1], 2);

  add (&a, -1);
  ssem_shm_counter_prepare_fast (&a);
  atomic_fetch_or (&segment->state, SSEM_SHM_STATE_WAITERS);
  g_assert_false (counter_add_fast (&a, 1, -1));

  add (&a, -1);
  g_assert_true ((segment->state & SSEM_SHM_STATE_WAITERS) != 0);
  ssem_shm_counter_prepare_fast (&a);
  g_assert_false (counter_add_fast (&a, 1, -1));

  ssem_shm_counter_reset (&b, INITIAL);
  add (&a, -2);
  g_assert_true (ssem_shm_counter_reclaim (segment, 1));
  g_assert_true ((segment->state & SSEM_SHM_STATE_WAITERS) != 0);
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, INITIAL);

  /* The bit takes no part in who operated last. */
  add (&b, -1);
  atomic_fetch_and (&segment->state, ~SSEM_SHM_STATE_WAITERS);
  ssem_shm_counter_prepare_fast (&b);
  g_assert_true (counter_add_fast (&b, -1, 1));

  memory_clear (&memory);
}

/* A sequence that wraps does not set the waiters bit. */
static void
test_wrapped_sequence (void)
{
  Memory memory;
  SsemShmSlotHandle a;
  int n_refused = 0, i;

  memory_init (&memory);
  a = claim (memory.mappings[0], 1);
  add (&a, -1);
  ssem_shm_counter_prepare_fast (&a);
  for (i = 0; i < 3 << SSEM_SHM_SEQUENCE_BITS; i++)
    {
      if (counter_add_fast (&a, 1 - i % 2 * 2, 0))
        continue;
      n_refused++;
      g_assert_cmpint (ssem_shm_counter_add (&a, 1 - i % 2 * 2, 0), ==, SSEM_SHM_DONE);
      g_assert_true ((a.segment->state & SSEM_SHM_STATE_WAITERS) == 0);
      ssem_shm_counter_prepare_fast (&a);
    }
  g_assert_cmpint (n_refused, ==, 3);

  memory_clear (&memory);
}

static guint32
since_of (SsemShmSlotHandle handle)
{
  return ssem_shm_counter_peek_since (handle.segment, handle.segment->state, handle.index);
}

/* Since when units are held is known as long as any of those are that were taken the long way. */
static void
test_since (void)
{
  Memory memory;
  SsemShmSlotHandle handle;
  guint32 since;

  memory_init (&memory);
  handle = claim (memory.mappings[0], 1);
  add (&handle, -2);
  since = since_of (handle);
  g_assert_cmpuint (since, >, 0);

  ssem_shm_counter_prepare_fast (&handle);
  g_assert_true (counter_add_fast (&handle, -1, 1));
  g_assert_cmpuint (since_of (handle), ==, since);
  g_assert_true (counter_add_fast (&handle, 2, -2));
  g_assert_cmpuint (since_of (handle), ==, since);

  /* The fast path does not release the last of them: the next unit is held since another time. */
  g_assert_false (counter_add_fast (&handle, 1, -1));
  g_assert_cmpint (ssem_shm_counter_get_holding (handle.segment, 1), ==, 1);
  add (&handle, 1);
  ssem_shm_counter_prepare_fast (&handle);
  g_assert_true (counter_add_fast (&handle, -1, 1));
  g_assert_cmpint (ssem_shm_counter_get_holding (handle.segment, 1), ==, 1);
  g_assert_cmpuint (since_of (handle), ==, 0);
  g_assert_true (counter_add_fast (&handle, 3, -3));
  g_assert_cmpint (ssem_shm_counter_get_holding (handle.segment, 1), ==, -2);

  memory_clear (&memory);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/counter-fast/add", test_add_fast);
  g_test_add_func ("/ssem/counter-fast/waiters-bit", test_waiters_bit);
  g_test_add_func ("/ssem/counter-fast/wrapped-sequence", test_wrapped_sequence);
  g_test_add_func ("/ssem/counter-fast/prepare", test_prepare_fast);
  g_test_add_func ("/ssem/counter-fast/since", test_since);

  return g_test_run ();
}
