/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-acquire-private.h"
#include "ssem/shm/ssem-shm-port-private.h"
#include "ssem/shm/ssem-shm-slot-private.h"
#include "tests/conformance/counter-fast.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

G_BEGIN_DECLS

/* A port of ssem/shm for tests: threads play processes, on memory of this process.
 *
 * A process dies by a jump out of whatever its thread was doing: nothing after that point runs, and
 * nothing is cleaned up. The thread then plays its death, and may play another process. A process
 * dies at a chosen function of the port, while it sleeps, or at any instruction (by a signal).
 */

/* Where a process can be told to die. */
typedef enum
{
  PORT_NOWHERE,
  PORT_AT_SLEEP,    /* before it sleeps */
  PORT_AWAKE,       /* after it was woken, before it looks again */
  PORT_AT_WAKE,     /* before it wakes others */
  PORT_AT_QUESTION, /* before it asks whether another process is alive */
  PORT_N_POINTS,
} PortPoint;

typedef struct _PortWorld PortWorld;

/* A process. The first field is what the core knows of it. */
typedef struct
{
  SsemShmMember parent;
  PortWorld *world;          /* constant after init */
  guint64 id;                /* constant after init */
  SsemShmSlots slots;
  SsemShmAcquirer acquirer;
  SsemShmSlotHandle *handle; /* of the thread that plays it */
  atomic_bool is_closed;

  /* Where it dies: at the n-th time that its thread passes the point. Its own thread's. */
  PortPoint die_at;
  int die_after;

  gboolean never_operates;   /* set before it runs: it can only look for the dead */
  gboolean is_interruptible; /* set before it runs: port_process_interrupt () ends its waits */

  atomic_bool must_die;      /* set by port_process_kill () */
  atomic_bool is_mortal;     /* in port_process_run () */
  volatile sig_atomic_t n_in_port; /* its own thread's: how deep it is in functions of the port */
  pthread_t thread;
  sigjmp_buf grave;
} PortProcess;

typedef void (*PortFunc) (PortProcess *self,
                          gpointer     data);

/* Prepares the core and the port. Call it once. ThreadSanitizer allows no jump out of a signal
 * handler: with it, there are no signals. */
void         port_init             (gboolean     uses_signals);

/* A world has one segment and its processes. In a timeless world no deadline ever comes: a waiter
 * that is not woken sleeps until the world says that a wake-up was lost. One process, which never
 * dies, watches for deaths if @is_watched. */
PortWorld   *port_world_new        (int          initial_value,
                                    guint32      n_slots,
                                    gboolean     is_timeless,
                                    gboolean     is_watched);

/* Checks that the dead leave nothing, and that the value is @expected in the end. */
void         port_world_free       (PortWorld   *self,
                                    int          expected);

SsemShmSegment *port_world_get_segment (PortWorld *self);

/* Returns how often the segment was enlarged. */
int          port_world_get_n_grown (PortWorld  *self);

/* Makes each question about @process fail; about none if that is NULL. Not while others ask. */
void         port_world_set_unknown  (PortWorld   *self,
                                      PortProcess *process);

/* Waits until @n processes are asleep, and nothing is left that would wake them. */
void         port_world_wait_asleep (PortWorld  *self,
                                     int         n);

/* Creates a process, which is alive. */
PortProcess *port_process_new      (PortWorld   *world);

/* Makes the process watch for deaths, as a waiter does. */
void         port_process_watch    (PortProcess *self);

/* Runs @func as the process, in this thread, until @func returns or the process dies. Returns
 * whether it survived. */
gboolean     port_process_run      (PortProcess *self,
                                    PortFunc     func,
                                    gpointer     data);

/* Makes a process die that another thread runs: in its sleep, or at the instruction that it is at.
 * A process that does not sleep must not end meanwhile, which frees it. */
void         port_process_kill     (PortProcess *self);

/* Interrupts the sleep of a process that another thread runs, as a signal handler does. */
void         port_process_interrupt (PortProcess *self);

/* Ends the process in order, or, if it holds units, by its death. Frees it. */
void         port_process_end      (PortProcess *self);

/* Plays the death of a process that no thread runs: others see it as dead, and the watchers notice.
 * Frees it. */
void         port_process_bury     (PortProcess *self);

/* Waits until the watchers have looked for all who have been buried. */
void         port_world_wait_noticed (PortWorld *self);

/* --- What processes do --- */

/* Return what ssem_shm_acquirer_try () and ssem_shm_acquirer_wait () do. */
int          port_try              (PortProcess *self,
                                    int          n);
int          port_acquire          (PortProcess *self,
                                    int          n,
                                    gint64       timeout_usec);
void         port_release          (PortProcess *self,
                                    int          n);

/* --- Cases in files of their own --- */

void         port_test_interrupted (void);

G_END_DECLS
