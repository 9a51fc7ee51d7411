/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* The transactions of an acquire: that with which it begins, and those that change its records. */

typedef enum
{
  SSEM_ETCD_LEVEL_NONE,    /* nothing was put: the ranges, if any, are the first responses */
  SSEM_ETCD_LEVEL_FIRST,   /* a hold was put, which counts */
  SSEM_ETCD_LEVEL_BLOCKED, /* a waiter was put; the ranges follow in the answer */
  SSEM_ETCD_LEVEL_OVER,    /* a hold was put, which may be one too many; the ranges follow */
  SSEM_ETCD_LEVEL_WAIT,    /* a waiter was put; the ranges follow */
  SSEM_ETCD_LEVEL_ENQUEUE, /* a waiter was put; the range of the state follows */
} SsemEtcdLevel;

#define SSEM_ETCD_MAX_LEVELS 3

typedef struct
{
  SsemEtcdLevel levels[SSEM_ETCD_MAX_LEVELS]; /* from the outermost */
  guint n_levels;
  gboolean has_ranges; /* also where nothing was put */
  guint n_missed; /* how often nothing was put; 0 at first */
} SsemEtcdAttempt;

/* Writes the transaction for @units under the new name @name. With @is_try it never puts a waiter,
 * and minds none. */
SsemEtcdTxn *ssem_etcd_attempt_build (SsemEtcdAttempt    *self,
                                      SsemEtcdSemaphore  *semaphore,
                                      const char         *name,
                                      int                 units,
                                      gboolean            is_try);

/* Returns the part of @reply of the level that was done; NULL if the reply is malformed. */
JsonObject  *ssem_etcd_attempt_find  (SsemEtcdAttempt    *self,
                                      JsonObject         *reply,
                                      SsemEtcdLevel      *level);

/* The others have two operations, and then the ranges; in the other branch, the ranges alone. */

/* Takes the units for @waiter, which are free. */
SsemEtcdTxn *ssem_etcd_attempt_build_take    (SsemEtcdSemaphore    *semaphore,
                                              const SsemEtcdEntry  *waiter);

/* Turns a hold that is one too many, of @over_revision, into a waiter. */
SsemEtcdTxn *ssem_etcd_attempt_build_convert (SsemEtcdSemaphore    *semaphore,
                                              const char           *name,
                                              int                   units,
                                              gint64                over_revision);

/* Removes that hold, or the waiter that it has become. */
SsemEtcdTxn *ssem_etcd_attempt_build_remove  (SsemEtcdSemaphore    *semaphore,
                                              const char           *name,
                                              gint64                over_revision);

/* Reads the waiter record @name, and then the ranges. Changes nothing. */
SsemEtcdTxn *ssem_etcd_attempt_build_look    (SsemEtcdSemaphore    *semaphore,
                                              const char           *name);

G_END_DECLS
