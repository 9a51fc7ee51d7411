/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

#include <linux/seccomp.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The system calls that fail, and their errors. */

#define FAULT_MAX_ERRORS 14

/* A system call that is about to be made. */
typedef struct
{
  pid_t thread;
  pid_t process;      /* the process that calls the library */
  const char *directory; /* of the keys: a path elsewhere is not the library's */
  const struct seccomp_data *data;
} FaultCall;

typedef struct
{
  const char *name;
  long number;
  gboolean (* applies) (const FaultCall *call); /* NULL: always */
  int errors[FAULT_MAX_ERRORS];                 /* 0 at the end */

  /* The library does without it: the call must end as without a fault. */
  gboolean is_absorbed;
  /* It removes a file, or decides about that: the next user removes what it leaves. */
  gboolean is_removal;
  /* The caller is about to wait for units. */
  gboolean is_wait;
} FaultRow;

extern const FaultRow fault_rows[];
extern const guint fault_n_rows;

/* Returns the row of the call, or -1 for a call that cannot fail or is not the library's, or -2 for
 * a system call that the table does not know. */
int      fault_find_row (const FaultCall *call);

/* Returns whether @error of the row's system call may be reported as @code. */
gboolean fault_may_be   (const FaultRow           *row,
                         int                       error,
                         SsemSystemSemaphoreError  code);

G_END_DECLS
