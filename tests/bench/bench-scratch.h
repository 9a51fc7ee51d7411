/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where a run keeps everything that has a name: one folder on the disk and one in memory. What the
 * system keeps elsewhere, System V sets and named sem_t, can be found from there. So all of it goes
 * at the end, whatever happened to the processes that made it. */

/* Makes the folders; once, before anything else. */
void  bench_scratch_open       (void);

/* Works in the folders of another process, which made them and will remove them. */
void  bench_scratch_adopt      (const char *folder);

/* The folder on the disk, for adopting it. */
const char *bench_scratch_folder (void);

/* Makes this process and what it starts work in them. @in_memory: the semaphores under test keep
 * their files in memory by themselves, so they must do it here, too. */
void  bench_scratch_enter      (gboolean    in_memory);

/* A name for a temporary file; free it. */
char *bench_scratch_file       (const char *name);

/* Remembers that a set with this identifier exists, and that it doesn't any more. */
void  bench_scratch_note       (const char *kind,
                                int         id);
void  bench_scratch_forget     (const char *kind,
                                int         id);

/* A name for sem_open(3); free it. */
char *bench_scratch_sem_t_name (unsigned int hash);

/* Removes all that there is, and with the last one the folders, too. */
void  bench_scratch_sweep      (void);
void  bench_scratch_close      (void);

G_END_DECLS
