/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-snapshot-private.h"

SsemSnapshot *
ssem_snapshot_new (void)
{
  SsemSnapshot *self = g_new0 (SsemSnapshot, 1);

  self->initial_value = -1;
  self->n_attached = -1;

  return self;
}

void
ssem_snapshot_free (SsemSnapshot *self)
{
  g_free (self->key);
  g_free (self->native_key);
  g_clear_pointer (&self->holders, g_array_unref);
  g_clear_pointer (&self->waiters, g_array_unref);
  g_free (self);
}

static void
process_clear (gpointer data)
{
  SsemSnapshotProcess *process = data;

  g_free (process->host);
  g_free (process->command);
  g_strfreev (process->arguments);
}

GArray *
ssem_snapshot_new_processes (void)
{
  GArray *processes = g_array_new (FALSE, FALSE, sizeof (SsemSnapshotProcess));

  g_array_set_clear_func (processes, process_clear);

  return processes;
}

gint64
ssem_snapshot_get_units_held (const SsemSnapshot *self)
{
  gint64 n_units = 0;
  guint i;

  if (self->holders == NULL)
    return -1;

  for (i = 0; i < self->holders->len; i++)
    n_units += g_array_index (self->holders, SsemSnapshotProcess, i).units;

  return n_units;
}
