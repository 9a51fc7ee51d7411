/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The records of one semaphore in the cluster, all below PREFIX KEY/, where KEY is percent-encoded:
 *
 *   state         {"total":T,"epoch":E,"initial":I}   no lease
 *   state/dispatcher {}   of the process that serves a long queue: ssem-etcd-dispatcher.c
 *   member/LEASE  {"host":...,"pid":...,"pid-space":...,"command":...,"since":...}
 *   lingerer/LEASE the same, of a process that has left and still holds units
 *   hold/NAME     {"units":U,"since":S}
 *   waiter/NAME   {"units":U,"since":S}
 *
 * LEASE is the lease of a process: 16 hexadecimal digits. NAME is LEASE-N, where N is a number that
 * the process uses for one acquire at a time. All but the state are bound to the lease.
 * "since" is wall-clock time in microseconds, for people.
 *
 * The value of the semaphore is the total less the units of all holds. The create revision of a
 * waiter is its place in the queue.
 */
typedef struct
{
  char *base;        /* with a "/" at the end */
  char *end;         /* of the range of all records */
  char *state;
  char *dispatcher;
  char *state_end;   /* of the range of the state and the dispatcher */
  char *members;     /* each of these with a "/" at the end */
  char *members_end;
  char *lingerers;
  char *holds;
  char *holds_end;
  char *waiters;
  char *waiters_end;
} SsemEtcdNames;

typedef enum
{
  SSEM_ETCD_RECORD_UNKNOWN,
  SSEM_ETCD_RECORD_STATE,
  SSEM_ETCD_RECORD_DISPATCHER,
  SSEM_ETCD_RECORD_MEMBER,
  SSEM_ETCD_RECORD_LINGERER,
  SSEM_ETCD_RECORD_HOLD,
  SSEM_ETCD_RECORD_WAITER,
} SsemEtcdRecordKind;

void               ssem_etcd_names_init       (SsemEtcdNames        *self,
                                               const char           *prefix,
                                               const char           *key);
void               ssem_etcd_names_clear      (SsemEtcdNames        *self);

/* Says what record @path is, and sets @name to the part after "member/", "hold/" or "waiter/". */
SsemEtcdRecordKind ssem_etcd_names_classify   (const SsemEtcdNames  *self,
                                               const char           *path,
                                               const char          **name);

/* A number for the name space of this process's ID; 0 where there is only one. */
guint64            ssem_etcd_get_pid_space    (void);

/* The number after "NAME": in the value of a record; -1 if there is none. Values are JSON objects
 * of numbers, and of strings that the reader does not need. */
gint64             ssem_etcd_names_get_number (const char           *value,
                                               const char           *name);

/* The value of a hold or a waiter. */
char              *ssem_etcd_names_units      (gint64                units,
                                               gint64                since_usec);

char              *ssem_etcd_names_state      (gint64                total,
                                               gint64                epoch,
                                               gint64                initial);

G_END_DECLS
