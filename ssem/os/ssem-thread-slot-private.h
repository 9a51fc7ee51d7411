/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Pointers of each thread's own, which are NULL at first. A thread can read and write them until
 * its last destructor has run. A signal handler may read them once its thread has read one of them.
 *
 * Windows needs GPrivate for this. There the compiler frees the memory of _Thread_local in a
 * destructor, and GLib's destructors would write to freed memory after that.
 */
typedef enum
{
  SSEM_THREAD_SLOT_HAZARD,
  SSEM_THREAD_SLOT_HANDLES,        /* see ssem-shm-slot.c */
  SSEM_THREAD_SLOT_RECENT_HANDLES, /* the first of four */
  SSEM_THREAD_N_SLOTS = SSEM_THREAD_SLOT_RECENT_HANDLES + 4,
} SsemThreadSlot;

#ifdef _WIN32

extern GPrivate ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

#define ssem_thread_slot_get(slot)       g_private_get (&ssem_thread_slots_[slot])
#define ssem_thread_slot_set(slot, data) g_private_set (&ssem_thread_slots_[slot], data)

#else

/* Not of the model "initial-exec", which is slightly faster. A running program cannot load a
 * library with that model under musl, nor under glibc once other libraries have used up the room
 * for it. */
extern G_GNUC_INTERNAL _Thread_local gpointer ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

#define ssem_thread_slot_get(slot)       ssem_thread_slots_[slot]
#define ssem_thread_slot_set(slot, data) (ssem_thread_slots_[slot] = (data))

#endif

/* Returns a pointer that no other thread gets while this one lives. It is faster than a thread's
 * own pointer where the compiler can read the thread register: that needs one instruction, the
 * pointer a call. */
static inline gpointer
ssem_thread_slot_owner (void)
{
#if defined (_WIN32)
  return g_thread_self ();
#elif defined (__GNUC__) && __GNUC__ >= 11 && (defined (__x86_64__) || defined (__aarch64__))
  return __builtin_thread_pointer ();
#else
  return &ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);
#endif
}

G_END_DECLS
