/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <semaphore.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* What the file of a POSIX semaphore contains.
 *
 * The C library maps the first bytes of the file as a sem_t, and looks at no other byte. After the
 * sem_t, the first process of this library that opens the file writes a record. So the record is
 * gone when the semaphore is, and a file that another program puts in its place has no record.
 *
 *   field         meaning
 *   magic         The record is complete. This field is written last.
 *   layout        identifies the version of the library that wrote the record.
 *   made_by_us    1: this library created the semaphore, and removes it. 0: another program did.
 *   initial       the value at the creation or the last reset; -1 if another program set it.
 *   key_length,   the key, as far as it is known: it cannot be read from a name that is a hash.
 *   key
 *   is_replaced   1: the mode CREATE has put another file in the place of this one.
 *   is_listening  1: an acquire of several units listens for added units. A release sets the word
 *                 to 0 and wakes the threads that sleep on it. A listener sets the word to 1 before
 *                 each look, so a 1 that a dead process left costs one wake-up.
 *   collecting    when the lock of the collectors expires, in microseconds of the monotonic clock;
 *                 0 while it is free. Bit 0 is set while other threads wait for the lock. A process
 *                 that dies or is stopped keeps the lock no longer than that. No clock of another
 *                 time name space can make it last longer: see ssem-posix-acquire.c.
 *   turn          changes when the lock becomes free while other threads wait for it. They sleep on
 *                 this word.
 *
 * The first fields are written with the attach lock. Any process writes the atomic fields at any
 * time, and no value of theirs does more harm than a delay.
 *
 * A sem_t has another size in 32-bit processes, so they cannot share it with 64-bit processes.
 */

#define SSEM_POSIX_KEY_MAX 1024

typedef struct
{
  char magic[8];
  guint32 layout;
  guint32 made_by_us;
  gint32 initial;
  atomic_uint_least32_t is_replaced;
  atomic_uint_least32_t is_listening;
  atomic_uint_least32_t turn;
  _Alignas (8) atomic_uint_least64_t collecting;
  guint32 key_length;
  char key[SSEM_POSIX_KEY_MAX];
} SsemPosixRecord;

/* The record has a cache line of its own: releases read it, and only rare calls write it. */
typedef struct
{
  _Alignas (64) sem_t semaphore;
  _Alignas (64) SsemPosixRecord record;
} SsemPosixContent;

G_END_DECLS
