/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

#include <linux/seccomp.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Which system calls are made to fail, and how. */

#define FAULT_MAX_ERRORS 14

/* A system call that is about to be made. */
typedef struct
{
  pid_t thread;
  pid_t process;      /* the one that the library is watched in */
  const char *folder; /* the folder of keys: what lies elsewhere is not the library's */
  const struct seccomp_data *data;
} FaultCall;

typedef struct
{
  const char *name;
  long number;
  gboolean (* applies) (const FaultCall *call); /* NULL: always */
  int errors[FAULT_MAX_ERRORS];                 /* 0 at the end */

  /* What it is for is not what was asked for: the call must end as if nothing had failed. */
  gboolean is_absorbed;
  /* It removes, or decides whether to: what it leaves is cleared away by the next user. */
  gboolean is_removal;
  /* The caller is about to wait for units. */
  gboolean is_wait;
} FaultRow;

extern const FaultRow fault_rows[];
extern const guint fault_n_rows;

/* The row that the call belongs to, or -1 for one that cannot fail or that is not the library's, or
 * -2 for one that nobody has thought of. */
int      fault_find_row (const FaultCall *call);

/* Whether @error, from the row's system call, may be reported as @code. */
gboolean fault_may_be   (const FaultRow           *row,
                         int                       error,
                         SsemSystemSemaphoreError  code);

G_END_DECLS
