/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/ssem-types.h"

#include <glib.h>

G_BEGIN_DECLS

/* What a backend has seen of a semaphore at one moment. The public face wraps it. */
typedef struct
{
  char *host;        /* name of the machine that the process runs on; NULL: this one */
  int pid;           /* 0: unknown, because it belongs to another name space of processes */
  char *command;     /* NULL: unknown */
  char **arguments;  /* the command with its arguments, if the process has registered one, or NULL */
  gint64 units;      /* that the process holds, or waits for */
  gint64 since_usec; /* wall-clock time; -1: unknown */
} SsemSnapshotProcess;

typedef struct
{
  SsemBackend backend; /* set by ssem-backend-inspect.c */
  char *key;           /* NULL: unknown */
  char *native_key;    /* NULL: other programs cannot open it */
  int value;
  int initial_value;   /* -1: unknown */
  int n_attached;      /* -1: unknown, but not 0 */
  int n_waiters;       /* threads; -1: unknown */
  gboolean is_leftover;

  /* Of SsemSnapshotProcess, each process once; NULL: unknown. ssem-backend-inspect.c sorts them by
   * host and process ID. */
  GArray *holders;
  GArray *waiters;
} SsemSnapshot;

/* Returns an empty snapshot: it says that the semaphore exists, and nothing else. */
SsemSnapshot *ssem_snapshot_new             (void);
void          ssem_snapshot_free            (SsemSnapshot *self);

/* Returns an array for holders or waiters, which frees its elements. */
GArray       *ssem_snapshot_new_processes   (void);

/* Returns how many units the holders hold; -1: unknown. */
gint64        ssem_snapshot_get_units_held  (const SsemSnapshot *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemSnapshot, ssem_snapshot_free)

G_END_DECLS
