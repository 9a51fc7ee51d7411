/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Tells when something appears in a directory or disappears from it: see ssem-directory-watch.c. */
typedef struct _SsemDirectoryWatch SsemDirectoryWatch;

typedef void (* SsemDirectoryChangedFunc) (gpointer data);

/* Watches what in @directory has a name that begins with @prefix. @changed is called in the
 * thread-default main context of the caller. The directory need not exist. */
SsemDirectoryWatch *ssem_directory_watch_new  (const char               *directory,
                                               const char               *prefix,
                                               SsemDirectoryChangedFunc  changed,
                                               gpointer                  data);

/* @changed is not called any more. Call this in the thread of the main context. */
void                ssem_directory_watch_free (SsemDirectoryWatch       *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemDirectoryWatch, ssem_directory_watch_free)

G_END_DECLS
