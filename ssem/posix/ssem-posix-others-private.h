/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-lock-file-private.h"

G_BEGIN_DECLS

/* Finds out whether programs that do not use this library have a semaphore open. They have no lock
 * on its file. ssem-posix-others.c explains how. */

/* Returns how many bytes this library maps: more than the C library does. */
gsize    ssem_posix_others_get_own_size (void);

/* Returns whether no other program has the open file @self open. If so, other programs wait in
 * open (2) until ssem_posix_others_let_in (). Needs the attach lock, and that no other process has
 * the alive lock. Allocates and frees nothing. */
gboolean ssem_posix_others_shut_out     (SsemLockFile *self);
void     ssem_posix_others_let_in       (SsemLockFile *self);

/* Returns whether a process may have the file mapped. @fd is open for reading only. */
gboolean ssem_posix_others_may_use      (int           fd);

G_END_DECLS
