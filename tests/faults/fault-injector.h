/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fault-table.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* Answers system calls of another process, in place of the kernel.
 *
 * The other process, the victim, installs a filter of seccomp(2) that asks for each system call
 * (SECCOMP_RET_USER_NOTIF), and sends the descriptor on which the kernel asks. A thread of the test
 * reads there. The thread lets the kernel continue, or answers an error; then the call is not made.
 * This covers calls of the C library, every thread, and forked children, and it does not depend on
 * the registers of the machine.
 */

#define FAULT_MAX_ROWS 64

/* In memory that the test and the victim share. System calls count while @is_armed. */
typedef struct
{
  atomic_bool is_armed;
  atomic_int process; /* its main thread reads and polls for itself, not for the library */
} FaultWindow;

typedef struct
{
  /* The fault, constant during a run. Row -1: no fault, only counts. */
  int row;
  guint occurrence; /* from 1 on */
  int error;

  /* What was seen: to be read after fault_injector_finish (). */
  guint n_seen[FAULT_MAX_ROWS];
  atomic_bool has_injected; /* may be read at any time, like has_waited */
  atomic_bool has_waited;   /* the victim is about to wait for units */
  int unknown;              /* the number of a system call that no row knows, or -1 */

  FaultWindow *window;
  const char *directory;
  int fd;
  GThread *thread;
} FaultInjector;

/* Returns FALSE where the system forbids this. */
gboolean fault_injector_is_supported (void);

/* In the victim: installs the filter, and sends the descriptor to the test on @socket. */
gboolean fault_submit                (int            socket);

/* In the test: receives the descriptor and starts answering. */
void     fault_injector_start        (FaultInjector *self,
                                      FaultWindow   *window,
                                      const char    *directory,
                                      int            socket);

/* Waits until the last process under the filter has ended. */
void     fault_injector_finish       (FaultInjector *self);

G_END_DECLS
