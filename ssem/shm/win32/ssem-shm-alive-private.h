/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <windows.h>

G_BEGIN_DECLS

/* The sign by which other processes know that this process is alive: the name of an event. The
 * design note is in ssem-shm-alive.c. Functions return 0 or -errno unless stated otherwise. */

/* Sets @id to the process id of this process, and shows the process as alive from the first call
 * on. */
int  ssem_shm_alive_enroll       (guint64 *id);

/* Returns whether the process with that id is alive: 1, also if in doubt, or 0. */
int  ssem_shm_alive_ask          (guint64  id);

/* Opens the event by which a process learns that others have attached. The process with that id is
 * this process, or one that listens. */
int  ssem_shm_alive_use_arrivals (guint64  id,
                                  HANDLE  *event);

G_END_DECLS
