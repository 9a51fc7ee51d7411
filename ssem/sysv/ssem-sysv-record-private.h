/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-native-key-text-private.h"

#include <glib.h>
#include <stdatomic.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The record in the key file: the library's data about the kernel's set. The words are defined in
 * ssem-sysv-attachment.c.
 *
 * A process changes the record and the set only while it has the attach lock. Before each change of
 * the set, the process writes the change into the record. So another process can finish the change
 * if this process dies.
 *
 * Qt creates an empty key file, and never reads the record. The first process of this library that
 * opens such a file writes a record in the phase QT. The library creates its own files with a
 * record.
 *
 *   field         meaning
 *   magic         The record is complete. This field is written last.
 *   layout        identifies the version of the library that wrote the record.
 *   made_by_us    1: this library created the set, and removes it. 0: Qt created the set, and Qt
 *                 removes it.
 *   incarnation   identifies the life of one set, from creation to removal. The upper 32 bits are
 *                 random; the lower 32 bits are the set's identifier.
 *   phase         what is known of the set: see SsemSysvPhase.
 *   epoch         odd during a reset, else even. Undo counts of earlier epochs are void.
 *   value         the value that the present reset sets.
 *   initial       the value at the creation or the last reset; -1 if Qt set that value.
 *   key_length,   the key itself. A file that was made for a native key has the length 0, until a
 *   key           process opens its key: the length is written last, and then never changes.
 *   project       the project number of ftok (3); 0 stands for SSEM_NATIVE_KEY_PROJECT, the number
 *                 of Qt. It never changes.
 *
 * Fields are written with the attach lock. Only the epoch is also read without: the section "Resets
 * and epochs" in ssem-sysv-attachment.c says what happens after a stale read.
 *
 * All fields have a fixed width, and incarnation is aligned to 8 bytes, which i386 does not do by
 * default. So 32-bit and 64-bit processes have the same layout.
 */

#define SSEM_SYSV_KEY_MAX 1024

typedef enum
{
  SSEM_SYSV_PHASE_EMPTY,    /* this library created the file; there is no set yet */
  SSEM_SYSV_PHASE_CREATING, /* the set may exist; its value is not valid */
  SSEM_SYSV_PHASE_READY,    /* the set exists, and its value is valid */
  SSEM_SYSV_PHASE_QT,       /* Qt created the file; if there is a set, Qt created it too */
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
  guint32 project;
} SsemSysvRecord;

/* Returns the identifier of the set in the incarnation. If the IPC key leads to another set,
 * something outside removed the set of the record, and Qt created the other set. */
static inline int
ssem_sysv_record_get_set (const SsemSysvRecord *self)
{
  return (int) (guint32) self->incarnation;
}

static inline int
ssem_sysv_record_get_project (const SsemSysvRecord *self)
{
  return self->project != 0 ? (int) self->project : SSEM_NATIVE_KEY_PROJECT;
}

/* Returns whether Qt created @set, to which the IPC key of the key file leads, and the record does
 * not know @set yet. */
gboolean ssem_sysv_record_is_qt_set    (const SsemSysvRecord *self,
                                        int                   set);

/* Begins an incarnation for @set, which Qt created. */
void     ssem_sysv_record_adopt_qt_set (SsemSysvRecord       *self,
                                        int                   set);

/* Creates the set of @ipc_key with @value. @set is the unfinished set of a creator that died, or
 * negative. Returns the set's identifier or -errno; -ERANGE if @value is above the maximum. */
int      ssem_sysv_record_create_set   (SsemSysvRecord       *self,
                                        key_t                 ipc_key,
                                        int                   set,
                                        int                   value);

/* Sets the value of @set and begins a new epoch. Returns 0 or -errno. */
int      ssem_sysv_record_reset_set    (SsemSysvRecord       *self,
                                        int                   set,
                                        int                   value);

/* Finishes a reset whose process died, if there is such a reset. */
void     ssem_sysv_record_finish_reset (SsemSysvRecord       *self,
                                        int                   set);

G_END_DECLS
