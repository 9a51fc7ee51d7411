/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance/conformance.h"
#include "fault-injector.h"

G_BEGIN_DECLS

/* One call of the library, with one system call that fails, and what must hold afterwards. */

typedef struct _FaultRun FaultRun;

/* How the semaphore is before the call. */
typedef enum
{
  FAULT_UNKNOWN,  /* there is none */
  FAULT_LIVE,     /* a neighbour is attached, and holds a unit */
  FAULT_LEFTOVER, /* whoever was attached, and held a unit, has crashed */
} FaultBefore;

/* What the neighbour does while the call goes on. */
typedef enum
{
  FAULT_IDLE,
  FAULT_RELEASES, /* gives back its unit when the victim waits for it */
  FAULT_DIES,     /* is killed then */
  FAULT_WAITS,    /* waits for one unit more than there are, from before the call on */
} FaultNeighbour;

#define FAULT_INITIAL 3
#define FAULT_RESET   7

typedef struct
{
  const char *name;
  gboolean (* call) (FaultRun *run,
                     GError  **error);
  FaultBefore before;
  FaultNeighbour neighbour;
  gboolean had_object;  /* the victim has opened the key before, and closed it */
  gboolean has_object;  /* the victim has opened the key before */
  int holds;            /* ... and has acquired that many units */
  gboolean is_crowded;  /* other threads of its have all the slots that there are, where there are
                         * any, so the call needs room for more */
  gboolean has_crowd;   /* the victim attaches as one of many */
  gboolean is_in_child; /* the call is made in a child of the victim */
  gboolean opens;       /* the call makes an object ... */
  SsemAccessMode mode;  /* ... or opens another key, in that mode */
  int takes;            /* how many units more the victim holds if it succeeds */
  int total;            /* what it sets the units to that there are in all; 0: it doesn't */
  gboolean closes;      /* it gives the key up */
  gboolean changes_key;
  int error;            /* what it fails with where no system call does; 0: it succeeds */
  gboolean is_of_gio;   /* that is a GIOErrorEnum */
} FaultScenario;

/* What the victim and the test share. */
typedef struct
{
  FaultWindow window;
  gboolean is_ok;
  gboolean is_of_gio;
  int code;
  int last;   /* what get_error () says, or -1 where there is no object */
  char message[512];
} FaultOutcome;

struct _FaultRun
{
  Fixture *fixture;
  const FaultScenario *scenario;
  gboolean is_killed; /* the victim ends by SIGKILL, not in good order */
  FaultInjector injector;
  FaultOutcome *outcome;
  int socket;

  /* In the test. */
  Helper *neighbour;  /* stays from one run to the next */
  gboolean neighbour_is_open;
  gboolean neighbour_has_acted;
  pid_t victim;
  int total;
  int neighbour_holds;
  int victim_holds;   /* ... and the process that it was forked from */
  gboolean victim_is_attached;
  gboolean is_there;  /* there is a semaphore */

  /* In the victim. */
  SsemSystemSemaphore *object;
  int n_files;
};

/* The other key of a scenario that changes it. */
char                *fault_run_other_key (FaultRun        *self);

/* In the victim. */
SsemSystemSemaphore *fault_run_open      (FaultRun        *self,
                                          SsemAccessMode   mode,
                                          int              initial_value,
                                          GError         **error);

/* With what self->injector says. The test fails if anything is not as it must be. */
void                 fault_run           (FaultRun        *self);

G_END_DECLS
