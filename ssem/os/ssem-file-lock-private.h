/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Locks on single bytes of a file, which the kernel drops when their owner dies.
 *
 * The owner is the open file description: a thread that opens the file on its own has locks of its
 * own, and a forked child that keeps the descriptor keeps the parent's locks alive, so it must
 * close it. Locks lie past the end of the file as well as inside it. See fcntl_locking(2), "Open
 * file description locks". Systems without them have the older locks, whose owner is the process.
 *
 * All answer 0 or -errno.
 */
typedef enum
{
  SSEM_FILE_LOCK_NONE,
  SSEM_FILE_LOCK_SHARED,
  SSEM_FILE_LOCK_EXCLUSIVE,
} SsemFileLock;

/* Blocks until the lock is there. */
int ssem_file_lock_wait  (int          fd,
                          goffset      byte,
                          SsemFileLock lock);

/* -EAGAIN where another owner is in the way. Also turns a lock into another, and drops it. */
int ssem_file_lock_try   (int          fd,
                          goffset      byte,
                          SsemFileLock lock);

/* 1 where another owner has a lock, of any sort, on one of @n bytes, else 0. */
int ssem_file_lock_query (int          fd,
                          goffset      first,
                          goffset      n);

/* Adds to @bytes, goffsets, which of @n bytes others have locked, up to @max of them: 0 or -errno. */
int ssem_file_lock_list  (int          fd,
                          goffset      first,
                          goffset      n,
                          guint        max,
                          GArray      *bytes);

/* FALSE where the process is the owner: there, whoever opens and closes a file loses the locks that
 * it has on it, and nobody can ask for its own. */
gboolean ssem_file_lock_is_of_description (void);

G_END_DECLS
