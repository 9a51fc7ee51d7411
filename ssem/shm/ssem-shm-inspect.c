/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-inspect-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem-shm-look-private.h"

#include "ssem/os/ssem-process-arguments-private.h"
#include "ssem/os/ssem-process-private.h"

/* Turns a look, which is a consistent copy of a segment, into what people want to know of the
 * semaphore.
 *
 * The copy was made while others worked. If `state` (or `done`) names an operation of a slot that
 * its owner has not committed yet, the operation took place, as for a dead process: see
 * ssem-shm-counter.c. What dead processes hold and no process has reclaimed yet counts as returned,
 * because a caller that asks the semaphore itself reclaims it first.
 */

/* @arguments are those that the process has registered, or NULL. */
static void
add_process (GArray       *processes,
             SsemShmSlot  *slot,
             char        **arguments,
             gint64        units,
             guint32       since)
{
  SsemSnapshotProcess process = { .units = units, .since_usec = -1 };
  int pid = atomic_load (&slot->pid);

  if (arguments != NULL)
    {
      process.arguments = g_strdupv (arguments);
      process.command = ssem_process_arguments_to_text (arguments);
    }

  /* In another name space the pid is another process's, or no process's. */
  if (pid > 0 && atomic_load (&slot->pid_name_space) == ssem_process_get_name_space ())
    {
      process.pid = pid;
      if (process.command == NULL)
        process.command = ssem_process_get_command (pid);
    }
  if (since != 0)
    process.since_usec = since * (gint64) G_USEC_PER_SEC;

  g_array_append_val (processes, process);
}

/* Sets @since to the earlier of the two times. 0 stands for no time. */
static void
begin_no_later (guint32 *since,
                guint32  other)
{
  if (other != 0 && (*since == 0 || other < *since))
    *since = other;
}

/* Adds the process whose first slot is @first to @snapshot, with all its slots. */
static void
sum_up (const SsemShmLook *look,
        guint32            first,
        SsemSnapshot      *snapshot)
{
  SsemShmSegment *copy = look->copy;
  guint32 used = atomic_load (&copy->slots_used);
  guint64 attach_id = atomic_load (&copy->slots[first].owner) >> SSEM_SHM_OWNER_SHIFT;
  gint64 holding = ssem_shm_counter_peek_holding (copy, look->word, attach_id);
  gint64 waiting = 0;
  guint32 holding_since = 0, waiting_since = 0;
  gpointer arguments;
  guint32 index;

  if (!g_hash_table_lookup_extended (look->alive, &attach_id, NULL, &arguments))
    {
      if (holding > 0)
        snapshot->value = (int) MIN (snapshot->value + holding, (gint64) SSEM_SHM_VALUE_MAX);
      return;
    }

  for (index = first; index < used; index++)
    {
      SsemShmSlot *slot = &copy->slots[index];
      guint32 n = atomic_load (&slot->waiting);

      if (!ssem_shm_owner_is (atomic_load (&slot->owner), attach_id))
        continue;

      begin_no_later (&holding_since, ssem_shm_counter_peek_since (copy, look->word, index));
      if (n == 0)
        continue;
      waiting += n;
      snapshot->n_waiters++;
      begin_no_later (&waiting_since, atomic_load (&slot->waiting_since));
    }

  if (holding > 0)
    add_process (snapshot->holders, &copy->slots[first], arguments, holding, holding_since);
  if (waiting > 0)
    add_process (snapshot->waiters, &copy->slots[first], arguments, waiting, waiting_since);
}

static SsemSnapshot *
evaluate (const SsemShmLook *look)
{
  SsemSnapshot *snapshot = ssem_snapshot_new ();
  SsemShmSegment *copy = look->copy;
  guint32 used = atomic_load (&copy->slots_used);
  g_autoptr(GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autofree guint64 *attach_ids = g_new (guint64, used);
  guint32 index;

  snapshot->key = g_strndup (copy->key, copy->key_length);
  snapshot->value = ssem_shm_state_unpack (look->word).value;
  snapshot->initial_value = MAX (0, atomic_load (&copy->initial));
  snapshot->n_attached = look->n_attached;
  snapshot->is_leftover = look->n_attached == 0;
  snapshot->holders = ssem_snapshot_new_processes ();
  snapshot->waiters = ssem_snapshot_new_processes ();

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&copy->slots[index].owner);

      attach_ids[index] = owner >> SSEM_SHM_OWNER_SHIFT;
      if (owner != 0 && !(owner & SSEM_SHM_OWNER_CLAIMING) &&
          g_hash_table_add (seen, &attach_ids[index]))
        sum_up (look, index, snapshot);
    }

  return snapshot;
}

int
ssem_shm_inspect (const char    *key,
                  SsemSnapshot **snapshot)
{
  SsemShmLook *look = NULL;
  int result = ssem_shm_look (key, &look);

  if (result == 0)
    {
      *snapshot = evaluate (look);
      ssem_shm_look_free (look);
    }

  return result;
}

static void
add_snapshot_cb (const SsemShmLook *look,
                 gpointer           data)
{
  SsemSnapshot *snapshot = evaluate (look);

  g_ptr_array_add (data, snapshot);
}

int
ssem_shm_list (GPtrArray  *snapshots,
               guint      *n_others,
               char      **directory)
{
  return ssem_shm_look_at_all (add_snapshot_cb, snapshots, n_others, directory);
}
