/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-slot-private.h"

#include "ssem-shm-recovery-private.h"

#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-hooks-private.h"
#include "ssem/os/ssem-process-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <unistd.h>

/* A slot belongs to the process from the claim until the process leaves the segment, and to the
 * thread that claimed it until the thread ends. Then an empty slot is freed. A slot that holds or
 * owes units stays claimed, since what counts is the sum over the process's slots; its handle
 * becomes idle and serves the next new thread. So does the handle of the slot that shows the
 * process as attached. That slot is claimed first, and serves the first thread that needs one.
 *
 * A thread finds its handles through a few pointers of its own, by the serial of the SsemShmSlots,
 * and through a list behind them.
 *
 * Signal handlers
 *
 *   A handler may interrupt its thread at any instruction and operate on the same segment. It uses
 *   another slot: a thread has a handle for each depth. The handler reads the list of the thread's
 *   handles, which changes by one store at a time; a removed entry is freed after that store. So
 *   the handler always finds a complete list. It takes no lock and allocates nothing if the thread
 *   has handles of the segment.
 *
 * The fast path
 *
 *   An operation on the fast path does not announce the instance that it uses (see ssem-hazard.c).
 *   Instead its handle says that it is in use:
 *
 *     operation   set last_word of the handle to SSEM_SHM_WORD_IN_USE; fence; check whether the
 *                 object still has the handle's serial
 *     close       (the object has lost the serial) fence; check each handle with that serial
 *
 *   So at least one of them sees the other. The one that closes makes both fences: see
 *   ssem-barrier-private.h. Where the system has no such fence, no object opens its fast path.
 *
 *   Most objects are used by one thread. So an object keeps a pointer to the handles of one thread,
 *   which that thread reaches without its own pointers. The object may keep it longer than the
 *   thread lives or uses the segment. So the memory of handles is never freed but used for other
 *   handles, and each operation checks whose they are, and of which segment.
 *
 *   A handler that interrupts an operation on the fast path finds last_word in use, so it takes the
 *   slow path with the thread's next handle. An operation on the slow path sets last_word to
 *   SSEM_SHM_WORD_UNKNOWN before it operates, so a handler that interrupts it takes the slow path,
 *   too.
 *
 * Fork
 *
 *   The child shares no slot with its parent. The serials in all handles become 0, so the next
 *   operation finds no handle; idle handles are dropped.
 *
 * Locks, in this order
 *
 *   claim_lock  Held while a slot is claimed and the segment enlarged.
 *   slots_lock  Protects the table and the idle handles. Held across a fork.
 */

/* How often the one that closes looks whether a handle still is in use. An operation on the fast
 * path takes some nanoseconds, so only a thread that does not run stays there. */
#define N_LOOKS 1000

/* For how many segments a thread finds its handles without a search. */
#define N_RECENT (SSEM_THREAD_N_SLOTS - SSEM_THREAD_SLOT_RECENT_HANDLES)

SsemShmSlotHandles ssem_shm_no_handles = { .handle[0].last_word = SSEM_SHM_WORD_UNKNOWN };

static GMutex slots_lock;
static GHashTable *table;         /* serial -> SsemShmSlots, all there are */
static SsemShmSlotHandles *spare; /* memory for handles */
static guint64 last_serial;

/* With slots_lock. */
static void
put_into_spare (SsemShmSlotHandles *handles)
{
  atomic_store_explicit (&handles->thread, NULL, memory_order_relaxed);
  handles->next = spare;
  spare = handles;
}

/* Drops @handles of @self. With slots_lock. */
static void
drop_handles (SsemShmSlots       *self,
              SsemShmSlotHandles *handles)
{
  SsemShmSlotHandles **link = &self->all;

  while (*link != NULL && *link != handles)
    link = &(*link)->next_of_slots;
  if (*link != NULL)
    *link = handles->next_of_slots;
  put_into_spare (handles);
}

/* Drops the idle handles. With slots_lock. */
static void
drop_idle (SsemShmSlots *self)
{
  while (self->idle != NULL)
    {
      SsemShmSlotHandles *handles = self->idle;

      self->idle = handles->next;
      drop_handles (self, handles);
    }
}

/* Makes the handles useless for all threads: a new thread may be taken for one of the parent's. */
static void
forget_handles (SsemShmSlots *self)
{
  SsemShmSlotHandles *handles;

  drop_idle (self);
  for (handles = self->all; handles != NULL; handles = handles->next_of_slots)
    {
      handles->serial = 0;
      atomic_store_explicit (&handles->thread, NULL, memory_order_relaxed);
    }
  self->all = NULL;
}

static void
forget_in_child (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemShmSlots *slots = value;

      forget_handles (slots);
      ssem_shm_slots_detach (slots);
      /* A thread that the child does not have may hold it. */
      g_mutex_init (&slots->claim_lock);
    }
}

/* Frees those slots of a thread that hold and owe nothing, but not the one that shows the process
 * as attached. Returns whether none is left. */
static gboolean
free_empty_slots (SsemShmSlots       *self,
                  SsemShmSlotHandles *handles)
{
  gboolean is_empty = TRUE;
  int i;

  for (i = 0; i <= SSEM_SHM_MAX_DEPTH; i++)
    {
      SsemShmSlotHandle *handle = &handles->handle[i];

      if (handle->segment == NULL)
        continue;
      if (handle->index != self->attached_index &&
          ssem_shm_counter_free_empty_slot (handle->segment, handle->index,
                                            self->member->attach_id))
        *handle = (SsemShmSlotHandle) { .last_word = SSEM_SHM_WORD_UNKNOWN };
      else
        is_empty = FALSE;
    }

  return is_empty;
}

/* Returns the handles of a thread that ends. */
static void
return_handles (void)
{
  SsemShmSlotHandles *handles = ssem_thread_slot_get (SSEM_THREAD_SLOT_HANDLES);
  int i;

  ssem_thread_slot_set (SSEM_THREAD_SLOT_HANDLES, NULL);
  for (i = 0; i < N_RECENT; i++)
    ssem_thread_slot_set (SSEM_THREAD_SLOT_RECENT_HANDLES + i, NULL);

  ssem_thread_lock (&slots_lock);
  while (handles != NULL)
    {
      SsemShmSlotHandles *next = handles->next;
      SsemShmSlots *slots = g_hash_table_lookup (table, &handles->serial);

      if (slots == NULL)
        {
          put_into_spare (handles);
        }
      else if (free_empty_slots (slots, handles))
        {
          drop_handles (slots, handles);
        }
      else
        {
          atomic_store_explicit (&handles->thread, NULL, memory_order_relaxed);
          handles->next = slots->idle;
          slots->idle = handles;
        }
      handles = next;
    }
  ssem_thread_unlock (&slots_lock);
}

void
ssem_shm_slot_init (void)
{
  table = g_hash_table_new (g_int64_hash, g_int64_equal);
  ssem_fork_protect (&slots_lock, forget_in_child);
  ssem_hooks_add_thread_end (return_handles);
}

void
ssem_shm_slots_init (SsemShmSlots  *self,
                     SsemShmMember *member)
{
  self->member = member;
  g_mutex_init (&self->claim_lock);

  ssem_thread_lock (&slots_lock);
  self->serial = ++last_serial;
  g_hash_table_insert (table, &self->serial, self);
  ssem_thread_unlock (&slots_lock);
}

void
ssem_shm_slots_clear (SsemShmSlots *self)
{
  ssem_thread_lock (&slots_lock);
  g_hash_table_remove (table, &self->serial);
  drop_idle (self);
  self->all = NULL;
  ssem_shm_slots_detach (self);
  ssem_thread_unlock (&slots_lock);
}

/* --- Claiming --- */

static guint32
try_to_claim_slot (SsemShmSlots   *self,
                   SsemShmSegment *segment,
                   gboolean        is_attached)
{
  return ssem_shm_counter_claim_slot (segment, self->member->attach_id, is_attached, getpid (),
                                      ssem_process_get_name_space ());
}

/* Claims a slot; frees those of the dead first where no other is free. With claim_lock. */
static int
claim_slot (SsemShmSlots *self,
            gboolean      is_attached,
            guint32      *slot)
{
  SsemShmSegment *segment = self->member->segment;
  int result = 0;

  *slot = try_to_claim_slot (self, segment, is_attached);
  if (*slot == 0)
    {
      int n_dead = ssem_shm_recovery_sweep (self->member);

      result = MIN (n_dead, 0);
      *slot = try_to_claim_slot (self, segment, is_attached);
    }
  while (*slot == 0 && result == 0)
    {
      result = ssem_shm_member_grow (self->member);
      if (result == 0)
        *slot = try_to_claim_slot (self, segment, is_attached);
    }

  return result;
}

/* Claims a slot for an operation that interrupts another, whose thread may hold claim_lock. Without
 * the lock, two threads may enlarge the segment at the same time, which wastes room and no more. */
static int
claim_slot_in_handler (SsemShmSlots *self,
                       guint32      *slot)
{
  SsemShmSegment *segment = self->member->segment;
  int result = 0;

  for (*slot = try_to_claim_slot (self, segment, FALSE); *slot == 0 && result == 0;
       *slot = try_to_claim_slot (self, segment, FALSE))
    result = ssem_shm_member_grow (self->member);

  return *slot != 0 ? 0 : result;
}

int
ssem_shm_slots_attach (SsemShmSlots   *self,
                       SsemShmSegment *segment)
{
  guint32 slot;
  int result = 0;

  if (segment == self->member->segment)
    {
      g_mutex_lock (&self->claim_lock);
      result = claim_slot (self, TRUE, &slot);
      g_mutex_unlock (&self->claim_lock);
    }
  else
    {
      slot = try_to_claim_slot (self, segment, TRUE);
    }
  if (result != 0)
    return result;

  self->attached_index = slot;
  atomic_store (&self->unused_index, slot);

  return 0;
}

void
ssem_shm_slots_detach (SsemShmSlots *self)
{
  self->attached_index = 0;
  atomic_store (&self->unused_index, 0);
}

gboolean
ssem_shm_slots_set_attached (SsemShmSlots *self,
                             gboolean      is_attached)
{
  return ssem_shm_counter_set_attached (self->member->segment, self->attached_index,
                                        self->member->attach_id, is_attached);
}

static int
claim_handle (SsemShmSlots      *self,
              guint              depth,
              SsemShmSlotHandle *handle)
{
  SSEM_THREAD_SHIELD;
  guint32 slot = atomic_exchange (&self->unused_index, 0);
  int result = 0;

  if (slot != 0)
    {
      /* No thread has used it. */
    }
  else if (depth > 0)
    {
      result = claim_slot_in_handler (self, &slot);
    }
  else
    {
      g_mutex_lock (&self->claim_lock);
      result = claim_slot (self, FALSE, &slot);
      g_mutex_unlock (&self->claim_lock);
    }
  if (result != 0)
    return result;

  *handle = ssem_shm_slot_handle_make (self->member->segment, slot);

  return 0;
}

/* --- A thread's list --- */

/* Returns which of the thread's pointers leads to its handles of the object with that serial. */
static guint
get_recent_index (guint64 serial)
{
  return SSEM_THREAD_SLOT_RECENT_HANDLES + (guint) (serial % N_RECENT);
}

static SsemShmSlotHandles *
find_handles (guint64 serial)
{
  SsemShmSlotHandles *handles = ssem_thread_slot_get (SSEM_THREAD_SLOT_HANDLES);

  while (handles != NULL && handles->serial != serial)
    handles = handles->next;

  return handles;
}

static void
forget_recent (SsemShmSlotHandles *handles)
{
  int i;

  for (i = 0; i < N_RECENT; i++)
    {
      if (ssem_thread_slot_get (SSEM_THREAD_SLOT_RECENT_HANDLES + i) == handles)
        ssem_thread_slot_set (SSEM_THREAD_SLOT_RECENT_HANDLES + i, NULL);
    }
}

/* Drops this thread's handles of segments that the process has left. With slots_lock. */
static void
drop_stale_handles (void)
{
  SsemShmSlotHandles *before = NULL;
  SsemShmSlotHandles *handles = ssem_thread_slot_get (SSEM_THREAD_SLOT_HANDLES);

  while (handles != NULL)
    {
      SsemShmSlotHandles *next = handles->next;

      if (g_hash_table_contains (table, &handles->serial))
        {
          before = handles;
        }
      else
        {
          forget_recent (handles);
          if (before != NULL)
            before->next = next;
          else
            ssem_thread_slot_set (SSEM_THREAD_SLOT_HANDLES, next);
          /* A signal handler must not find them any more when they are spare. */
          atomic_signal_fence (memory_order_seq_cst);
          put_into_spare (handles);
        }
      handles = next;
    }
}

static SsemShmSlotHandles *
take_idle (SsemShmSlots *self)
{
  SsemShmSlotHandles *handles;

  ssem_thread_lock (&slots_lock);
  drop_stale_handles ();
  handles = self->idle;
  if (handles != NULL)
    self->idle = handles->next;
  ssem_thread_unlock (&slots_lock);

  return handles;
}

static SsemShmSlotHandles *
new_handles (SsemShmSlots *self)
{
  SsemShmSlotHandles *handles;
  int i;

  ssem_thread_lock (&slots_lock);
  handles = spare;
  if (handles != NULL)
    spare = handles->next;
  else
    handles = g_aligned_alloc0 (1, sizeof *handles, SSEM_SHM_LINE);

  handles->serial = self->serial;
  for (i = 0; i <= SSEM_SHM_MAX_DEPTH; i++)
    handles->handle[i] = (SsemShmSlotHandle) { .last_word = SSEM_SHM_WORD_UNKNOWN };
  handles->next_of_slots = self->all;
  self->all = handles;
  ssem_thread_unlock (&slots_lock);

  return handles;
}

static SsemShmSlotHandles *
add_handles (SsemShmSlots *self)
{
  SsemShmSlotHandles *handles = take_idle (self);

  if (handles == NULL)
    handles = new_handles (self);
  handles->next = ssem_thread_slot_get (SSEM_THREAD_SLOT_HANDLES);
  atomic_store_explicit (&handles->thread, ssem_thread_slot_owner (), memory_order_relaxed);
  ssem_hooks_watch_thread ();
  /* A signal handler finds them complete. */
  atomic_signal_fence (memory_order_seq_cst);
  ssem_thread_slot_set (SSEM_THREAD_SLOT_HANDLES, handles);

  return handles;
}

int
ssem_shm_slots_get_handle (SsemShmSlots       *self,
                           guint               depth,
                           SsemShmSlotHandle **handle)
{
  SsemShmSlotHandles *handles = find_handles (self->serial);
  int result = 0;

  if (handles == NULL)
    handles = add_handles (self);
  if (ssem_shm_counter_is_in_fast (&handles->handle[0]))
    depth++;
  *handle = &handles->handle[depth];
  if ((*handle)->segment == NULL)
    result = claim_handle (self, depth, *handle);
  if (result != 0)
    return result;

  atomic_store_explicit (&(*handle)->last_word, SSEM_SHM_WORD_UNKNOWN, memory_order_relaxed);
  atomic_signal_fence (memory_order_seq_cst);
  if (depth == 0)
    ssem_thread_slot_set (get_recent_index (self->serial), handles);

  return 0;
}

/* --- The fast path --- */

gboolean
ssem_shm_fast_path_operate_in_any_thread (SsemShmFastPath *self,
                                          SsemFastState   *state,
                                          gboolean         is_release,
                                          int              n)
{
  guint64 serial = atomic_load_explicit (state, memory_order_relaxed);
  SsemShmSlotHandles *handles = ssem_thread_slot_get (get_recent_index (serial));
  SsemShmSlotHandles *kept;

  if (handles == NULL)
    return FALSE;

  if (!(is_release ? ssem_shm_fast_path_operate_with (self, state, handles, TRUE, n)
                   : ssem_shm_fast_path_operate_with (self, state, handles, FALSE, n)))
    return FALSE;

  /* The next time the shorter way, unless the object is another thread's. */
  kept = atomic_load_explicit (&self->handles, memory_order_relaxed);
  if (atomic_load_explicit (&kept->thread, memory_order_relaxed) == NULL)
    atomic_store_explicit (&self->handles, handles, memory_order_relaxed);

  return TRUE;
}

static gboolean
stays_in_fast (SsemShmSlotHandle *handle)
{
  int i = 0;

  while (i < N_LOOKS && ssem_shm_counter_is_in_fast (handle))
    i++;

  return i == N_LOOKS;
}

gboolean
ssem_shm_slots_is_in_fast (SsemShmSlots *self)
{
  SsemShmSlotHandles *handles;

  ssem_thread_lock (&slots_lock);
  for (handles = self->all; handles != NULL && !stays_in_fast (&handles->handle[0]);
       handles = handles->next_of_slots)
    ;
  ssem_thread_unlock (&slots_lock);

  return handles != NULL;
}
