/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* A process that can be led to any point of what it does, by ptrace(2).
 *
 * A victim is forked from the caller, so that all code lies where it lies in the caller. It
 * prepares itself, performs, and is asked for the outcome. What it performs is recorded once,
 * instruction by instruction: a point is an instruction of the library that is the next to be
 * executed, for the n-th time, or the entry or exit of the n-th system call, of whatever code.
 * Another victim that does the same is led to a point by a breakpoint register, which takes some
 * microseconds where counting instructions would take seconds.
 */
typedef struct
{
  /* All three run in the victim. To end there, they call _exit (). */
  void (* prepare) (gpointer data);
  void (* perform) (gpointer data);
  void (* conclude) (gpointer data);
  gpointer data;
} VictimTable;

typedef enum
{
  POINT_INSTRUCTION,
  POINT_ENTRY, /* of a system call, which has not begun */
  POINT_EXIT,  /* of a system call, which is over */
} PointKind;

typedef struct
{
  PointKind kind;
  gsize address; /* of the instruction; 0 for a system call */
  guint n;       /* the how manieth time, from 1 */
} Point;

/* FALSE where this machine or system cannot do it; then @reason says why. */
gboolean tracer_is_supported (const char        **reason);

/* Forks a victim, which stops when it has prepared itself. */
pid_t    tracer_start        (const VictimTable  *table);

/* Runs a prepared victim to the end of what it performs, and answers all points in order, from the
 * library's first instruction to its last. @code is an address in the library. With
 * @is_everywhere, the instructions of all other code between the two are points as well. The victim
 * is there as after tracer_finish (). */
GArray  *tracer_record       (pid_t               victim,
                              gconstpointer       code,
                              gboolean            is_everywhere);

/* The point of @points behind the n-th compare-and-swap in the library, from 1; NULL where there
 * are fewer. */
const Point *tracer_find_swap (GArray             *points,
                               guint               n);

/* Leads a prepared victim to the point, where it stands still. FALSE when it never came there; then
 * it has performed all. */
gboolean tracer_lead         (pid_t               victim,
                              const Point        *point);

/* Kills it where it stands, and waits until it is gone. */
void     tracer_kill         (pid_t               victim);

/* Lets one that stands anywhere go on to the end of what it performs. */
void     tracer_finish       (pid_t               victim);

/* Delivers the signal to one that stands at a point, and lets it go on to the end of what it
 * performs. With @is_again, the signal comes a second time when the victim comes to the same
 * instruction once more, in the handler or after it. */
void     tracer_interrupt    (pid_t               victim,
                              int                 number,
                              gboolean            is_again);

/* Lets one that has performed all conclude; answers its exit status. */
int      tracer_conclude     (pid_t               victim);

char    *point_to_string     (const Point        *point,
                              gconstpointer       code);

G_END_DECLS
