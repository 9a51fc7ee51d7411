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
  SsemShmSegment *segment;  /* NULL while closed; constant while an instance is open */
  SsemShmSegment *prepared; /* a segment that is not published yet; NULL if there is none */
  guint64 attach_id;        /* of this process; 0 before ssem_shm_member_enroll () */
  guint64 incarnation;      /* of the semaphore; stays when the segment is closed; 0 before */
} SsemShmMember;

/* Prepares the system's part. Call it before the other functions. */
void           ssem_shm_port_init (void);

/* Removes what the system's part has left, at exit () and after the last leave. Allocates and frees
 * nothing. */
void           ssem_shm_port_exit (void);

/* --- The segment --- */

/* Creates an object for the semaphore of @key, closed. */
SsemShmMember *ssem_shm_member_new   (const char    *key);
void           ssem_shm_member_free  (SsemShmMember *self);

/* Returns a new string that is the same for each spelling of the directory of @self, and different
 * for each semaphore. */
char          *ssem_shm_member_make_name (SsemShmMember *self);

/* Opens and maps the segment of the key, also one that has been removed and still has its name.
 * -ENOENT if there is none. Other errors: -EACCES for another user's segment, -ELOOP for a link,
 * -EBADMSG for what is no segment of this key, -EPROTO for another version's. */
int            ssem_shm_member_open    (SsemShmMember *self);

/* Creates `prepared`, a segment that no other process finds. @incarnation 0 means a new one. */
int            ssem_shm_member_prepare (SsemShmMember *self,
                                        int            initial_value,
                                        guint64        incarnation);

/* Gives `prepared` the name of the key and makes it the segment of @self, which is closed. -EEXIST
 * if another segment has the name, -ENOENT if something needs to be created again. */
int            ssem_shm_member_publish (SsemShmMember *self);

/* Removes the name of the segment, which has been marked as removed. Succeeds if another process
 * has done so. Allocates and frees nothing. */
int            ssem_shm_member_remove  (SsemShmMember *self);

/* Removes what a killed process may have left of the key, which has no segment. -EACCES or -ELOOP
 * if the directory is not the user's own. */
int            ssem_shm_member_clear_rest (SsemShmMember *self);

/* Unmaps and closes the segment, if it is open; ssem_shm_member_discard () does so with
 * `prepared`. */
void           ssem_shm_member_close   (SsemShmMember *self);
void           ssem_shm_member_discard (SsemShmMember *self);

/* Closes, in a child of fork (), what the child has inherited from its parent. Takes no lock. */
void           ssem_shm_member_forget  (SsemShmMember *self);

/* Returns 0 if the key still leads to this segment; -EIDRM if it leads elsewhere, or if an outsider
 * has removed what shows this process as alive. */
int            ssem_shm_member_check_name (SsemShmMember *self);

/* Returns 0 if the segment is in use as it should be; -EIDRM if an outsider has removed it, or what
 * shows this process as alive. */
int            ssem_shm_member_check_use (SsemShmMember *self);

/* Returns the name that an error message should give when opening failed. */
const char    *ssem_shm_member_get_culprit (SsemShmMember *self);

/* Enlarges the segment by more slots. -EUSERS if there are as many as possible. Two threads may do
 * so concurrently. */
int            ssem_shm_member_grow (SsemShmMember *self);

/* --- Liveness --- */

/* Gives this member an attach id of its own, by which others know that this process is alive. */
int            ssem_shm_member_enroll   (SsemShmMember *self);

/* Ends that: the process has freed its slots, or the segment has been removed. So nobody will ask.
 * Allocates and frees nothing. */
void           ssem_shm_member_unenroll (SsemShmMember *self);

/* Is called when a slot of the segment shows this process as attached, for a system whose watchers
 * have to learn of each process. */
void           ssem_shm_member_arrive   (SsemShmMember *self);

/* Returns whether the process with that attach id is alive: 1, also if in doubt, or 0. -EIDRM if an
 * outsider has removed what shows processes as alive, -EBADF if that is out of reach. */
int            ssem_shm_member_ask      (SsemShmMember *self,
                                         guint64        attach_id);

/* Removes what shows a dead process. Other segments may still name it; it stays dead. */
void           ssem_shm_member_bury     (SsemShmMember *self,
                                         guint64        attach_id);

/* Is called once for each process that has died, whether or not it was a member of this segment.
 * Runs in a thread of the system's part, and never after unwatch () has returned. */
typedef void (*SsemShmDeathFunc) (SsemShmMember *self,
                                  guint64        process_id);

/* Is called if watching ends by itself, for example because the program has closed a descriptor. */
typedef void (*SsemShmDeafFunc)  (SsemShmMember *self);

/* Calls @func from now on after each death. Returns FALSE if the system cannot do that. */
gboolean       ssem_shm_member_watch   (SsemShmMember    *self,
                                        SsemShmDeathFunc  func,
                                        SsemShmDeafFunc   end);

/* Ends watching. Harmless if this process does not watch. */
void           ssem_shm_member_unwatch (SsemShmMember    *self);

/* --- Sleep and wake --- */

/* Sleeps, as the waiter of @slot, if the upper half of `state` is @expected. Returns 0 if it was
 * woken, and may do so early at any time; -ETIMEDOUT if @deadline_usec, in monotonic time, has
 * passed, or if the system cannot wake this thread; -EINTR if a signal handler ran in this
 * thread. */
int            ssem_shm_sleep      (SsemShmMember *self,
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
