/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-look-private.h"

#include "ssem-shm-segment-private.h"

#include <errno.h>
#include <string.h>

/* What a look is on every system: a consistent copy of a segment, and who of its processes is
 * alive.
 *
 * The copy is made while others work. Every operation changes `state`, so what was read between two
 * equal readings of `state` was true at that moment. Under heavy use there may be no such moment;
 * after MAX_TRIES the look is content with figures of several moments.
 *
 * The look asks which processes are alive after the copy was made: a process that dies in between
 * counts as dead already.
 */

#define MAX_TRIES 200

SsemShmLook *
ssem_shm_look_new (void)
{
  SsemShmLook *self = g_new0 (SsemShmLook, 1);

  self->alive = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free,
                                       (GDestroyNotify) g_strfreev);
  self->copy = g_aligned_alloc (1, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), SSEM_SHM_LINE);

  return self;
}

void
ssem_shm_look_free (SsemShmLook *look)
{
  g_hash_table_unref (look->alive);
  g_aligned_free (look->copy);
  g_free (look);
}

/* --- Reading --- */

static int
read_state (SsemShmReadFunc  read,
            gconstpointer    source,
            guint64         *word)
{
  gssize n_read;

  /* Before and after the rest, for this processor and for the compiler. */
  atomic_thread_fence (memory_order_seq_cst);
  n_read = read (source, word, sizeof *word, G_STRUCT_OFFSET (SsemShmSegment, state));
  atomic_thread_fence (memory_order_seq_cst);

  return n_read < 0 ? (int) n_read : n_read < (gssize) sizeof *word ? -EBADMSG : 0;
}

static int
read_copy (SsemShmLook     *self,
           goffset          size,
           const char      *key,
           SsemShmReadFunc  read,
           gconstpointer    source)
{
  SsemShmSegment *head = self->copy;
  gssize n_read = read (source, head, sizeof *head, 0);
  gsize slots_size;
  int result;

  if (n_read < 0)
    return (int) n_read;
  result = n_read < (gssize) sizeof *head ? -EBADMSG : ssem_shm_segment_check (head, size, key);
  if (result == 0 && memchr (head->key, '\0', head->key_length) != NULL)
    result = -EBADMSG;
  if (result != 0)
    return result;

  slots_size = atomic_load (&head->slots_used) * sizeof (SsemShmSlot);
  n_read = read (source, head->slots, slots_size, sizeof *head);
  if (n_read < 0)
    return (int) n_read;

  return n_read < (gssize) slots_size ? -EBADMSG : 0;
}

int
ssem_shm_look_read (SsemShmLook     *self,
                    goffset          size,
                    const char      *key,
                    SsemShmReadFunc  read,
                    gconstpointer    source)
{
  guint64 before = 0, after = 0;
  int i, result;

  result = read_state (read, source, &after);
  for (i = 0; i < MAX_TRIES && result == 0; i++)
    {
      before = after;
      result = read_copy (self, size, key, read, source);
      if (result == 0)
        result = read_state (read, source, &after);
      if (before == after)
        break;
    }

  /* The slot that `state` names must be one that was read. */
  if (result == 0 &&
      ssem_shm_state_unpack (before).slot >= MAX (1, atomic_load (&self->copy->slots_used)))
    result = -EBADMSG;
  self->word = before;

  return result;
}

/* --- Liveness --- */

void
ssem_shm_look_ask (SsemShmLook      *self,
                   SsemShmAliveFunc  is_alive,
                   gconstpointer     data)
{
  guint32 used = atomic_load (&self->copy->slots_used);
  guint64 last = 0;
  gboolean last_is_alive = FALSE;
  g_auto(GStrv) arguments = NULL;
  guint32 index;

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&self->copy->slots[index].owner);
      guint64 attach_id = owner >> SSEM_SHM_OWNER_SHIFT;
      g_autofree guint64 *key = NULL;

      if (attach_id == 0)
        continue;
      if (attach_id != last)
        {
          g_clear_pointer (&arguments, g_strfreev);
          last_is_alive = is_alive (data, SSEM_SHM_ATTACH_ID_PROCESS (attach_id), &arguments);
          last = attach_id;
        }
      if (!last_is_alive)
        continue;

      key = g_new (guint64, 1);
      *key = attach_id;
      if (!g_hash_table_contains (self->alive, key))
        g_hash_table_insert (self->alive, g_steal_pointer (&key), g_steal_pointer (&arguments));
      self->n_attached += (owner & SSEM_SHM_OWNER_ATTACHED) != 0;
    }
}
