/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* What the portable core needs from a system.
 *
 * The core, in ssem/shm, is memory and atomics. Each system implements the functions below in a
 * directory of its own, as ssem/shm/linux; Meson picks the directory. The test `port` has an
 * implementation of most of them, in which threads play processes.
 *
 * Functions return 0 or -errno unless stated otherwise. Only ssem_shm_sleep () waits for another
 * process.
 */

/* This process as a member of those that share a segment. The system's own struct begins with
 * this. */
typedef struct
{
  SsemShmSegment *segment; /* NULL while closed; constant while an instance is open */
  guint64 attach_id;       /* of this process, in the segment */
  guint64 incarnation;     /* of the semaphore; stays when the segment is closed; 0 before */
  gboolean expects_none;   /* a hint for attach (): this process has removed the last segment */
} SsemShmMember;

/* What attaching does if there is a segment, or if there is none. */
typedef enum
{
  SSEM_SHM_OPEN_EXISTING,  /* fails with -ENOENT if there is none */
  SSEM_SHM_OPEN_OR_CREATE,
  SSEM_SHM_CREATE_NEW,     /* fails with -EEXIST if a process is attached; replaces a leftover */
  SSEM_SHM_JOIN,           /* opens the segment if a process is attached; replaces a leftover */
} SsemShmOpening;

/* Prepares the system's part. Call it before the other functions. */
void           ssem_shm_port_init (void);

/* Removes what the system's part has left, at exit () and after the last leave (). Allocates and
 * frees nothing. */
void           ssem_shm_port_exit (void);

/* --- The segment --- */

/* Creates an object for the semaphore of @key, closed. */
SsemShmMember *ssem_shm_member_new   (const char    *key);
void           ssem_shm_member_free  (SsemShmMember *self);

/* Returns a new string that is the same for each spelling of the directory of @self, and different
 * for each semaphore. */
char          *ssem_shm_member_make_name (SsemShmMember *self);

/* Notes what ssem_shm_port_exit () has to know of @self. Not from two threads concurrently. */
void           ssem_shm_member_prepare_exit (SsemShmMember *self);

/* Opens and maps the segment of the key, creating it with @initial_value if @opening says so, and
 * makes this process one of those that are attached. -EIDRM if the segment is not of @incarnation,
 * unless that is 0. Sets @is_new to whether it was created. Other errors: -EACCES for another
 * user's segment, -ELOOP for a link, -EBADMSG for what is no segment of this key, -EPROTO for
 * another version's. */
int            ssem_shm_member_attach (SsemShmMember  *self,
                                       int             initial_value,
                                       SsemShmOpening  opening,
                                       guint64         incarnation,
                                       gboolean       *is_new);

/* Makes a lingering process attached again. -EIDRM if the segment has been removed. */
int            ssem_shm_member_rejoin (SsemShmMember *self);

/* Ends being attached; the last process removes the segment. With @lingers other processes go on to
 * see this process as alive, so that they do not reclaim what it holds. Returns whether the segment
 * was removed. The segment stays mapped. */
gboolean       ssem_shm_member_leave (SsemShmMember *self,
                                      gboolean       lingers);

/* Unmaps and closes the segment, which ends being alive for other processes. */
void           ssem_shm_member_close (SsemShmMember *self);

/* Closes, in a child of fork (), what the child has inherited from its parent. */
void           ssem_shm_member_forget (SsemShmMember *self);

/* Removes the segment of the key if no process is attached; -EBUSY if one is. @self is closed. */
int            ssem_shm_member_remove_leftover (SsemShmMember *self);

/* Returns 0 if the key still leads to this segment; -EIDRM if it leads elsewhere, -EBADF if the
 * program has closed the descriptor. */
int            ssem_shm_member_check_name (SsemShmMember *self);

/* Returns 0 if the segment is in use as it should be; -EIDRM if an outsider has removed it, -EBADF
 * as above. */
int            ssem_shm_member_check_use (SsemShmMember *self);

/* Returns the name that an error message should give when opening failed. */
const char    *ssem_shm_member_get_culprit (SsemShmMember *self);

/* Enlarges the segment by more slots. -EUSERS if there are as many as possible. Two threads may do
 * so concurrently. */
int            ssem_shm_member_grow (SsemShmMember *self);

/* --- Liveness --- */

/* Returns whether is_alive () can be trusted. FALSE if the program has closed what it asks
 * through. */
gboolean       ssem_shm_member_can_ask  (SsemShmMember *self);

/* Returns whether the process with that attach id is alive; TRUE if in doubt. */
gboolean       ssem_shm_member_is_alive (SsemShmMember *self,
                                         guint64        attach_id);

/* Looks for dead processes after a death has been noticed. The first look may come before the dead
 * process is seen as dead, so more looks follow; the last one is marked. Runs in a thread of the
 * system's part, and never after unwatch () has returned. */
typedef void (*SsemShmDeathFunc) (SsemShmMember *self,
                                  gboolean       is_last);

/* Makes this process call @func after the death of another member, if too few processes do so
 * already. Returns whether it did. */
gboolean       ssem_shm_member_watch   (SsemShmMember    *self,
                                        SsemShmDeathFunc  func);

/* Ends watching. Harmless if this process does not watch. */
void           ssem_shm_member_unwatch (SsemShmMember    *self);

/* --- Sleep and wake --- */

/* Sleeps, as the waiter of @slot, if the lower half of `state` is @expected. May return early at
 * any time. Returns FALSE if @deadline_usec, in monotonic time, has passed. */
gboolean       ssem_shm_sleep      (SsemShmMember *self,
                                    guint32        slot,
                                    guint32        expected,
                                    gint64         deadline_usec);

/* Wakes up to @n sleepers, G_MAXINT for all. Returns how many were asleep. */
int            ssem_shm_wake       (SsemShmMember *self,
                                    int            n);

/* Wakes the sleeper of @slot, and maybe others. */
void           ssem_shm_wake_slot  (SsemShmMember *self,
                                    guint32        slot);

G_END_DECLS
