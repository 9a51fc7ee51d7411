/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* What a release pays with: holds of the process, as far as they go; the rest is created. */
typedef struct
{
  GArray *items;    /* the holds */
  gint64 n_created;
} SsemEtcdPayment;

/* A hold to pay with. */
typedef struct
{
  char *name;
  gint64 mod_revision;
  gint64 units;
  gint64 n_paid;
  gboolean is_name_used_up; /* it must not be used again */
} SsemEtcdPaymentItem;

void    ssem_etcd_payment_init      (SsemEtcdPayment    *self);
void    ssem_etcd_payment_clear     (SsemEtcdPayment    *self);

/* Begins again, with nothing. */
void    ssem_etcd_payment_reset     (SsemEtcdPayment    *self);

/* Chooses holds of the process for @n units: one of just that size if there is one, else the last
 * ones first. If one transaction cannot have so many, the payment is less. */
void    ssem_etcd_payment_choose    (SsemEtcdPayment    *self,
                                     SsemEtcdSemaphore  *semaphore,
                                     gint64              n);

/* Chooses a hold that is none of the semaphore's list. */
void    ssem_etcd_payment_add       (SsemEtcdPayment    *self,
                                     const char         *name,
                                     gint64              units,
                                     gint64              mod_revision);

/* Returns the units of all. */
gint64  ssem_etcd_payment_get_units (SsemEtcdPayment    *self);

/* Adds comparisons and operations to @txn. */
void    ssem_etcd_payment_add_to    (SsemEtcdPayment    *self,
                                     SsemEtcdSemaphore  *semaphore,
                                     SsemEtcdTxn        *txn);

/* The transaction was applied, at @revision. */
void    ssem_etcd_payment_apply     (SsemEtcdPayment    *self,
                                     SsemEtcdSemaphore  *semaphore,
                                     gint64              revision);

/* Whether it is one hold as a whole, and nothing else. */
gboolean ssem_etcd_payment_is_one_hold (const SsemEtcdPayment *self);

/* Of such a payment: the path of the hold. */
char   *ssem_etcd_payment_get_path  (const SsemEtcdPayment *self,
                                     SsemEtcdSemaphore  *semaphore);
/* Its name is not used again. */
void    ssem_etcd_payment_use_up_name (SsemEtcdPayment  *self);

/* The view is fresh: whether one of the holds is not there any more, or is another. */
gboolean ssem_etcd_payment_is_gone  (SsemEtcdPayment    *self,
                                     SsemEtcdSemaphore  *semaphore);

/* The view is fresh: drops the holds that are not there any more, because a reset has forgotten
 * them. */
void    ssem_etcd_payment_drop_gone (SsemEtcdPayment    *self,
                                     SsemEtcdSemaphore  *semaphore);

G_END_DECLS
