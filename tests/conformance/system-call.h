/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The system call that a thread is in, from Linux's /proc. */

typedef enum
{
  SYSTEM_CALL_OTHER,
  SYSTEM_CALL_EXIT, /* of the whole process */
  SYSTEM_CALL_FCNTL,
  SYSTEM_CALL_FUTEX,
  SYSTEM_CALL_READ,
  SYSTEM_CALL_SEMCTL,
  SYSTEM_CALL_SEMGET,
  SYSTEM_CALL_SEMOP, /* or semtimedop(2) */
  SYSTEM_CALL_WRITE,
} SystemCallKind;

typedef struct
{
  SystemCallKind kind;
  guint64 arguments[3];
} SystemCall;

/* @thread is one of @pid, as its directory in /proc/PID/task is called. FALSE where it is in no
 * system call, or gone. */
gboolean system_call_read (pid_t       pid,
                           const char *thread,
                           SystemCall *call);

/* Whether an emulator of another machine runs this process. */
gboolean system_call_is_emulated (void);

G_END_DECLS
