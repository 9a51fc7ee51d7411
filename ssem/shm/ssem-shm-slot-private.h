/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-thread-slot-private.h"
#include "ssem/shm/ssem-shm-counter-private.h"
#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* A slot handle for each thread: claimed when the thread needs it, returned when the thread ends.
 *
 * The design note is in ssem-shm-slot.c. Functions return 0 or -errno.
 */

/* How many operations of a thread have a slot each, if each interrupts the one before in a signal
 * handler. */
#define SSEM_SHM_MAX_DEPTH 8

/* A thread's slot handles of one segment, by the depth of the operation. The first is for an
 * operation that interrupts no other; the others are claimed at their first use. So no operation
 * writes the slot of an operation that it interrupts. */
typedef struct _SsemShmSlotHandles SsemShmSlotHandles;
struct _SsemShmSlotHandles
{
  /* With the first handle a whole cache line: an operation reads nothing else that is the
   * thread's. */
  _Alignas (SSEM_SHM_LINE) guint64 serial; /* of the SsemShmSlots; 0 in a child of fork () */
  SsemShmSlotHandle handle[SSEM_SHM_MAX_DEPTH];
  SsemShmSlotHandles *next; /* of the same thread; or in the list of idle ones */
};

G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemShmSlotHandles, handle) + sizeof (SsemShmSlotHandle) <=
                 SSEM_SHM_LINE);

/* The slots of this process in one segment. */
typedef struct
{
  guint64 serial;           /* constant after init: unique in this process, forever */
  SsemShmMember *member;    /* constant after init */
  guint32 attached_index;   /* of the slot that shows the process as attached; 0 while closed */
  atomic_uint_least32_t unused_index; /* the same, until a thread operates on the slot; then 0 */
  GMutex claim_lock;        /* makes threads wait for each other that would enlarge the segment */
  SsemShmSlotHandles *idle; /* under slots_lock */
} SsemShmSlots;

/* Prepares this module. Call it before the other functions. */
void    ssem_shm_slot_init        (void);

void    ssem_shm_slots_init       (SsemShmSlots  *self,
                                   SsemShmMember *member);

/* Forgets the slots. No thread operates on one of them. Call it before the segment is unmapped,
 * since a thread that ends frees its slots; harmless again later. */
void    ssem_shm_slots_clear      (SsemShmSlots *self);

/* Claims a slot of @segment that shows this process as attached, before any thread gets a handle.
 * The segment is the member's or the prepared one. */
int     ssem_shm_slots_attach     (SsemShmSlots   *self,
                                   SsemShmSegment *segment);

/* Forgets that slot, which is not used. */
void    ssem_shm_slots_detach     (SsemShmSlots   *self);

/* Shows this process as attached again, or not any more; it keeps its slots. Returns whether that
 * has changed. */
gboolean ssem_shm_slots_set_attached (SsemShmSlots *self,
                                      gboolean      is_attached);

/* Sets @handle to the calling thread's slot handle for an operation of @depth, and claims a slot
 * for it at the first use. Takes no lock and allocates nothing if the thread has handles of this
 * segment already. */
int     ssem_shm_slots_get_handle (SsemShmSlots       *self,
                                   guint               depth,
                                   SsemShmSlotHandle **handle);

/* For how many segments a thread finds its handles on the fast path. */
#define SSEM_SHM_N_RECENT (SSEM_THREAD_N_SLOTS - SSEM_THREAD_SLOT_RECENT_HANDLES)

/* Returns which of the thread's pointers leads to its handles of the object with that serial. */
static inline guint
ssem_shm_slots_get_recent_index (guint64 serial)
{
  return SSEM_THREAD_SLOT_RECENT_HANDLES + (guint) (serial % SSEM_SHM_N_RECENT);
}

/* Returns the calling thread's handle for an operation that interrupts no other, if the thread has
 * used this segment recently; else NULL. */
static inline SsemShmSlotHandle *
ssem_shm_slots_peek_handle (guint64 serial,
                            guint   recent_index)
{
  SsemShmSlotHandles *handles = ssem_thread_slot_get (recent_index);

  return G_LIKELY (handles != NULL && handles->serial == serial) ? &handles->handle[0] : NULL;
}

G_END_DECLS
