/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Pointers that each thread has its own of, NULL at first, which can be read and written until the
 * thread's last destructor has run.
 *
 * A signal handler of the thread may read them, once the thread has read any of them before.
 *
 * On Windows _Thread_local cannot: the compiler takes its memory from a destructor of its own, and
 * what GLib's destructors write after that lands in memory that was given back.
 */
typedef enum
{
  SSEM_THREAD_SLOT_HAZARD,
  SSEM_THREAD_SLOT_FAST_HAZARD,
  SSEM_THREAD_SLOT_HANDLES,        /* see ssem-shm-attachment.c */
  SSEM_THREAD_SLOT_RECENT_HANDLES, /* the first of four */
  SSEM_THREAD_N_SLOTS = SSEM_THREAD_SLOT_RECENT_HANDLES + 4,
} SsemThreadSlot;

#ifdef _WIN32

extern GPrivate ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

#define ssem_thread_slot_get(slot)       g_private_get (&ssem_thread_slots_[slot])
#define ssem_thread_slot_set(slot, data) g_private_set (&ssem_thread_slots_[slot], data)

#else

/* Not of the model "initial-exec", which is a little faster: a library that has it cannot be loaded
 * by a program that runs already, with musl never, and with glibc not once other libraries have used
 * up the room that is kept for that. */
extern G_GNUC_INTERNAL _Thread_local gpointer ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

#define ssem_thread_slot_get(slot)       ssem_thread_slots_[slot]
#define ssem_thread_slot_set(slot, data) (ssem_thread_slots_[slot] = (data))

#endif

G_END_DECLS
