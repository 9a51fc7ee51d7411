/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/ssem-types.h"

#include <glib.h>

G_BEGIN_DECLS

/* A native key names an object of the system exactly. Its text has the form of Qt's QNativeIpcKey,
 * so that programs can pass it to each other:
 *
 *   posix:NAME      a semaphore of sem_open (3)
 *   systemv:PATH    a set of semget (2), whose key is ftok (PATH, 'Q')
 *   systemv-N:PATH  the same with ftok (PATH, N), where N is 1 to 255
 *   windows:NAME    a semaphore of CreateSemaphoreW ()
 *
 * The name is percent-encoded UTF-8. As in Qt, the type may have upper-case letters, a fragment
 * after `#` has no meaning, and the only field that a query may have is legacyKey: the string that
 * a program of Qt made the name of. Programs do not need that field to find the object.
 */

/* The project number of ftok (3) that Qt uses: 'Q'. */
#define SSEM_NATIVE_KEY_PROJECT 81

/* How long a text may be, in bytes: the longest path that a system call takes. */
#define SSEM_NATIVE_KEY_MAX_BYTES 4096

typedef struct
{
  SsemBackend backend; /* POSIX, SYSV or WINDOWS */
  int project;         /* with SYSV; else 0 */
  char *name;          /* decoded: not empty, UTF-8 */
} SsemNativeKey;

/* What is wrong with a text. */
typedef enum
{
  SSEM_NATIVE_KEY_VALID,
  SSEM_NATIVE_KEY_NOT_TEXT, /* the text or the name is not UTF-8 without null characters, or is too
                             * long */
  SSEM_NATIVE_KEY_UNKNOWN_TYPE,
  SSEM_NATIVE_KEY_BAD_ESCAPE,
  SSEM_NATIVE_KEY_HAS_HOST,
  SSEM_NATIVE_KEY_UNKNOWN_FIELD,
  SSEM_NATIVE_KEY_EMPTY,
} SsemNativeKeyFault;

/* Parses @text into @key, which the caller clears with ssem_native_key_clear (). For another result
 * than VALID, leaves @key without a name, and sets @part to the part of @text that is wrong. The
 * caller frees @part, which may be NULL. */
SsemNativeKeyFault ssem_native_key_parse  (const char     *text,
                                           SsemNativeKey  *key,
                                           char          **part);

/* Returns the text of a native key, encoded as Qt encodes it. @project is that of SYSV; other
 * backends ignore it. Returns NULL for a name that is not UTF-8, such as a path in a directory that
 * the environment names: no text can pass it on. */
char              *ssem_native_key_format (SsemBackend     backend,
                                           int             project,
                                           const char     *name);

void               ssem_native_key_clear  (SsemNativeKey  *key);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SsemNativeKey, ssem_native_key_clear)

G_END_DECLS
