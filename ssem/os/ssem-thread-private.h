/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Starts a thread of the library's own, which ends by itself. Signals are the program's: the thread
 * gets none of them. FALSE with the error set when the system has no more threads. */
gboolean ssem_thread_start (const char   *name,
                            GThreadFunc   func,
                            gpointer      data,
                            GError      **error);

G_END_DECLS
