/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What was seen of a semaphore at one moment: what a backend that is asked answers, and the public
 * face wraps. */
typedef struct
{
  int pid;           /* 0: unknown, because it is of another name space of processes */
  char *command;     /* NULL: unknown */
  gint64 units;      /* that it holds, or waits for */
  gint64 since_usec; /* a point of the wall clock's time; -1: unknown */
} SsemSnapshotProcess;

typedef struct
{
  char *key;         /* NULL: unknown */
  int value;
  int initial_value; /* -1: unknown */
  int n_attached;    /* -1: unknown, but not 0 */
  int n_waiters;     /* threads */
  gboolean is_leftover;

  /* Of SsemSnapshotProcess, each process once; NULL where the backend cannot tell. */
  GArray *holders;
  GArray *waiters;
} SsemSnapshot;

/* An empty one: nothing is known but that it exists. */
SsemSnapshot *ssem_snapshot_new             (void);
void          ssem_snapshot_free            (SsemSnapshot *self);

/* An array for holders or waiters, which frees what it has. */
GArray       *ssem_snapshot_new_processes   (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemSnapshot, ssem_snapshot_free)

G_END_DECLS
