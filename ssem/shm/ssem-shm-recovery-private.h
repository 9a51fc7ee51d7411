/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* Finds dead processes, and does for them what they can no longer do.
 *
 * Functions that return an int return how many dead processes they found; or an error of
 * ssem_shm_member_ask (), which ends the search. The design note is in ssem-shm-recovery.c.
 */

/* Looks for dead processes that hold units, for a try or a read of the value. Does nothing if a
 * process has looked shortly before. */
int      ssem_shm_recovery_look         (SsemShmMember *member);

/* The same for a waiter: one waiter looks each second, for all. */
int      ssem_shm_recovery_look_as_waiter (SsemShmMember *member);

/* The same, whenever others have looked: for a process that has begun to watch, at the time that is
 * in `next_wait_look` then. */
int      ssem_shm_recovery_look_again   (SsemShmMember *member);

/* Looks for all dead processes, and frees their slots. */
int      ssem_shm_recovery_sweep        (SsemShmMember *member);

/* Looks for dead waiters, and counts the live ones again. */
int      ssem_shm_recovery_sweep_waiters (SsemShmMember *member);

/* Makes this process one of the few that watch for deaths, if too few do. Sets @is_watched to
 * whether some process watches now. Returns whether this process has begun to. */
gboolean ssem_shm_recovery_watch        (SsemShmMember *member,
                                         gboolean      *is_watched);

gboolean ssem_shm_recovery_is_watching  (SsemShmMember *member);

/* Ends watching. Returns whether this process did. */
gboolean ssem_shm_recovery_unwatch      (SsemShmMember *member);

G_END_DECLS
