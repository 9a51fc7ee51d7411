/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/ssem-types.h"

#include <glib.h>

G_BEGIN_DECLS

/* Which object of the system a program of Qt makes of a string. A file for each platform. */

/* Returns the type that Qt uses on this system if a program names none. */
SsemBackend ssem_qt_key_default_type (SsemQtNaming  naming);

/* Returns whether Qt on this system has semaphores of the type @type. */
gboolean    ssem_qt_key_has_type     (SsemBackend   type);

/* Returns the native key of the semaphore of the string @key, for a type that Qt has. Returns NULL
 * if the environment names a directory that is not UTF-8. */
char       *ssem_qt_key_make         (const char   *key,
                                      SsemBackend   type,
                                      SsemQtNaming  naming);

G_END_DECLS
