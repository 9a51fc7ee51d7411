/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-peer.h"

G_BEGIN_DECLS

#define BENCH_MAX_FIGURES 3

typedef struct _BenchHelpers BenchHelpers;

/* A peer in a scenario. */
typedef struct
{
  const BenchPeer *peer;
  int size;    /* how many processes or requests */
  int repeats; /* how often, or how long, in one turn: each scenario says which */
  char *key;   /* of no other contender */

  /* Memory for the helpers, too, filled with zeros: of the size that the scenario asks for. */
  gpointer shared;

  /* For set_up () or measure () to set: bench-measure.c frees them in the end, in this order, so
   * that no helper waits when the holders of a crowd are killed. */
  BenchHelpers *helpers;
  BenchHelpers *crowd; /* processes that only hold units */
  gpointer handle;
} BenchContender;

/* Kills the contender's helpers and crowd, and closes its handle, as far as it has them. */
void bench_contender_clear (BenchContender *self);

/* What is measured: each says in its file what its figures are. */
typedef struct
{
  const char *name;
  void (*prepare) (void);                    /* once, before everything else; or NULL */
  void (*set_up)  (BenchContender *self);    /* once for each contender; or NULL */
  void (*measure) (BenchContender *self,     /* one turn */
                   double         *figures);
  int n_figures;
  gsize shared_size;
} BenchScenario;

extern const BenchScenario bench_scenario_pair;
extern const BenchScenario bench_scenario_pair_busy;
extern const BenchScenario bench_scenario_calls;
extern const BenchScenario bench_scenario_ping_pong;
extern const BenchScenario bench_scenario_hammer;
extern const BenchScenario bench_scenario_kill;
extern const BenchScenario bench_scenario_holders;
extern const BenchScenario bench_scenario_open;
extern const BenchScenario bench_scenario_attach;
extern const BenchScenario bench_scenario_async;
extern const BenchScenario bench_scenario_crowd_try;
extern const BenchScenario bench_scenario_crowd_idle;
extern const BenchScenario bench_scenario_crowd_idle_one;
extern const BenchScenario bench_scenario_crowd_kill;
extern const BenchScenario bench_scenario_crowd_hammer;
extern const BenchScenario bench_scenario_open_beside;

G_END_DECLS
