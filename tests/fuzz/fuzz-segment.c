/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "ssem/shm/ssem-shm-life-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"
#include "ssem/shm/ssem-shm-waiters-private.h"
#include "tests/conformance/counter-fast.h"

#include <errno.h>
#include <string.h>

/* Arbitrary bytes as the memory of a segment, without a file: what is taken for a segment is used
 * in every way there is. The memory is as long as the file would be and not a byte longer, so
 * anything that is looked at beyond it is found. Opening files is what fuzz-attach.c does; this is
 * many times faster.
 *
 * The first byte says how many units are acquired or set (bits 0-2), and whether the rest is the
 * whole segment or lies over the words of a sound one (bit 3). */

#define UNITS 7
#define IS_SOUND 8

#define FUZZ_KEY "fuzz"

static SsemShmSegment *
make_segment (const guint8 *bytes,
              gsize         length,
              gboolean      is_sound,
              gsize        *size)
{
  const gsize offset = is_sound ? G_STRUCT_OFFSET (SsemShmSegment, state) : 0;
  SsemShmSegment *segment;

  *size = MAX (SSEM_SHM_SIZE (SSEM_SHM_FIRST_SLOTS), offset + length);
  segment = g_aligned_alloc0 (1, *size, SSEM_SHM_LINE);
  if (is_sound)
    {
      memcpy (segment->magic, "SsemShm", sizeof segment->magic);
      segment->layout = SSEM_SHM_LAYOUT;
      segment->key_length = strlen (FUZZ_KEY);
      memcpy (segment->key, FUZZ_KEY, strlen (FUZZ_KEY));
      atomic_store (&segment->n_slots, SSEM_SHM_FIRST_SLOTS);
      atomic_store (&segment->slots_used, 1);
    }
  memcpy ((char *) segment + offset, bytes, length);

  return segment;
}

/* Does what an inspection does. */
static void
look (SsemShmSegment *segment)
{
  guint64 word = atomic_load (&segment->state);
  guint32 used = atomic_load (&segment->slots_used);
  guint32 i;

  for (i = 1; i < used; i++)
    {
      guint64 process = atomic_load (&segment->slots[i].owner) >> SSEM_SHM_OWNER_SHIFT;

      if (process == 0)
        continue;
      ssem_shm_counter_peek_holding (segment, word, process);
      ssem_shm_counter_peek_since (segment, word, i);
    }
  g_assert_true (atomic_load (&segment->state) == word);
}

/* The port's liveness: half of the processes are alive. */
int
ssem_shm_member_ask (SsemShmMember *member,
                     guint64        attach_id)
{
  return (int) (attach_id & 1);
}

/* Reclaims every process, as if all were dead. No units are lost by that. */
static void
reclaim_all (SsemShmSegment *segment)
{
  guint32 used = atomic_load (&segment->slots_used);
  guint32 i;

  ssem_shm_waiters_recount (segment);
  for (i = 1; i < used; i++)
    {
      guint64 process = atomic_load (&segment->slots[i].owner) >> SSEM_SHM_OWNER_SHIFT;
      int before = ssem_shm_counter_get_value (segment);

      if (process != 0)
        ssem_shm_counter_reclaim (segment, process);
      g_assert_cmpint (ssem_shm_counter_get_value (segment), >=, before);
    }
}

/* Returns an attach id that no slot contains. */
static guint64
find_unused_id (SsemShmSegment *segment)
{
  guint32 used = atomic_load (&segment->slots_used);
  guint64 attach_id = 1;
  guint32 i = 1;

  while (i < used)
    {
      gboolean is_used = atomic_load (&segment->slots[i].owner) >> SSEM_SHM_OWNER_SHIFT == attach_id;

      attach_id += is_used;
      i = is_used ? 1 : i + 1;
    }

  return attach_id;
}

static void
operate (SsemShmSegment *segment,
         int             n)
{
  const guint64 process = find_unused_id (segment);
  guint32 index = ssem_shm_counter_claim_slot (segment, process, FALSE, 1, 1);
  int value = ssem_shm_counter_get_value (segment);
  SsemShmSlotHandle handle;

  if (index == 0)
    return;

  g_assert_cmpuint (index, <, atomic_load (&segment->slots_used));
  handle = ssem_shm_slot_handle_make (segment, index);

  ssem_shm_waiters_announce (segment, index, n + 1);
  ssem_shm_waiters_retract (segment, index);

  if (ssem_shm_counter_add (&handle, -n, n) == SSEM_SHM_DONE)
    {
      g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, value - n);
      ssem_shm_counter_prepare_fast (&handle);
      if (!counter_add_fast (&handle, n, -n))
        g_assert_cmpint (ssem_shm_counter_add (&handle, n, -n), ==, SSEM_SHM_DONE);
    }
  else
    {
      g_assert_cmpint (value, <, n);
    }
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, value);

  ssem_shm_counter_reset (&handle, n);
  g_assert_cmpint (ssem_shm_counter_get_value (segment), ==, n);
  if (ssem_shm_counter_get_holding (segment, process) > 0)
    ssem_shm_counter_reclaim (segment, process);
  else
    ssem_shm_counter_free_slots (segment, process);
  g_assert_cmpint (ssem_shm_counter_get_value (segment), >=, n);
  g_assert_cmpuint (atomic_load (&segment->slots[index].owner), ==, 0);
}

/* Attaches, and leaves again: the segment is removed if nobody else is attached. */
static void
come_and_go (SsemShmSegment *segment)
{
  SsemShmMember member = { .segment = segment, .attach_id = find_unused_id (segment) };
  gboolean has_others;

  if (!ssem_shm_life_keep (&member))
    return;

  has_others = ssem_shm_life_has_others (&member);
  g_assert_true (ssem_shm_life_end (&member) == !has_others);
  g_assert_true (ssem_shm_life_keep (&member) == has_others);
  g_assert_true (ssem_shm_life_is_removed (atomic_load (&segment->life)) == !has_others);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         length)
{
  SsemShmSegment *segment;
  gsize size;
  int result;

  if (length == 0)
    return 0;

  segment = make_segment (data + 1, length - 1, (data[0] & IS_SOUND) != 0, &size);
  result = ssem_shm_segment_check (segment, (goffset) size, FUZZ_KEY);
  g_assert_true (result == 0 || result == -EBADMSG || result == -EPROTO);
  if (result == 0)
    {
      look (segment);
      reclaim_all (segment);
      operate (segment, data[0] & UNITS);
      come_and_go (segment);
    }
  g_aligned_free (segment);

  return 0;
}
