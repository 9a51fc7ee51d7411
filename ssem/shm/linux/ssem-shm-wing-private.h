/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-linux-member-private.h"

G_BEGIN_DECLS

/* Where the locks of a crowd lie, by which its members are known as alive: see ssem-shm-wing.c.
 *
 * A process's number tells its wing. Wing 0 is the segment's own file; whoever is there needs none
 * of this. Functions answer 0 or -errno unless they say otherwise.
 */
#define SSEM_SHM_WING_BITS 6
#define SSEM_SHM_N_WINGS   (1 << SSEM_SHM_WING_BITS)

#define SSEM_SHM_WING(process)        ((guint) ((process) & (SSEM_SHM_N_WINGS - 1)))
#define SSEM_SHM_PROCESS(count, wing) ((guint64) (count) << SSEM_SHM_WING_BITS | (wing))

/* The wing for the process that comes as the @count-th. */
guint    ssem_shm_wing_choose (SsemShmLinuxMember    *self,
                               guint64         count);

/* Opens the wing of @self's process, and creates it where need be. */
int      ssem_shm_wing_enter  (SsemShmLinuxMember    *self,
                               guint           wing);

/* Returns FALSE if the descriptor of the wing is another file's by now. */
gboolean ssem_shm_wing_is_open (SsemShmLinuxMember *self);

/* Forgets, without touching it, such a descriptor. */
void     ssem_shm_wing_disown (SsemShmLinuxMember *self);

void     ssem_shm_wing_close  (SsemShmLinuxMember    *self);

/* As ssem_file_lock_query(), in @wing of the segment: 1, 0 or -errno; -ENOENT where it is not
 * there. */
int      ssem_shm_wing_query  (SsemShmLinuxMember    *self,
                               guint           wing,
                               goffset         first,
                               goffset         n);

/* Opens @wing of the segment with that birth: a descriptor or -errno; -ENOENT where nobody has ever
 * come to it. */
int      ssem_shm_wing_open   (SsemShmLinuxMember    *self,
                               guint64         birth,
                               guint           wing);

/* The folder that they lie in. */
char    *ssem_shm_wing_get_folder (SsemShmLinuxMember *self);

/* Removes the names of all wings of a doomed segment. */
void     ssem_shm_wing_remove (SsemShmLinuxMember    *self);

G_END_DECLS
