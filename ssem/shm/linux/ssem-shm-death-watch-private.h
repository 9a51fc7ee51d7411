/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-file-private.h"

G_BEGIN_DECLS

/* The death bell: a thread that hears when a process that is attached to a semaphore dies, and
 * settles that death. The design note is in ssem-shm-death-watch.c. */

/* To be called before the others. */
void     ssem_shm_death_watch_init    (void);

/* Makes this process, which has taken one of the listeners' places, listen for @file. That stays
 * where it is until it is unwatched. Answers whether this process listens. */
gboolean ssem_shm_death_watch_watch   (SsemShmFile *file);

/* Returns when the bell's thread does not touch @file any more. Harmless for one that is not
 * watched. */
void     ssem_shm_death_watch_unwatch (SsemShmFile *file);

G_END_DECLS
