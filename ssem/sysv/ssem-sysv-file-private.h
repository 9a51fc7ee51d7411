/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-lock-private.h"

#include <glib.h>
#include <stdatomic.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The key file: what processes know of a semaphore beside the kernel's set, and who is attached.
 *
 * Who is attached, the kernel tells by two locks past the end of the file:
 *
 *   gate    exclusive, while a process attaches, resets, detaches or removes. Whoever unlinks the
 *           file holds the gate of that very file and has made sure that the path names it.
 *   alive   shared, as long as a process is attached. Whoever holds the gate and finds nobody else
 *           here is the last.
 *
 * Both go with their owner, however it dies, so nothing has to be mended after a crash.
 *
 * Qt makes an empty file, into which the first of us to come writes this record, with a phase that
 * says whose it is; Qt never reads it. Our own files have it from the beginning.
 *
 *   word          written                 meaning
 *   magic         last, under the gate    the record is whole
 *   layout        with the magic          another version's record differs here
 *   made_by_us    under the gate          0: Qt made the set, and Qt removes it
 *   lineage       under the gate          one set's life, from creation to removal: 32 random bits,
 *                                         and below them the set's identifier
 *   phase         under the gate          whose the file is, and what is being done to the set; a
 *                                         successor finishes it
 *   epoch         under the gate; read    odd while a reset is under way; the undo counts of an
 *                 without it              earlier epoch are void. A stale value is harmless but for
 *                                         what ssem-sysv-attachment.c says of resets
 *   value         under the gate          what a reset under way sets
 *   initial       under the gate          the value that the set was created with or last reset to;
 *                                         -1 where Qt has done that
 *   key_length,   once, before the magic  the key itself
 *   key
 *
 * Everything has a fixed width, and lineage the alignment that i386 does not give to 64 bits, so
 * 32-bit and 64-bit processes agree.
 */

#define SSEM_SYSV_KEY_MAX 1024

typedef enum
{
  SSEM_SYSV_PHASE_EMPTY,    /* no set that we know of */
  SSEM_SYSV_PHASE_CREATING, /* the set may exist, its value is not to be trusted */
  SSEM_SYSV_PHASE_READY,
  SSEM_SYSV_PHASE_QTS,      /* Qt made the file; a set that is found is Qt's, too */
} SsemSysvPhase;

typedef struct
{
  char magic[8];
  guint32 layout;
  guint32 made_by_us;
  _Alignas (8) guint64 lineage;
  guint32 phase;
  atomic_uint_least32_t epoch;
  gint32 value;
  gint32 initial;
  guint32 key_length;
  char key[SSEM_SYSV_KEY_MAX];
} SsemSysvRecord;

/* The identifier of the set that the lineage is of. Another set under the kernel's key is a peer's:
 * somebody removed ours, and Qt made it anew. */
static inline int
ssem_sysv_record_get_set (const SsemSysvRecord *record)
{
  return (int) (guint32) record->lineage;
}

#define SSEM_SYSV_FILE_GATE  (G_GINT64_CONSTANT (1) << 32)
#define SSEM_SYSV_FILE_ALIVE ((G_GINT64_CONSTANT (1) << 32) + 1)

/* Reads the record without mapping it. Answers 1, or 0 where there is none yet, as in a file that
 * Qt made, or -errno: -EBADMSG where the content is not ours, -EPROTO where another version of this
 * library wrote it. The key has no end mark. */
int      ssem_sysv_file_read    (int              fd,
                                 SsemSysvRecord  *record);

/* Makes the key file with its record in it, in one step for others where the file system can do
 * that; answers a descriptor, which then has the gate, or -errno: -EEXIST where there is one. */
int      ssem_sysv_file_create  (const char      *path,
                                 const char      *key);

/* Maps the record; where the file is empty, writes one for @key in @phase_of_empty first. Under the
 * gate. Answers 0 or -errno: -EBADMSG where the content is not ours or another key's, -EPROTO where
 * another version of this library wrote it. A child of fork () does not inherit the mapping. */
int      ssem_sysv_file_map     (int              fd,
                                 const char      *key,
                                 SsemSysvPhase    phase_of_empty,
                                 SsemSysvRecord **record);
void     ssem_sysv_file_unmap   (SsemSysvRecord  *record);

G_END_DECLS
