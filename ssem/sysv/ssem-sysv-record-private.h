/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The record in the key file: what processes know of a semaphore beside the kernel's set.
 *
 * A process changes the record and the set only while it has the attach lock of the key file (see
 * ssem-sysv-file-private.h). It writes into the record what it is about to do to the set, so that
 * another process can finish the change if this one dies.
 *
 * Qt makes an empty key file. The first process of this library that opens the file writes a record
 * into it, in the phase QTS. Qt never reads the record. The library's own files have one from the
 * beginning.
 *
 *   word          written                 meaning
 *   magic         last, with attach lock  the record is complete
 *   layout        with the magic          another version's record has another layout
 *   made_by_us    with attach lock        0: Qt made the set, and Qt removes it
 *   incarnation   with attach lock        one set's life, from creation to removal: 32 random bits,
 *                                         and below them the set's identifier
 *   phase         with attach lock        see below
 *   epoch         with attach lock; read  odd during a reset; the undo counts of an earlier epoch
 *                 without it              are void. A stale value is harmless except as the design
 *                                         note of ssem-sysv-attachment.c says
 *   value         with attach lock        the value that a reset in progress sets
 *   initial       with attach lock        the value that the set was created with or last reset to;
 *                                         -1 where Qt did that
 *   key_length,   once, before the magic  the key itself
 *   key
 *
 * All fields have a fixed width. incarnation has the alignment that i386 does not give to 64 bits,
 * so that 32-bit and 64-bit processes agree.
 */

#define SSEM_SYSV_KEY_MAX 1024

typedef enum
{
  SSEM_SYSV_PHASE_EMPTY,    /* no set is known */
  SSEM_SYSV_PHASE_CREATING, /* the set may exist; its value is not valid */
  SSEM_SYSV_PHASE_READY,
  SSEM_SYSV_PHASE_QTS,      /* Qt made the file; a set that is found is Qt's, too */
} SsemSysvPhase;

typedef struct
{
  char magic[8];
  guint32 layout;
  guint32 made_by_us;
  _Alignas (8) guint64 incarnation;
  guint32 phase;
  atomic_uint_least32_t epoch;
  gint32 value;
  gint32 initial;
  guint32 key_length;
  char key[SSEM_SYSV_KEY_MAX];
} SsemSysvRecord;

/* Returns the identifier of the set that the incarnation is of. A different set under the kernel's
 * key is Qt's: something outside removed ours, and Qt created another. */
static inline int
ssem_sysv_record_get_set (const SsemSysvRecord *self)
{
  return (int) (guint32) self->incarnation;
}

/* Returns whether @set, which was found by the path of the key file, was created by Qt. */
gboolean ssem_sysv_record_is_qts_set   (const SsemSysvRecord *self,
                                        int                   set);

/* Begins an incarnation for @set, which Qt has created. */
void     ssem_sysv_record_take_qts_set (SsemSysvRecord       *self,
                                        int                   set);

/* Creates the set for the kernel's key @token with @value. @set is one that a process left when it
 * died while it created it, or negative. Returns the set's identifier or -errno; -ERANGE where
 * @value is past the maximum. */
int      ssem_sysv_record_create_set   (SsemSysvRecord       *self,
                                        key_t                 token,
                                        int                   set,
                                        int                   value);

/* Sets the value of @set, and begins a new epoch. Returns 0 or -errno. */
int      ssem_sysv_record_reset_set    (SsemSysvRecord       *self,
                                        int                   set,
                                        int                   value);

/* Finishes the reset of a process that died before its end, if there is one. */
void     ssem_sysv_record_finish_reset (SsemSysvRecord       *self,
                                        int                   set);

G_END_DECLS
