/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-process-private.h"
#include "ssem/os/ssem-snapshot-private.h"

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The file of a semaphore, open and mapped. Two locks on the file show which processes are
 * attached. Each lock is on a byte past the end of the file:
 *
 *   attach lock   exclusive. A process has this lock while it attaches, resets, leaves or removes
 *                 the semaphore. Before a process unlinks the file, it takes the attach lock and
 *                 checks that the path still names this file.
 *   alive lock    shared. A process has this lock while it is attached. If a process has the attach
 *                 lock and no other process has the alive lock, this process is the last.
 *
 * The kernel unlocks both locks when their owner dies, so a crash leaves no lock behind.
 *
 * Functions return 0 or -errno unless they say otherwise.
 */
typedef struct
{
  /* -1 when closed. The descriptor is stored before the file is locked, so that a child of fork ()
   * can close its copy. */
  atomic_int fd;
  SsemFileIdentity identity; /* which file fd refers to */
  gpointer memory;           /* stays mapped when the file is closed; NULL in a child of fork () */
  gsize size;                /* of the mapping; constant after init */
} SsemLockFile;

#define SSEM_LOCK_FILE_ATTACH (G_GINT64_CONSTANT (1) << 32)
#define SSEM_LOCK_FILE_ALIVE  ((G_GINT64_CONSTANT (1) << 32) + 1)

/* Fills a new file that has the attach lock, and whose content is mapped. Returns 0 or -errno. */
typedef int (* SsemLockFileFillFunc) (SsemLockFile *file,
                                      gpointer      data);

/* Initialises @self as a closed file, of which @size bytes are to be mapped. */
void     ssem_lock_file_init             (SsemLockFile         *self,
                                          gsize                 size);

/* Opens and maps the file at @path without a lock. Fails as ssem_file_open () does; -ENOENT if
 * there is no file. The file may be shorter than the mapping. Access to what it lacks is a
 * SIGBUS. */
int      ssem_lock_file_open             (SsemLockFile         *self,
                                          const char           *path);

/* Creates, opens and maps a file, takes the attach lock, and fills the file with @fill. -EEXIST if
 * there is a file.
 *
 * On most file systems, the file appears at @path complete and with the attach lock. On others, the
 * file appears empty if @may_appear_empty, and another process may take the attach lock first. Then
 * this function returns -EEXIST. Without @may_appear_empty, it returns -EOPNOTSUPP there. */
int      ssem_lock_file_create           (SsemLockFile         *self,
                                          const char           *path,
                                          gboolean              may_appear_empty,
                                          SsemLockFileFillFunc  fill,
                                          gpointer              data);

/* Returns whether the descriptor is open and still refers to this file: see
 * ssem-file-identity-private.h. */
gboolean ssem_lock_file_has_descriptor   (SsemLockFile         *self);

/* Waits for the attach lock. */
int      ssem_lock_file_lock             (SsemLockFile         *self);

/* Tries to take the attach lock; -EAGAIN if another process has this lock. */
int      ssem_lock_file_try_lock         (SsemLockFile         *self);

/* Waits for the attach lock. Returns whether this process has it, and no other process has the
 * alive lock. */
gboolean ssem_lock_file_lock_as_last     (SsemLockFile         *self);

/* Takes the alive lock. Needs the attach lock. */
int      ssem_lock_file_lock_alive       (SsemLockFile         *self);

/* Returns whether another process has the alive lock. */
gboolean ssem_lock_file_others_are_alive (SsemLockFile         *self);

/* Unlocks the attach lock. */
void     ssem_lock_file_unlock           (SsemLockFile         *self);

/* Unlocks both locks and returns the descriptor, which the caller closes. The content stays
 * mapped. */
int      ssem_lock_file_steal_descriptor (SsemLockFile         *self);

/* Unlocks both locks and closes the file, if it is open. The content stays mapped, because threads
 * may still read it. */
void     ssem_lock_file_close            (SsemLockFile         *self);

/* Unmaps the content. */
void     ssem_lock_file_unmap            (SsemLockFile         *self);

/* Closes the copy of the descriptor in a child of fork (). The child has no copy of the mapping. */
void     ssem_lock_file_discard_in_child (SsemLockFile         *self);

/* Does the same as ssem_lock_file_others_are_alive () for a descriptor that has no lock itself. */
gboolean ssem_lock_file_has_attached     (int                   fd);

/* Counts the processes that are attached to each of @n semaphores, none of which is a leftover:
 * sets n_attached of each of @snapshots by the alive locks of the file in @files, if they can be
 * counted. One pass counts for all semaphores, because reading the system's list of locks takes
 * time. */
void     ssem_lock_file_count_attached   (SsemSnapshot        **snapshots,
                                          SsemLockCount        *files,
                                          guint                 n);

G_END_DECLS
