/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fault-table.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* Answers system calls of another process, in the kernel's place.
 *
 * The other process, the victim, puts itself under a filter of seccomp(2) that asks for each system
 * call (SECCOMP_RET_USER_NOTIF), and sends the descriptor on which the kernel asks. A thread of the
 * test's reads there. It lets the kernel go on, or answers an error, in which case the call is not
 * made. This sees what the C library does on behalf of the library, every thread, and the children
 * that are forked; and it needs to know nothing of the machine's registers.
 */

#define FAULT_MAX_ROWS 64

/* In memory that the test and the victim share. Calls count while it is armed. */
typedef struct
{
  atomic_bool is_armed;
  atomic_int process; /* whose main thread's reading and polling is not the library's */
} FaultWindow;

typedef struct
{
  /* What to do; constant while it runs. Row -1: nothing, just count. */
  int row;
  guint occurrence; /* from 1 on */
  int error;

  /* What was seen; to be read after fault_injector_finish (). */
  guint n_seen[FAULT_MAX_ROWS];
  atomic_bool has_injected; /* may be asked for at any time, as the next one */
  atomic_bool has_waited;   /* somebody has come to where units are waited for */
  int unknown;      /* the number of a system call that no row knows, or -1 */

  FaultWindow *window;
  const char *folder;
  int fd;
  GThread *thread;
} FaultInjector;

/* FALSE where this system cannot do it. */
gboolean fault_injector_is_supported (void);

/* In the victim: from here on each system call is asked for. @socket leads to who answers. */
gboolean fault_submit                (int            socket);

/* In the test: receives the descriptor and starts answering. */
void     fault_injector_start        (FaultInjector *self,
                                      FaultWindow   *window,
                                      const char    *folder,
                                      int            socket);

/* Returns when the last process under the filter is gone. */
void     fault_injector_finish       (FaultInjector *self);

G_END_DECLS
