/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-names-private.h"
#include "ssem-etcd-request-private.h"

G_BEGIN_DECLS

/* What a process knows of the records of one semaphore. It is a hint: every transaction compares
 * what it relies on, so an old view costs a round trip, and never a wrong result.
 *
 * Yet one thing holds for a view at any time: as of its revision, it has every hold that exists,
 * and the state. It may have holds and waiters that are gone, because a deletion that nobody has
 * told leaves nothing to compare.
 *
 * Where many wait, the view has only the first ones, or none.
 */
typedef struct
{
  char *name;
  gint64 units;
  gint64 since_usec;
  gint64 lease;
  gint64 create_revision;
  gint64 mod_revision;
  GList link; /* of a waiter: in the queue */
} SsemEtcdEntry;

typedef struct
{
  const SsemEtcdNames *names;

  gint64 revision;       /* 0: nothing is known */
  gint64 read_revision;  /* of the last complete answer */
  gint64 event_revision; /* of the last event of a watch */
  gboolean is_live;      /* a watch tells what changes */

  /* The state; 0 where there is none. */
  gint64 state_create_revision;
  gint64 state_mod_revision;
  gint64 total;
  gint64 epoch;
  gint64 initial;

  gint64 dispatcher;     /* the lease of the process that serves a long queue; 0: none */
  gint64 dispatcher_revision; /* of its record */

  GHashTable *holds;     /* of SsemEtcdEntry, by name */
  gint64 n_held;
  GHashTable *waiters;   /* the same */
  GQueue queue;          /* of the waiters, the first one first */
  gint64 n_waiters;      /* at the last answer, with those that are not in the view */
  gboolean is_partial;   /* it had some that are not in the view */
} SsemEtcdView;

void           ssem_etcd_view_init          (SsemEtcdView         *self,
                                             const SsemEtcdNames  *names);
void           ssem_etcd_view_clear         (SsemEtcdView         *self);

/* Which of those who wait an answer has. It counts all. */
typedef enum
{
  SSEM_ETCD_WAITERS_ANY,   /* one, if there is one */
  SSEM_ETCD_WAITERS_FEW,   /* all, if they are few; else some */
  SSEM_ETCD_WAITERS_FIRST, /* the first ones: the server has to look at all */
  SSEM_ETCD_WAITERS_ALL,
} SsemEtcdWaiters;

/* How many WAITERS_FIRST are. */
#define SSEM_ETCD_N_FIRST 32

/* Adds the ranges of ssem_etcd_view_read () to a branch: three operations. With at most @n_holds of
 * the holds; 0: all. */
void           ssem_etcd_view_add_ranges    (const SsemEtcdNames  *names,
                                             SsemEtcdTxn          *txn,
                                             SsemEtcdBranch        branch,
                                             guint                 n_holds,
                                             SsemEtcdWaiters       waiters);

/* Takes over what a transaction has answered, from the response at @index on. @revision is that of
 * the answer. Returns FALSE if more is known already, or the answer does not have all holds: then it
 * tells a view that is not live how many wait, and who dispatches. */
gboolean       ssem_etcd_view_read          (SsemEtcdView         *self,
                                             JsonObject           *reply,
                                             guint                 index,
                                             gint64                revision);

/* Takes over the "kvs" of one range over all records. */
void           ssem_etcd_view_read_all      (SsemEtcdView         *self,
                                             JsonArray            *kvs,
                                             gint64                revision);

/* Takes over the waiters alone, from a range with the first ones. The revision stays as it is. */
void           ssem_etcd_view_read_queue    (SsemEtcdView         *self,
                                             JsonObject           *reply);

/* Takes over who dispatches, from the range of the state. */
void           ssem_etcd_view_read_dispatcher (SsemEtcdView       *self,
                                             JsonObject           *response);

/* Takes over a change of which a watch has told. Its revision becomes the view's. */
void           ssem_etcd_view_apply         (SsemEtcdView         *self,
                                             SsemEtcdRecordKind    kind,
                                             const char           *name,
                                             const SsemEtcdRecord *record,
                                             gboolean              is_deleted);

/* What this process has changed itself, with the revision of the change. A total that the view has
 * already stays. */
void           ssem_etcd_view_put_total     (SsemEtcdView         *self,
                                             gint64                total,
                                             gint64                revision);
void           ssem_etcd_view_put_hold      (SsemEtcdView         *self,
                                             const char           *name,
                                             gint64                units,
                                             gint64                revision);
void           ssem_etcd_view_put_waiter    (SsemEtcdView         *self,
                                             const char           *name,
                                             gint64                units,
                                             gint64                revision);
void           ssem_etcd_view_remove_hold   (SsemEtcdView         *self,
                                             const char           *name);
void           ssem_etcd_view_remove_waiter (SsemEtcdView         *self,
                                             const char           *name);

static inline gint64
ssem_etcd_view_get_free (const SsemEtcdView *self)
{
  return self->total - self->n_held;
}

G_END_DECLS
