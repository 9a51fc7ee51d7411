/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What the backends need of GIO. The library links ssem-gio.c, which calls GIO. The `ssem` command
 * links ssem-gio-none.c on Unix: to load GIO takes longer than the rest of `ssem run`. */

/* The domain of GIOErrorEnum. */
#define SSEM_IO_ERROR (ssem_io_error_quark ())

GQuark   ssem_io_error_quark           (void);

/* As the functions of GIO, except that the callback's data is not freed. */
gulong   ssem_cancellable_connect      (GCancellable *cancellable,
                                        GCallback     callback,
                                        gpointer      data);
void     ssem_cancellable_disconnect   (GCancellable *cancellable,
                                        gulong        handler);
gboolean ssem_cancellable_is_cancelled (GCancellable *cancellable);

G_END_DECLS
