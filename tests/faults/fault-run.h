/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance/conformance.h"
#include "fault-injector.h"

G_BEGIN_DECLS

/* One call of the library, one system call that fails in it, and what must hold afterwards. A run
 * has two processes: the victim makes the call, and the neighbour uses the same key. */

typedef struct _FaultRun FaultRun;

/* How the semaphore is before the call. */
typedef enum
{
  FAULT_UNKNOWN,  /* there is no semaphore */
  FAULT_LIVE,     /* a neighbour is attached, and holds a unit */
  FAULT_LEFTOVER, /* the neighbour was attached, held a unit, and has crashed */
} FaultBefore;

/* What the neighbour does during the call. */
typedef enum
{
  FAULT_IDLE,
  FAULT_RELEASES, /* releases its unit when the victim waits for it */
  FAULT_DIES,     /* is killed when the victim waits for its unit */
  FAULT_WAITS,    /* waits for one unit more than there are, since before the call */
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
  gboolean uses_all_slots; /* other threads of the victim use all slots of the segment, so that
                            * the call has to enlarge it */
  gboolean is_in_child; /* the call is made in a child of the victim */
  gboolean opens;       /* the call makes an object ... */
  SsemAccessMode mode;  /* ... or opens another key, in that mode */
  int takes;            /* how many units more the victim holds if it succeeds */
  int total;            /* the number of all units that the call sets; 0: none */
  gboolean closes;      /* the call closes the key */
  gboolean changes_key;
  int error;            /* the error of the call without a fault; 0: success */
  gboolean is_of_gio;   /* the error is a GIOErrorEnum */
} FaultScenario;

/* What the victim and the test share. */
typedef struct
{
  FaultWindow window;
  gboolean is_ok;
  gboolean is_of_gio;
  int code;
  int last;   /* the result of get_error (), or -1 without an object */
  char message[512];
} FaultOutcome;

struct _FaultRun
{
  Fixture *fixture;
  const FaultScenario *scenario;
  gboolean is_killed; /* the victim ends by SIGKILL, and does not quit */
  FaultInjector injector;
  FaultOutcome *outcome;
  int socket;

  /* In the test. */
  Helper *neighbour;  /* lives through several runs */
  gboolean neighbour_is_open;
  gboolean neighbour_has_acted;
  pid_t victim;
  int total;
  int neighbour_holds;
  int victim_holds;   /* together with its parent, if it is a child */
  gboolean victim_is_attached;
  gboolean is_there;  /* there is a semaphore */

  /* In the victim. */
  SsemSystemSemaphore *object;
  int n_files;
};

/* Returns the other key of a scenario that changes the key. */
char                *fault_run_other_key (FaultRun        *self);

/* Opens the key, in the victim. */
SsemSystemSemaphore *fault_run_open      (FaultRun        *self,
                                          SsemAccessMode   mode,
                                          int              initial_value,
                                          GError         **error);

/* Runs the scenario with the fault that self->injector names, and checks what must hold. */
void                 fault_run           (FaultRun        *self);

G_END_DECLS
