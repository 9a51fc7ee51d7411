/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/win32/ssem-shm-object-private.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* The anchor of a key: a small section that has the key's name and contains the id of the segment.
 * The design note is in ssem-shm-win32-member.c. Functions return 0 or -errno. */

#define SSEM_SHM_N_ARRIVAL_LISTENERS 8

/* The content: all zeros when it is new. Processes of any version change only what they know. */
typedef struct
{
  atomic_uint_least64_t magic;      /* set by the first process that finds 0 */
  atomic_uint_least64_t segment_id; /* 0 if the key has no segment */

  /* Attach ids of the processes that want to know who attaches; 0 for none. See
   * ssem-shm-death-watch.c. */
  atomic_uint_least64_t listeners[SSEM_SHM_N_ARRIVAL_LISTENERS];
} SsemShmAnchorPage;

/* Processes of 32 and of 64 bits share it. */
G_STATIC_ASSERT (sizeof (SsemShmAnchorPage) == 80);

typedef struct
{
  char *name;              /* constant after init */
  char *key;               /* constant after init */
  SsemShmSection section;
  SsemShmAnchorPage *page; /* NULL while closed */
} SsemShmAnchor;

/* How the names of anchors begin and end. */
#define SSEM_SHM_ANCHOR_PREFIX "ssem_"
#define SSEM_SHM_ANCHOR_SUFFIX "_key"

void ssem_shm_anchor_init  (SsemShmAnchor *self,
                            const char    *key);

/* The same for the anchor of that name, whose key is not known. */
void ssem_shm_anchor_init_for_name (SsemShmAnchor *self,
                                    const char    *name);

void ssem_shm_anchor_clear (SsemShmAnchor *self);

/* Opens the anchor, and creates it if there is none. Harmless if it is open. */
int  ssem_shm_anchor_use   (SsemShmAnchor *self);

/* Opens the anchor for reading. -ENOENT if there is none. */
int  ssem_shm_anchor_look  (SsemShmAnchor *self);

void ssem_shm_anchor_close (SsemShmAnchor *self);

/* Makes the name of the segment with that id, or of the event of its slot @slot. */
void ssem_shm_anchor_make_segment_name (const SsemShmAnchor *self,
                                        guint64              segment_id,
                                        SsemShmObjectName   *name);
void ssem_shm_anchor_make_slot_name    (const SsemShmAnchor *self,
                                        guint64              segment_id,
                                        guint32              slot,
                                        SsemShmObjectName   *name);

G_END_DECLS
