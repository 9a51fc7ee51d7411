/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "tests/conformance/conformance.h"
#include "tracer.h"

G_BEGIN_DECLS

/* The units that there are in all. */
#define UNITS 6

/* Those that a dead process held. One that wants MOST_UNITS needs some of them; it leaves one to
 * the owner, and one to each of two others that operate when the owner holds none. So no try fails
 * or succeeds by the order in which they run. */
#define CORPSE_UNITS 3
#define MOST_UNITS 4

/* What a victim performs, and in which company. */
typedef enum
{
  /* Two others are attached all the while. One of them has a unit; when a victim is to be killed,
   * the other waits for all units. */
  COMPANY_ATTACHED,
  /* As before, but no process waits: a waiter would find the dead before the victim does. */
  COMPANY_NOT_WAITING,
  /* The victim is alone. */
  COMPANY_NONE,
} Company;

typedef struct
{
  const char *name;
  Company company;
  int n_held;          /* what the victim holds before; -1: it has nothing open */
  int n_held_after;    /* the same when it has performed */
  gboolean resets;     /* whether it makes everybody's holdings forgotten */
  gboolean opens;      /* whether it opens or closes the key */
  gboolean had_it;     /* whether it has opened the key and closed it before */
  gboolean has_corpse; /* whether a process has died before it, with CORPSE_UNITS */
  gboolean is_overtaken; /* whether it is stopped while the epochs come round, and a process dies */
  /* Whether another is in the middle of acquiring a unit: it has swapped, and not committed. */
  gboolean has_stander;
  void (* perform) (gpointer victim);
} Scenario;

/* In the victim. */
typedef struct
{
  const Scenario *scenario;
  SsemBackend backend;
  const char *key;
  SsemSystemSemaphore *semaphore;
} Victim;

/* The first is `acquire`; one without a name ends them. */
extern const Scenario scenarios[];

/* The victim's prepare and conclude; see VictimTable. */
void scenario_prepare  (gpointer victim);
void scenario_conclude (gpointer victim);

/* Leaves a process behind that died with CORPSE_UNITS, and was found by nobody. */
void scenario_make_corpse (Victim *victim);

G_END_DECLS
