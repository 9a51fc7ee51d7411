/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include <stdatomic.h>

G_BEGIN_DECLS

/* Messages for who debugs a program: G_MESSAGES_DEBUG=Ssem. They are not translated.
 *
 * GLib's log allocates, takes locks, and calls functions of the program. So a message must not come
 * from what may run in a signal handler: acquire () without a wait, and release (). At exit there
 * are none, because a signal handler may call exit ().
 */
extern G_GNUC_INTERNAL atomic_bool ssem_debug_is_on;

#define ssem_debug(...) \
  G_STMT_START \
    { \
      if (G_UNLIKELY (atomic_load_explicit (&ssem_debug_is_on, memory_order_relaxed))) \
        g_debug (__VA_ARGS__); \
    } \
  G_STMT_END

/* Asks GLib whether a debug message of the library is shown. */
void ssem_debug_init (void);

/* A semaphore was created, or removed from the system. @path is where it is, or was. */
void ssem_debug_created   (const char *path);
void ssem_debug_removed   (const char *path);

/* The units of dead processes were given back. */
void ssem_debug_reclaimed (int         n_processes,
                           const char *path);

/* No message comes after this. */
void ssem_debug_end  (void);

G_END_DECLS
