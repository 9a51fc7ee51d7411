/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-gio-private.h"

/* For a program without GIO. It has no GCancellable, so the only argument is NULL. */

/* The name is GIO's own: a backend in a module may link GIO and set errors, too. */
G_DEFINE_QUARK (g-io-error-quark, ssem_io_error)

gulong
ssem_cancellable_connect (GCancellable *cancellable,
                          GCallback     callback,
                          gpointer      data)
{
  return 0;
}

void
ssem_cancellable_disconnect (GCancellable *cancellable,
                             gulong        handler)
{
}

gboolean
ssem_cancellable_is_cancelled (GCancellable *cancellable)
{
  return FALSE;
}
