/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns the name that Qt makes for a key, so that both libraries find the same object: @prefix,
 * the key's ASCII letters, and the SHA-1 of its UTF-8 in hexadecimal. (See Qt's qtbase:
 * QSharedMemoryPrivate::makePlatformSafeKey.) A file name has at most 255 bytes, so the name leaves
 * out letters past the 200th, where Qt fails. The hash distinguishes such keys. */
char *ssem_key_name      (const char *prefix,
                          const char *key);

/* Returns the whole name that Qt makes for a semaphore's key, with all letters. */
char *ssem_key_name_of_qt (const char *key);
#define SSEM_KEY_QT_PREFIX "qipc_systemsem_"

/* Returns a name for a key that Qt does not use: "ssem_" and the key, escaped as in a URI. If that
 * is longer than @max_length, which is at least 245, returns "ssem=", the key's letters and its
 * hash. No two keys have the same name. */
char *ssem_key_encode    (const char *key,
                          gsize       max_length);

/* What each of these names begins with. */
#define SSEM_KEY_ENCODED_PREFIX "ssem"

/* Returns @directory, which the environment names, as an absolute path without links. The program
 * may change its current directory later, and links may lead elsewhere then. */
char *ssem_key_directory (const char *directory);

/* Returns the directory for temporary files, as Qt finds it on Unix: TMPDIR, or /tmp. */
char *ssem_key_temporary_directory (void);

G_END_DECLS
