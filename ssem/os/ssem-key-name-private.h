/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A name for what belongs to a key, made as Qt makes it, so that both find the same: @prefix, the
 * key's ASCII letters, and the SHA-1 of its UTF-8 in hexadecimal. (Qt's qtbase:
 * QSharedMemoryPrivate::makePlatformSafeKey.) A file name holds no more than 255 bytes, so letters
 * past the 200th, where Qt fails, are left out; the hash tells such keys apart. */
char *ssem_key_name   (const char *prefix,
                       const char *key);

/* The directory for what belongs to keys, as the environment names it. A relative path is taken from
 * the current directory, since the program may change that later. Links are resolved, since they may
 * lead elsewhere later. */
char *ssem_key_folder (const char *folder);

G_END_DECLS
