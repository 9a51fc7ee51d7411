/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Takes several units together from a semaphore of a system that gives out one unit at a time.
 * ssem-collect.c explains the design.
 *
 * An int result is 0, SSEM_COLLECT_TOO_FEW, or an error number of the system as the functions of
 * the class return it.
 */

/* There are too few units, or the wait is over. No system has this error number. */
#define SSEM_COLLECT_TOO_FEW G_MAXINT

/* How long a collector waits for another collector. */
#define SSEM_COLLECT_COURTESY_MSEC 20

/* What a system has to provide. A @waiting is what the system knows of a wait: how long it may
 * take, and what calls it off. */
typedef struct
{
  int      (* get_value)      (gpointer  semaphore,
                               int      *value);

  /* Takes one unit without waiting. */
  int      (* take_one)       (gpointer  semaphore);

  /* Puts back @n units that were collected. */
  void     (* give_back)      (gpointer  semaphore,
                               int       n);

  /* Keeps other collectors away until unlock (). Returns SSEM_COLLECT_TOO_FEW if another collector
   * is still there after SSEM_COLLECT_COURTESY_MSEC. With @waiting NULL, it may return that
   * immediately. An owner that dies or is stopped keeps no other collector from collecting. */
  int      (* lock)           (gpointer  semaphore,
                               gpointer  waiting);
  void     (* unlock)         (gpointer  semaphore);

  /* Begins to listen for units that are added from now on. */
  void     (* listen)         (gpointer  semaphore);

  /* Waits until units were added since listen (), or for @at_most_msec, or until the wait is over.
   * It may return too early. */
  void     (* wait_for_units) (gpointer  semaphore,
                               gpointer  waiting,
                               int       at_most_msec);

  /* Waits for a random time of less than @at_most_msec, or until the wait is over. */
  void     (* stay_away)      (gpointer  semaphore,
                               gpointer  waiting,
                               int       at_most_msec);

  gboolean (* is_over)        (gpointer  waiting);
} SsemCollectClass;

/* Takes @n units together, or none. Does not wait for units. */
int ssem_collect_try  (const SsemCollectClass *klass,
                       gpointer                semaphore,
                       int                     n);

/* Takes @n units together, and waits for them. Returns SSEM_COLLECT_TOO_FEW if the wait is over. */
int ssem_collect_wait (const SsemCollectClass *klass,
                       gpointer                semaphore,
                       int                     n,
                       gpointer                waiting);

G_END_DECLS
