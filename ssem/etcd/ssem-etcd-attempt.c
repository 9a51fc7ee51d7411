/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-attempt-private.h"

#include "ssem-etcd-dispatcher-private.h"

/* The attempt has one or more levels, each in the other branch of the one before. One of them is
 * done:
 *
 *   FIRST    If nothing is newer than the view: put a hold. It counts, because the view has enough
 *            units for it, and nobody waits.
 *   BLOCKED  If the holds that leave too few units are still there: put a waiter, and read.
 *   OVER     If nobody waits: put a hold, and read. It counts if the answer has no more units held
 *            than there are. Else it is one too many, and only makes others more careful, until the
 *            process turns it into a waiter.
 *   WAIT     Put a waiter, and read.
 *   ENQUEUE  Put a waiter, and read only who serves the queue.
 *
 * Last, where nothing was put: read, but for a FIRST alone.
 *
 * Each comparison and each level costs the server time. So a process that is alone, as far as it
 * knows, asks for FIRST only; one that knows of a queue, for WAIT only; one that knows of others,
 * for OVER, and WAIT; and where another one serves a long queue, for ENQUEUE. Where the view was
 * wrong, it costs one transaction more, or the units are taken by a second one.
 */

/* More comparisons than that would cost more than they save. */
#define MAX_BLOCKING 16

/* Compares that enough holds are still there to leave too few units. Returns FALSE if that takes
 * too many comparisons, or cannot be. */
static gboolean
compare_blocking (SsemEtcdSemaphore *semaphore,
                  SsemEtcdTxn       *txn,
                  int                units)
{
  SsemEtcdView *view = &semaphore->view;
  gint64 n_needed = view->total - units + 1;
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  ssem_etcd_txn_compare (txn, semaphore->names.state, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                         view->state_mod_revision);
  g_hash_table_iter_init (&iter, view->holds);
  while (n_needed > 0 && g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemEtcdEntry *hold = value;

      if (++n > MAX_BLOCKING)
        return FALSE;
      n_needed -= hold->units;
      ssem_etcd_semaphore_compare_hold (semaphore, txn, hold->name, hold->mod_revision);
    }

  return n_needed <= 0;
}

/* Returns NULL if a level BLOCKED cannot be. */
static SsemEtcdTxn *
build_level (SsemEtcdSemaphore *semaphore,
             SsemEtcdLevel      level,
             const char        *name,
             int                units,
             gboolean           is_try)
{
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  if (level == SSEM_ETCD_LEVEL_FIRST && !is_try)
    ssem_etcd_semaphore_compare_nothing_new (semaphore, txn);
  else
    ssem_etcd_semaphore_guard (semaphore, txn);
  if (level == SSEM_ETCD_LEVEL_BLOCKED && !compare_blocking (semaphore, txn, units))
    {
      ssem_etcd_txn_free (txn);
      return NULL;
    }
  if (level == SSEM_ETCD_LEVEL_FIRST && is_try)
    ssem_etcd_semaphore_compare_view (semaphore, txn);
  if (level == SSEM_ETCD_LEVEL_OVER || level == SSEM_ETCD_LEVEL_WAIT ||
      level == SSEM_ETCD_LEVEL_ENQUEUE)
    ssem_etcd_semaphore_compare_incarnation (semaphore, txn);
  if (level == SSEM_ETCD_LEVEL_OVER)
    ssem_etcd_semaphore_compare_no_waiter (semaphore, txn);

  if (level == SSEM_ETCD_LEVEL_FIRST || level == SSEM_ETCD_LEVEL_OVER)
    ssem_etcd_semaphore_put_hold (semaphore, txn, name, units, semaphore->session->lease);
  else
    ssem_etcd_semaphore_put_waiter (semaphore, txn, name, units);
  if (level == SSEM_ETCD_LEVEL_ENQUEUE)
    ssem_etcd_txn_range (txn, SSEM_ETCD_THEN, semaphore->names.state, semaphore->names.state_end);
  else if (level != SSEM_ETCD_LEVEL_FIRST)
    ssem_etcd_semaphore_add_ranges_if_valid (semaphore, txn, SSEM_ETCD_THEN);

  return txn;
}

static void
choose_levels (SsemEtcdAttempt   *self,
               SsemEtcdSemaphore *semaphore,
               int                units,
               gboolean           is_try)
{
  SsemEtcdView *view = &semaphore->view;
  gboolean is_enough = ssem_etcd_view_get_free (view) >= units;
  guint n = 0;

  if (is_try || (is_enough && self->n_missed == 0 && ssem_etcd_semaphore_is_alone (semaphore)))
    {
      self->levels[n++] = SSEM_ETCD_LEVEL_FIRST;
    }
  else if (self->n_missed == 0 && ssem_etcd_dispatcher_is_expected (semaphore))
    {
      self->levels[n++] = SSEM_ETCD_LEVEL_ENQUEUE;
    }
  else
    {
      gboolean is_queue = !g_queue_is_empty (&view->queue) || view->is_partial;

      if (!is_enough && !is_queue)
        self->levels[n++] = SSEM_ETCD_LEVEL_BLOCKED;
      if (is_enough || !is_queue)
        self->levels[n++] = SSEM_ETCD_LEVEL_OVER;
      self->levels[n++] = SSEM_ETCD_LEVEL_WAIT;
    }
  self->n_levels = n;
}

SsemEtcdTxn *
ssem_etcd_attempt_build (SsemEtcdAttempt   *self,
                         SsemEtcdSemaphore *semaphore,
                         const char        *name,
                         int                units,
                         gboolean           is_try)
{
  SsemEtcdTxn *txns[SSEM_ETCD_MAX_LEVELS];
  guint i, n = 0;

  choose_levels (self, semaphore, units, is_try);
  for (i = 0; i < self->n_levels; i++)
    {
      SsemEtcdLevel level = self->levels[i];

      txns[n] = build_level (semaphore, level, name, units, is_try);
      if (txns[n] != NULL)
        self->levels[n++] = level;
    }
  self->n_levels = n;

  self->has_ranges = is_try || (self->levels[n - 1] != SSEM_ETCD_LEVEL_FIRST &&
                                self->levels[n - 1] != SSEM_ETCD_LEVEL_ENQUEUE);
  if (is_try)
    ssem_etcd_semaphore_add_ranges (semaphore, txns[n - 1], SSEM_ETCD_ELSE);
  else if (self->has_ranges)
    ssem_etcd_semaphore_add_ranges_if_valid (semaphore, txns[n - 1], SSEM_ETCD_ELSE);
  for (i = n - 1; i > 0; i--)
    ssem_etcd_txn_nest (txns[i - 1], SSEM_ETCD_ELSE, txns[i]);

  return txns[0];
}

JsonObject *
ssem_etcd_attempt_find (SsemEtcdAttempt *self,
                        JsonObject      *reply,
                        SsemEtcdLevel   *level)
{
  guint i;

  for (i = 0; i < self->n_levels && reply != NULL; i++)
    {
      if (ssem_etcd_txn_succeeded (reply))
        {
          *level = self->levels[i];
          return reply;
        }
      if (i + 1 < self->n_levels)
        reply = ssem_etcd_txn_get_response (reply, 0);
    }
  *level = SSEM_ETCD_LEVEL_NONE;

  return reply;
}

/* --- The other transactions --- */

static SsemEtcdTxn *
begin_change (SsemEtcdSemaphore *semaphore)
{
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_semaphore_guard (semaphore, txn);

  return txn;
}

static SsemEtcdTxn *
end_change (SsemEtcdSemaphore *semaphore,
            SsemEtcdTxn       *txn)
{
  ssem_etcd_semaphore_add_ranges (semaphore, txn, SSEM_ETCD_THEN);
  ssem_etcd_semaphore_add_ranges (semaphore, txn, SSEM_ETCD_ELSE);

  return txn;
}

SsemEtcdTxn *
ssem_etcd_attempt_build_take (SsemEtcdSemaphore   *semaphore,
                              const SsemEtcdEntry *waiter)
{
  SsemEtcdTxn *txn = begin_change (semaphore);

  ssem_etcd_semaphore_compare_view (semaphore, txn);
  ssem_etcd_semaphore_compare_waiter (semaphore, txn, waiter);
  ssem_etcd_semaphore_put_hold (semaphore, txn, waiter->name, waiter->units,
                                semaphore->session->lease);
  ssem_etcd_semaphore_delete_waiter (semaphore, txn, waiter->name);

  return end_change (semaphore, txn);
}

SsemEtcdTxn *
ssem_etcd_attempt_build_convert (SsemEtcdSemaphore *semaphore,
                                 const char        *name,
                                 int                units,
                                 gint64             over_revision)
{
  SsemEtcdTxn *txn = begin_change (semaphore);

  ssem_etcd_semaphore_compare_hold (semaphore, txn, name, over_revision);
  ssem_etcd_semaphore_delete_hold (semaphore, txn, name);
  ssem_etcd_semaphore_put_waiter (semaphore, txn, name, units);
  ssem_etcd_semaphore_add_ranges_if_valid (semaphore, txn, SSEM_ETCD_THEN);
  ssem_etcd_semaphore_add_ranges (semaphore, txn, SSEM_ETCD_ELSE);

  return txn;
}

SsemEtcdTxn *
ssem_etcd_attempt_build_remove (SsemEtcdSemaphore *semaphore,
                                const char        *name,
                                gint64             over_revision)
{
  g_autofree char *path = g_strconcat (semaphore->names.waiters, name, NULL);
  SsemEtcdEntry *hold = g_hash_table_lookup (semaphore->view.holds, name);
  SsemEtcdTxn *txn = begin_change (semaphore);

  /* A hold that was granted meanwhile stays: the other branch tells of it. */
  if (hold != NULL && hold->create_revision == over_revision)
    ssem_etcd_semaphore_compare_hold (semaphore, txn, name, over_revision);
  else
    ssem_etcd_txn_compare (txn, path, NULL, SSEM_ETCD_CREATE, SSEM_ETCD_GREATER, 0);
  ssem_etcd_semaphore_delete_hold (semaphore, txn, name);
  ssem_etcd_semaphore_delete_waiter (semaphore, txn, name);

  return end_change (semaphore, txn);
}

SsemEtcdTxn *
ssem_etcd_attempt_build_look (SsemEtcdSemaphore *semaphore,
                              const char        *name)
{
  g_autofree char *path = g_strconcat (semaphore->names.waiters, name, NULL);
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_txn_range (txn, SSEM_ETCD_THEN, path, NULL);
  ssem_etcd_semaphore_add_ranges (semaphore, txn, SSEM_ETCD_THEN);

  return txn;
}
