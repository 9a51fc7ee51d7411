/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-fast-state-private.h"
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
 * writes the slot of an operation that it interrupts. An operation on the fast path uses the first
 * handle and counts for no depth, so there is one handle more. */
typedef struct _SsemShmSlotHandles SsemShmSlotHandles;
struct _SsemShmSlotHandles
{
  /* With the first handle a whole cache line: an operation reads nothing else that is the
   * thread's. */
  _Alignas (SSEM_SHM_LINE) _Atomic (gpointer) thread; /* ssem_thread_slot_owner (); NULL if idle */
  guint64 serial;                    /* of the SsemShmSlots; 0 in a child of fork () */
  SsemShmSlotHandle handle[SSEM_SHM_MAX_DEPTH + 1];
  SsemShmSlotHandles *next;          /* of the same thread; or in the list of idle ones */
  SsemShmSlotHandles *next_of_slots; /* under slots_lock: of the same SsemShmSlots */
};

G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemShmSlotHandles, handle) + sizeof (SsemShmSlotHandle) <=
                 SSEM_SHM_LINE);

/* The handles of no thread. */
extern G_GNUC_INTERNAL SsemShmSlotHandles ssem_shm_no_handles;

/* The slots of this process in one segment. */
typedef struct
{
  guint64 serial;           /* constant after init: unique in this process, forever */
  SsemShmMember *member;    /* constant after init */
  guint32 attached_index;   /* of the slot that shows the process as attached; 0 while closed */
  atomic_uint_least32_t unused_index; /* the same, until a thread operates on the slot; then 0 */
  GMutex claim_lock;        /* makes threads wait for each other that would enlarge the segment */
  SsemShmSlotHandles *idle; /* under slots_lock */
  SsemShmSlotHandles *all;  /* under slots_lock */
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

/* What an object keeps for the fast path, in its own memory. Its SsemFastState is open with the
 * serial of the SsemShmSlots. The design note is in ssem-shm-slot.c. */
typedef struct
{
  _Atomic (SsemShmSlotHandles *) handles; /* of one of the threads that use the object */
  gint64 undo_mask; /* all bits with undo, none without; constant while the fast path is open */
} SsemShmFastPath;

/* Begins an operation on the fast path with @handles, which are the calling thread's. Returns the
 * handle to operate with; NULL if the fast path cannot operate. Next call
 * ssem_shm_counter_finish_fast (). */
static G_ALWAYS_INLINE inline SsemShmSlotHandle *
ssem_shm_fast_path_begin (SsemFastState      *state,
                          SsemShmSlotHandles *handles,
                          gboolean            is_release,
                          int                 n,
                          SsemShmFast        *fast)
{
  SsemShmSlotHandle *handle = &handles->handle[0];

  if (G_UNLIKELY (!ssem_shm_counter_begin_fast (handle, is_release, n, fast)))
    return NULL;

  /* ssem_shm_slots_is_in_fast () makes this thread pass a real fence. */
  atomic_signal_fence (memory_order_seq_cst);

  /* Acquire: pairs with ssem_fast_state_open (), for undo_mask. */
  if (G_LIKELY (handles->serial == atomic_load_explicit (state, memory_order_acquire)))
    return handle;

  ssem_shm_counter_leave_fast (handle, fast->word);

  return NULL;
}

/* Adds or takes @n units on the fast path with @handles. Returns FALSE, without any effect, if that
 * is impossible. */
static G_ALWAYS_INLINE inline gboolean
ssem_shm_fast_path_operate_with (SsemShmFastPath    *self,
                                 SsemFastState      *state,
                                 SsemShmSlotHandles *handles,
                                 gboolean            is_release,
                                 int                 n)
{
  SsemShmFast fast;
  SsemShmSlotHandle *handle = ssem_shm_fast_path_begin (state, handles, is_release, n, &fast);
  gint64 change = is_release ? -(gint64) n : n;

  return handle != NULL &&
         ssem_shm_counter_finish_fast (handle, is_release, change & self->undo_mask, fast);
}

/* Does the same in the thread whose handles the object keeps. Returns FALSE in any other. */
static G_ALWAYS_INLINE inline gboolean
ssem_shm_fast_path_operate (SsemShmFastPath *self,
                            SsemFastState   *state,
                            gboolean         is_release,
                            int              n)
{
  SsemShmSlotHandles *handles = atomic_load_explicit (&self->handles, memory_order_relaxed);

  return atomic_load_explicit (&handles->thread, memory_order_relaxed) ==
           ssem_thread_slot_owner () &&
         ssem_shm_fast_path_operate_with (self, state, handles, is_release, n);
}

/* Does the same in any thread that has used the segment recently. */
gboolean ssem_shm_fast_path_operate_in_any_thread (SsemShmFastPath *self,
                                                   SsemFastState   *state,
                                                   gboolean         is_release,
                                                   int              n);

static inline void
ssem_shm_fast_path_init (SsemShmFastPath *self)
{
  atomic_store_explicit (&self->handles, &ssem_shm_no_handles, memory_order_relaxed);
}

/* Returns whether another thread may be on the fast path with a handle of @self, after the object
 * that it used was closed. Waits for a moment. */
gboolean ssem_shm_slots_is_in_fast (SsemShmSlots *self);

G_END_DECLS
