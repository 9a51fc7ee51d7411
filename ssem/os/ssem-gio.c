/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-gio-private.h"

GQuark
ssem_io_error_quark (void)
{
  return G_IO_ERROR;
}

gulong
ssem_cancellable_connect (GCancellable *cancellable,
                          GCallback     callback,
                          gpointer      data)
{
  return g_cancellable_connect (cancellable, callback, data, NULL);
}

void
ssem_cancellable_disconnect (GCancellable *cancellable,
                             gulong        handler)
{
  g_cancellable_disconnect (cancellable, handler);
}

gboolean
ssem_cancellable_is_cancelled (GCancellable *cancellable)
{
  return g_cancellable_is_cancelled (cancellable);
}
