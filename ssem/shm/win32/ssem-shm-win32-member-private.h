/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-port-private.h"
#include "ssem/shm/win32/ssem-shm-anchor-private.h"
#include "ssem/shm/win32/ssem-shm-object-private.h"

G_BEGIN_DECLS

/* A SsemShmMember on Windows: the anchor of the key, and a section that is open and mapped. The
 * design note is in ssem-shm-win32-member.c. */
typedef struct
{
  SsemShmMember parent;
  SsemShmAnchor anchor;       /* open while a segment is, or one is prepared for it */
  SsemShmSection section;     /* of `segment` */
  SsemShmSection prepared_section;
  gboolean is_enrolled;
  _Atomic (HANDLE) events[SSEM_SHM_MAX_SLOTS]; /* see ssem-shm-sleep.c; NULL if not yet used */
} SsemShmWin32Member;

/* Casts the portable type. */
static inline SsemShmWin32Member *
ssem_shm_win32_member (SsemShmMember *member)
{
  return (SsemShmWin32Member *) member;
}

/* What follows the slots in a section, whatever the number of slots: see ssem-shm-sleep.c. */
typedef struct
{
  atomic_uint_least32_t last_ticket;
  atomic_uint_least32_t tickets[SSEM_SHM_MAX_SLOTS];
} SsemShmSleepers;

#define SSEM_SHM_SECTION_SIZE (SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS) + sizeof (SsemShmSleepers))

/* Processes of 32 and of 64 bits share it. */
G_STATIC_ASSERT (SSEM_SHM_SECTION_SIZE == 279812);

static inline SsemShmSleepers *
ssem_shm_get_sleepers (SsemShmSegment *segment)
{
  return (SsemShmSleepers *) (gpointer) &segment->slots[SSEM_SHM_MAX_SLOTS];
}

/* Closes the events of a segment. */
void ssem_shm_sleep_close (SsemShmWin32Member *self);

G_END_DECLS
