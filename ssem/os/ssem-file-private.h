/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"

#include <glib.h>

G_BEGIN_DECLS

/* Opens, creates, reads, writes and enlarges files of the user's own.
 *
 * Functions return 0 or a value, or -errno. No call is ended by a signal. A new descriptor is
 * close-on-exec and is never the number of a standard stream. @identity, if not NULL, becomes the
 * identity of the file.
 */

/* Opens a regular file for @access, which is O_RDONLY, O_WRONLY or O_RDWR. Follows no link and
 * never waits for the other end of a FIFO. Returns the descriptor; -ELOOP for a link, -EACCES for
 * another user's file, -EBADMSG for what is not a regular file. */
int      ssem_file_open            (const char       *path,
                                    int               access,
                                    SsemFileIdentity *identity);

/* The same in the directory @directory_fd. */
int      ssem_file_open_at         (int               directory_fd,
                                    const char       *path,
                                    int               access,
                                    SsemFileIdentity *identity);

/* Creates a file that only its owner may read and write, whatever the umask is. Returns the
 * descriptor; -EEXIST where the name is taken. */
int      ssem_file_create          (const char       *path,
                                    SsemFileIdentity *identity);

/* The same in the directory @directory_fd. Sets @was_masked, if not NULL, to whether the umask
 * takes rights from the owner. */
int      ssem_file_create_at       (int               directory_fd,
                                    const char       *path,
                                    SsemFileIdentity *identity,
                                    gboolean         *was_masked);

/* Creates such a file without a name: ssem_file_link () gives it one. Until then the file goes with
 * its last descriptor. Returns the descriptor; -EOPNOTSUPP, -EISDIR or -EINVAL where the file
 * system cannot do that. */
int      ssem_file_create_nameless (const char       *directory,
                                    SsemFileIdentity *identity);

/* Reads @size bytes from @offset. Returns how many were read, which is less than @size only at the
 * end of the file. */
gssize   ssem_file_read            (int               fd,
                                    void             *buffer,
                                    gsize             size,
                                    goffset           offset);

/* Writes @size bytes at @offset. After that, these bytes have room on the disk, as after
 * ssem_file_reserve (). -EFBIG where RLIMIT_FSIZE is lower. Writing takes less time than reserving
 * for a file that is soon removed: many file systems choose blocks only when they write to the
 * disk. */
int      ssem_file_write           (int               fd,
                                    const void       *buffer,
                                    gsize             size,
                                    goffset           offset);

/* Reserves room on the disk for the first @size bytes, since a write to a mapping that finds none
 * is a SIGBUS. -EFBIG where RLIMIT_FSIZE is lower: a file that grows past the limit is a
 * SIGXFSZ. */
int      ssem_file_reserve         (int               fd,
                                    goffset           size);

/* Sets the times of the file at @path to now, if that is possible, so that inotify (7) reports it.
 * A descriptor does not do for a file that was created without a name: the report has no name
 * either. */
void     ssem_file_touch           (const char       *path);

/* Returns whether a file or a link at @path belongs to a user other than the effective user of this
 * process. @owner, if not NULL, becomes that user's ID. */
gboolean ssem_file_is_of_other     (const char       *path,
                                    guint            *owner);

/* Keeps a new descriptor clear of the numbers of the standard streams. A program that was started
 * without these streams still reads and writes to them, and must not reach a file of the library.
 * Returns @fd, or its replacement; or -errno, and closes @fd. */
int      ssem_file_avoid_standard_streams (int fd);

G_END_DECLS
