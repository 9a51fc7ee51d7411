/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "storm.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* The workers of a storm. */

/* wine has no priorities. So to start a program takes long beside many workers. */
#ifdef G_OS_WIN32
#define N_WORKERS 3
#else
#define N_WORKERS 8
#endif
#define N_THREADS 2

/* What a thread reports of itself, and no other thread writes. */
typedef struct
{
  _Alignas (64) atomic_uint_least64_t n_operations;
  atomic_int held; /* what is its process's for sure: it is dead if that does not come back */
} Cell;

/* Shared by the test and the workers. */
typedef struct
{
  atomic_bool is_over;
  atomic_int n_broken;
  char broken[256]; /* by the one that made n_broken 1 */
  Cell cells[N_WORKERS][N_THREADS];
} Board;

typedef struct
{
  SsemBackend backend;
  const char *key;
  StormKind kind;
  int initial_value;
  Board *board;
  int index; /* of the worker */
  guint32 seed;
} Work;

/* Works until the storm is over. */
void storm_work (const Work *work);

/* --- Worker processes --- */

typedef gintptr StormProcess; /* a process id, or a handle of Windows */

typedef enum
{
  STORM_PROCESS_RUNS,
  STORM_PROCESS_HAS_ENDED,
  STORM_PROCESS_WAS_KILLED,
} StormProcessState;

/* The longest pause between two kills. To start a process should not take much longer, or most
 * workers are killed before they work. */
extern const int  storm_max_pause_usec;

/* Memory that worker processes share. */
Board            *storm_board_new      (void);
void              storm_board_free     (Board *board);

/* Starts a process that works. It dies with the test. */
StormProcess      storm_process_start  (const Work *work);

void              storm_process_kill   (StormProcess process);

/* Looks whether the process has ended; if so, this is the last call about it. A process that has
 * crashed fails the test. */
StormProcessState storm_process_look   (StormProcess process);

G_END_DECLS
