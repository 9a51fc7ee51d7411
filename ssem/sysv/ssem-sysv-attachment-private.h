/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/ssem-types.h"
#include "ssem/sysv/ssem-sysv-file-private.h"
#include "ssem/sysv/ssem-sysv-ledger-private.h"

#include <glib.h>

G_BEGIN_DECLS

/* This process's attachment to one semaphore, shared by all its instances of the key.
 *
 * Its design note is in ssem-sysv-attachment.c. Functions answer 0 or -errno.
 */
typedef struct
{
  guint64 lineage; /* constant after init */
  int n_users;     /* under the registry's lock */
  SsemSysvLedger ledger;
} SsemSysvAccount;

typedef struct _SsemSysvAttachment SsemSysvAttachment;

struct _SsemSysvAttachment
{
  char *key;   /* constant after init */
  char *path;  /* constant after init */
  char *place; /* constant after init; the same for each spelling of the path */

  /* Under the registry's lock. */
  int n_instances;
  int n_references;
  int fd;     /* -1 when not attached */
  SsemFileIdentity identity; /* of fd's file */
  SsemSysvAttachment *next_at_exit;

  /* Written with gate held; read by anybody after ssem_sysv_attachment_ready (). */
  GMutex gate;
  SsemSysvRecord *record;
  SsemSysvAccount *account;
  guint64 lineage;
  int set;
  atomic_uint fork_count; /* of the process that it is the attachment of */
};

/* To be called before the others. */
void ssem_sysv_attachment_init  (void);

/* Attaches as @mode says and counts an instance. -EEXIST and -ENOENT as the mode has it, -ERANGE
 * for an initial value past the maximum. */
int  ssem_sysv_attachment_open  (const char          *key,
                                 int                  initial_value,
                                 SsemAccessMode       mode,
                                 SsemSysvAttachment **attachment);

/* An instance goes; with the last one the process detaches, and the last process removes the
 * semaphore. The memory stays until the reference is given back, too. */
void ssem_sysv_attachment_close (SsemSysvAttachment  *self);
void ssem_sysv_attachment_unref (SsemSysvAttachment  *self);

int  ssem_sysv_attachment_attach_child (SsemSysvAttachment *self);

/* To be called before the set is used: a forked child attaches here. */
static inline int
ssem_sysv_attachment_ready (SsemSysvAttachment *self)
{
  /* Acquire: pairs with the release in attach_child (). */
  if (G_LIKELY (atomic_load_explicit (&self->fork_count, memory_order_acquire) ==
                ssem_fork_count ()))
    return 0;

  return ssem_sysv_attachment_attach_child (self);
}

void ssem_sysv_attachment_finish_reset (SsemSysvAttachment *self);

/* The epoch that an operation is about to run in. */
static inline guint16
ssem_sysv_attachment_get_epoch (SsemSysvAttachment *self)
{
  guint32 epoch = atomic_load_explicit (&self->record->epoch, memory_order_relaxed);

  if (G_UNLIKELY ((epoch & 1) != 0))
    {
      ssem_sysv_attachment_finish_reset (self);
      epoch = atomic_load_explicit (&self->record->epoch, memory_order_relaxed);
    }

  return (guint16) epoch & ~1;
}

/* Books @delta units that were acquired (positive) or are about to be released (negative), and
 * answers the change of the kernel's undo count that this asks for. */
static inline int
ssem_sysv_attachment_book (SsemSysvAttachment *self,
                           guint16             epoch,
                           int                 delta)
{
  return ssem_sysv_ledger_move (&self->account->ledger, epoch, delta);
}

/* How far the undo count is from its limit, as far as is booked. */
int     ssem_sysv_attachment_get_room  (SsemSysvAttachment *self);

G_END_DECLS
