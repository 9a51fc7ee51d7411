/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-session-private.h"
#include "ssem-etcd-view-private.h"

G_BEGIN_DECLS

/* One semaphore, as a session uses it. All of this belongs to the I/O thread. */
typedef struct _SsemEtcdSemaphore SsemEtcdSemaphore;

/* If more acquires wait, one process serves them all: see ssem-etcd-dispatcher.c. */
#define SSEM_ETCD_MANY_WAITERS 32

/* What the process holds: each hold is a record in the cluster. */
typedef struct
{
  char *name;
  gint64 units;
  gint64 mod_revision;
  GList link;
} SsemEtcdHold;

/* An acquire that has a waiter record, or is about to have one. */
typedef struct _SsemEtcdWait SsemEtcdWait;

typedef enum
{
  SSEM_ETCD_WAIT_GRANTED, /* another process has given it the units; see granted_revision */
  SSEM_ETCD_WAIT_GONE,    /* its record is gone, and the view does not say why */
  SSEM_ETCD_WAIT_FITS,    /* the units are free, and it is its turn */
} SsemEtcdWaitNews;

/* A name for a hold and its waiter, which has been used, and is not any more. */
typedef struct
{
  char *text;
  gint64 revision;        /* when nothing of that name was there any more */
} SsemEtcdName;

struct _SsemEtcdWait
{
  char *name;             /* owned */
  gint64 since_revision;  /* what has that name up to here is of an earlier use */
  int units;
  gboolean is_idle;       /* the record exists, and no request of the acquire is under way */
  gint64 granted_revision; /* 0, or of the transaction of another process */
  gint64 over_revision;   /* 0, or of a hold of that name that is one too many */
  GSource *turn;          /* NULL, or the time at which it may take the units out of its turn */
  SsemEtcdSemaphore *semaphore;
  void (* wake) (SsemEtcdWait *self, SsemEtcdWaitNews news);
};

/* An operation that is under way. */
typedef struct _SsemEtcdActivity SsemEtcdActivity;

struct _SsemEtcdActivity
{
  SsemEtcdSemaphore *semaphore; /* a reference */
  guint generation;             /* of the lease that its last request was for */
  GList link;
  /* The lease has ended. May free the activity. NULL: nothing is done before the reply, which comes
   * in any case. */
  void (* lose) (SsemEtcdActivity *self);
};

/* A call that waits for something. */
typedef struct
{
  SsemEtcdTaskFunc func;
  gpointer data;
} SsemEtcdCall;

SsemEtcdCall      *ssem_etcd_call_new         (SsemEtcdTaskFunc         func,
                                               gpointer                 data);
void               ssem_etcd_call_run         (SsemEtcdCall            *self);

/* @failure is 0, or a SsemFailure or an error number of ssem-etcd-failure-private.h. */
typedef void (* SsemEtcdJoinedFunc) (gpointer data, int failure);

struct _SsemEtcdSemaphore
{
  int references;
  SsemEtcdSession *session; /* constant */
  char *key;                /* constant */
  SsemEtcdNames names;      /* constant */
  GPtrArray *instances;     /* of SsemInstance */
  GQueue activities;
  guint n_busy;             /* acquires and releases among them */
  GQueue idlers;            /* calls that wait for the end of these */
  guint n_unsettled;        /* acquires that have failed, and may still have units in the cluster */
  GQueue settlers;          /* calls that wait for the end of those */

  /* Membership. */
  gint64 incarnation;       /* the create revision of the state; 0: not known yet */
  guint generation;         /* of the lease of the member record; 0: there is none */
  char *member_path;        /* of that lease */
  char *member_value;
  gint64 member_revision;
  gboolean is_removed;      /* somebody has removed it from outside */
  gboolean is_kept;         /* membership has a reference */

  /* Who changes the member record. */
  gboolean is_locked;
  GQueue lockers;

  SsemEtcdView view;

  GQueue holds;             /* of SsemEtcdHold, the last one first */
  gint64 n_held;
  gint64 n_credit;          /* units that the process has created, and not acquired since */
  gint64 credit_epoch;      /* a reset begins another epoch, and forgets them */
  gint64 n_lost;            /* units held when a lease ended, and not released since */
  GQueue releases;          /* one after the other: the first one is under way */
  GQueue free_names;        /* of SsemEtcdName, all of one lease */

  gboolean has_long_queue;  /* so many wait that the process does not watch them all */

  gboolean is_serving;      /* see ssem-etcd-serve.c */
  gboolean is_changing_dispatcher; /* the process is about to become it, or to resign */
  gint64 stuck_revision;    /* of the view with which the dispatcher could serve nobody */
  gint64 looked_hold;       /* the newest hold at the last look; 0: nothing was free */

  GHashTable *waits;        /* of SsemEtcdWait, by name */
  SsemEtcdWatch *watch;
  SsemEtcdWatch *members_watch; /* NULL, or of the member records, in a long queue */
  GSource *look_timer;
  gboolean is_watching_own; /* the watch is for what the process holds, and not for everything */
  guint watch_generation;   /* of the lease whose holds it is for */
  GSource *watch_timer;     /* while there is a watch */
  gint64 used_usec;         /* when the watch was last of use */
  gint64 looked_usec;
  gboolean is_looking;
};

/* Makes one that the session does not know. */
SsemEtcdSemaphore *ssem_etcd_semaphore_new    (SsemEtcdSession         *session,
                                               const char              *key);

/* Returns the semaphore of @key, with a reference. */
SsemEtcdSemaphore *ssem_etcd_semaphore_get    (SsemEtcdSession         *session,
                                               const char              *key);
SsemEtcdSemaphore *ssem_etcd_semaphore_ref    (SsemEtcdSemaphore       *self);
void               ssem_etcd_semaphore_unref  (SsemEtcdSemaphore       *self);

/* Takes the semaphore out of the session, so that the next one to open the key makes another. It is
 * kept no longer, so the caller has a reference. */
void               ssem_etcd_semaphore_forget (SsemEtcdSemaphore       *self);

/* A semaphore of which the process is a member, or holds units, stays, also without an instance. */
void               ssem_etcd_semaphore_keep   (SsemEtcdSemaphore       *self);
void               ssem_etcd_semaphore_unkeep (SsemEtcdSemaphore       *self);

static inline gboolean
ssem_etcd_semaphore_is_joined (SsemEtcdSemaphore *self)
{
  return self->generation != 0 && self->generation == self->session->generation &&
         ssem_etcd_session_check (self->session);
}

/* Whether this process serves the long queue for all: see ssem-etcd-dispatcher.c. */
static inline gboolean
ssem_etcd_semaphore_is_dispatcher (SsemEtcdSemaphore *self)
{
  return self->view.dispatcher != 0 && self->view.dispatcher == self->session->lease &&
         ssem_etcd_semaphore_is_joined (self);
}

/* --- Activities --- */

void               ssem_etcd_activity_begin   (SsemEtcdActivity        *self,
                                               SsemEtcdSemaphore       *semaphore,
                                               void                  (* lose) (SsemEtcdActivity *));
void               ssem_etcd_activity_end     (SsemEtcdActivity        *self);

/* The same, for an acquire or a release. */
void               ssem_etcd_activity_begin_busy (SsemEtcdActivity     *self,
                                               SsemEtcdSemaphore       *semaphore,
                                               void                  (* lose) (SsemEtcdActivity *));
void               ssem_etcd_activity_end_busy (SsemEtcdActivity       *self);

/* Calls @func when no acquire and no release is under way, at once if none is. */
void               ssem_etcd_semaphore_call_when_idle (SsemEtcdSemaphore *self,
                                               SsemEtcdTaskFunc         func,
                                               gpointer                 data);

/* An acquire that the program takes for failed begins, or has ended, to give back what it has. */
void               ssem_etcd_semaphore_unsettle (SsemEtcdSemaphore     *self);
void               ssem_etcd_semaphore_settle (SsemEtcdSemaphore       *self);

/* Calls @func when there is no such acquire, at once if there is none: the program expects its
 * units to be back. */
void               ssem_etcd_semaphore_call_when_settled (SsemEtcdSemaphore *self,
                                               SsemEtcdTaskFunc         func,
                                               gpointer                 data);

/* Returns whether the lease is still the one that the last request was for. */
gboolean           ssem_etcd_activity_is_current (SsemEtcdActivity     *self);

/* Sends @txn, which it frees. */
void               ssem_etcd_activity_send    (SsemEtcdActivity        *self,
                                               SsemEtcdTxn             *txn,
                                               SsemEtcdReplyFunc        func,
                                               gpointer                 data);

/* --- Transactions --- */

/* Compares that the member record is as this process wrote it last. Every transaction that writes
 * has this: once the record was written again, no earlier request can still be applied. */
void               ssem_etcd_semaphore_guard  (SsemEtcdSemaphore       *self,
                                               SsemEtcdTxn             *txn);
void               ssem_etcd_semaphore_put_member (SsemEtcdSemaphore   *self,
                                               SsemEtcdTxn             *txn);

/* Compares that the semaphore is the one that this process has joined. */
void               ssem_etcd_semaphore_compare_incarnation (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn);

/* Compares that the state is as the view has it, and that no hold is newer than the view. */
void               ssem_etcd_semaphore_compare_view (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn);
/* Compares that nothing but deletions has come since the revision of the view. The server takes
 * time over each comparison: this is in place of several. */
void               ssem_etcd_semaphore_compare_nothing_new (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn);
void               ssem_etcd_semaphore_compare_no_waiter (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn);
/* The view knows of all those who wait. */
void               ssem_etcd_semaphore_compare_no_new_waiter (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn);
/* Compares that some process serves the queue. */
void               ssem_etcd_semaphore_compare_dispatcher (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn);
void               ssem_etcd_semaphore_compare_hold (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn,
                                               const char              *name,
                                               gint64                   mod_revision);
void               ssem_etcd_semaphore_compare_waiter (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn,
                                               const SsemEtcdEntry     *waiter);
void               ssem_etcd_semaphore_put_hold (SsemEtcdSemaphore     *self,
                                               SsemEtcdTxn             *txn,
                                               const char              *name,
                                               gint64                   units,
                                               gint64                   lease);
void               ssem_etcd_semaphore_put_waiter (SsemEtcdSemaphore   *self,
                                               SsemEtcdTxn             *txn,
                                               const char              *name,
                                               gint64                   units);
void               ssem_etcd_semaphore_put_state (SsemEtcdSemaphore    *self,
                                               SsemEtcdTxn             *txn,
                                               gint64                   total,
                                               gint64                   epoch,
                                               gint64                   initial);
/* Adds to the units that the process has created since the last reset, and not acquired since; or
 * takes at most @n of them, and returns how many. */
void               ssem_etcd_semaphore_add_credit (SsemEtcdSemaphore   *self,
                                               gint64                   n);
gint64             ssem_etcd_semaphore_spend_credit (SsemEtcdSemaphore *self,
                                               gint64                   n);
void               ssem_etcd_semaphore_delete_hold (SsemEtcdSemaphore  *self,
                                               SsemEtcdTxn             *txn,
                                               const char              *name);
void               ssem_etcd_semaphore_delete_waiter (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn,
                                               const char              *name);

/* Adds operations that read everything of interest; in a long queue, without those who wait. */
void               ssem_etcd_semaphore_add_ranges (SsemEtcdSemaphore   *self,
                                               SsemEtcdTxn             *txn,
                                               SsemEtcdBranch           branch);

/* The same without all holds where these are more than there are units, so that some do not count:
 * if a thousand processes begin at the same time, they do not read a thousand holds each. */
void               ssem_etcd_semaphore_add_ranges_if_valid (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn,
                                               SsemEtcdBranch           branch);

/* The same with the first ones of those who wait. */
void               ssem_etcd_semaphore_add_ranges_with_queue (SsemEtcdSemaphore *self,
                                               SsemEtcdTxn             *txn,
                                               SsemEtcdBranch           branch);

/* The body of a request for the first ones of those who wait. */
char              *ssem_etcd_semaphore_queue_body (SsemEtcdSemaphore   *self);

/* Takes over what these operations have answered, from the response at @index on. Returns 0, or the
 * failure of an operation on a semaphore that has been removed. */
int                ssem_etcd_semaphore_read   (SsemEtcdSemaphore       *self,
                                               JsonObject              *reply,
                                               guint                    index,
                                               gint64                   revision);

/* Returns what is free according to such an answer alone; less than 0 if some holds do not
 * count. */
gint64             ssem_etcd_semaphore_get_free_in (SsemEtcdSemaphore  *self,
                                               JsonObject              *reply,
                                               guint                    index);

/* The same for an answer with all records. */
gint64             ssem_etcd_semaphore_get_free_of (SsemEtcdSemaphore  *self,
                                               JsonArray               *kvs);

/* Whether nobody else holds units or waits, as far as the view knows. */
gboolean           ssem_etcd_semaphore_is_alone (SsemEtcdSemaphore     *self);

/* Whether the view has neither a hold nor a waiter @name, because it does not have all. */
gboolean           ssem_etcd_semaphore_is_unknown (SsemEtcdSemaphore   *self,
                                               const char              *name);

/* --- The member record --- */

/* Calls @func when no other activity changes the member record, at once if none does. */
void               ssem_etcd_semaphore_lock   (SsemEtcdSemaphore       *self,
                                               SsemEtcdTaskFunc         func,
                                               gpointer                 data);
void               ssem_etcd_semaphore_unlock (SsemEtcdSemaphore       *self);

/* Makes sure that no request of this process that was sent before is applied from now on, reads the
 * semaphore, and calls @func. The failure is LOST where the lease has ended meanwhile. */
void               ssem_etcd_semaphore_fence  (SsemEtcdSemaphore       *self,
                                               SsemEtcdJoinedFunc       func,
                                               gpointer                 data);

/* --- Names --- */

/* Gives @wait a name of which there is neither a hold nor a waiter, in place of the one that it
 * has. */
void               ssem_etcd_semaphore_take_name (SsemEtcdSemaphore    *self,
                                               SsemEtcdWait            *wait);
/* Takes the name back, of which there is nothing in the view, nor on its way. */
void               ssem_etcd_semaphore_drop_name (SsemEtcdSemaphore    *self,
                                               SsemEtcdWait            *wait);

/* Nothing has the name @text any more at @revision, and no request of this process will put it. */
void               ssem_etcd_semaphore_free_name (SsemEtcdSemaphore    *self,
                                               const char              *text,
                                               gint64                   revision);

/* --- Holds --- */

void               ssem_etcd_semaphore_add_hold (SsemEtcdSemaphore     *self,
                                               const char              *name,
                                               gint64                   units,
                                               gint64                   revision);
/* Returns the hold of that name, or NULL. */
SsemEtcdHold      *ssem_etcd_semaphore_find_hold (SsemEtcdSemaphore    *self,
                                               const char              *name);
void               ssem_etcd_semaphore_drop_hold (SsemEtcdSemaphore    *self,
                                               SsemEtcdHold            *hold);
void               ssem_etcd_semaphore_drop_holds (SsemEtcdSemaphore   *self);

/* --- Waiting --- */

void               ssem_etcd_semaphore_add_wait (SsemEtcdSemaphore     *self,
                                               SsemEtcdWait            *wait);
void               ssem_etcd_semaphore_remove_wait (SsemEtcdSemaphore  *self,
                                               SsemEtcdWait            *wait);

/* The waiter record was put at @revision. In a long queue the answer does not show it. */
void               ssem_etcd_semaphore_note_waiter (SsemEtcdSemaphore  *self,
                                               const SsemEtcdWait      *wait,
                                               gint64                   revision);

/* This process has granted @wait the units itself. */
void               ssem_etcd_semaphore_wake_granted (SsemEtcdWait      *wait);

/* Watches the semaphore, as long as that is of use. */
void               ssem_etcd_semaphore_watch  (SsemEtcdSemaphore       *self);
void               ssem_etcd_semaphore_stop_watching (SsemEtcdSemaphore *self);

/* Wakes the waits whose turn it is. */
void               ssem_etcd_semaphore_evaluate (SsemEtcdSemaphore     *self);

/* Reads everything, and wakes the waits: now, or when @msec have passed and a moment more, so that
 * not all processes look at the same time. */
void               ssem_etcd_semaphore_look   (SsemEtcdSemaphore       *self);
void               ssem_etcd_semaphore_look_later (SsemEtcdSemaphore   *self,
                                               guint                    msec);

G_END_DECLS
