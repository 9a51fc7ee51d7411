/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Locks on bytes of a file, which the kernel drops when their owner dies.
 *
 * The owner is the open file (the "open file description"). A thread that opens the file itself has
 * its own locks. A forked child that keeps a copy of the descriptor keeps the parent's locks, so it
 * must close the copy. Locks may lie past the end of the file. See fcntl_locking(2), "Open file
 * description locks". Systems without them have the older locks, whose owner is the process.
 *
 * Functions return 0 or -errno unless they say otherwise.
 */
typedef enum
{
  SSEM_FILE_LOCK_NONE,
  SSEM_FILE_LOCK_SHARED,
  SSEM_FILE_LOCK_EXCLUSIVE,
} SsemFileLock;

/* Waits for the lock. */
int ssem_file_lock_wait  (int          fd,
                          goffset      byte,
                          SsemFileLock lock);

/* Takes, changes or drops a lock on each of @n bytes in one step, without waiting; -EAGAIN where
 * another owner has a lock on one of them. */
int ssem_file_lock_try   (int          fd,
                          goffset      first,
                          goffset      n,
                          SsemFileLock lock);

/* Returns 1 where another owner has a lock of any kind on one of @n bytes, else 0; or -errno. */
int ssem_file_lock_query (int          fd,
                          goffset      first,
                          goffset      n);

/* Adds to @bytes, an array of goffset, up to @max of the @n bytes that other owners have locked. */
int ssem_file_lock_list  (int          fd,
                          goffset      first,
                          goffset      n,
                          guint        max,
                          GArray      *bytes);

/* Returns FALSE where the process is the owner. There, a process that opens and closes a file loses
 * its locks on the file, and cannot query its own locks. */
gboolean ssem_file_lock_is_of_description (void);

G_END_DECLS
