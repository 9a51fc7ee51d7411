/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "counter-memory.h"

#include <sys/mman.h>
#include <unistd.h>

void
memory_init (Memory *self)
{
  const gsize size = SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS);
  int fd = memfd_create ("test-counter", MFD_CLOEXEC);
  SsemShmSegment *segment;
  guint i;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, (off_t) size), ==, 0);
  for (i = 0; i < N_MAPPINGS; i++)
    {
      self->mappings[i] = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      g_assert_true (self->mappings[i] != MAP_FAILED);
    }
  close (fd);

  segment = self->mappings[0];
  segment->epoch = 1;
  segment->state = ssem_shm_state_pack (INITIAL, 1, 0, 0);
  segment->n_slots = SSEM_SHM_MAX_SLOTS;
  segment->slots_used = 1;
}

void
memory_clear (Memory *self)
{
  guint i;

  for (i = 0; i < N_MAPPINGS; i++)
    munmap (self->mappings[i], SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS));
}

SsemShmSlotHandle
claim (SsemShmSegment *segment,
       guint64         process)
{
  guint32 index = ssem_shm_counter_claim_slot (segment, process, FALSE, (int) process, 0);

  g_assert_cmpuint (index, >, 0);

  return ssem_shm_slot_handle_make (segment, index);
}

void
add (SsemShmSlotHandle *handle,
     int                delta)
{
  g_assert_cmpint (ssem_shm_counter_add (handle, delta, -delta), ==, SSEM_SHM_DONE);
}

guint
count_slots_of (SsemShmSegment *segment,
                guint64         process)
{
  guint index, n = 0;

  for (index = 1; index < SSEM_SHM_MAX_SLOTS; index++)
    n += segment->slots[index].owner >> SSEM_SHM_OWNER_SHIFT == process;

  return n;
}
