/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-peer.h"

#include <ssem.h>

static gpointer
ssem_open (const char *key,
           int         value,
           gboolean    undo)
{
  g_autoptr(GError) error = NULL;
  gpointer semaphore;

  semaphore = undo
              ? ssem_system_semaphore_new (key, value, SSEM_ACCESS_MODE_OPEN, &error)
              : g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                                "key", key,
                                "initial-value", value,
                                "undo", undo,
                                NULL);
  if (semaphore == NULL)
    bench_fail ("%s", error->message);

  return semaphore;
}

static void
ssem_acquire (gpointer handle)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_acquire (handle, 1, NULL, &error))
    bench_fail ("%s", error->message);
}

static void
ssem_release (gpointer handle,
              int      n)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_release (handle, n, &error))
    bench_fail ("%s", error->message);
}

static gboolean
ssem_try_acquire (gpointer handle)
{
  g_autoptr(GError) error = NULL;

  if (ssem_system_semaphore_try_acquire (handle, 1, &error))
    return TRUE;
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    bench_fail ("%s", error->message);

  return FALSE;
}

static int
ssem_get_value (gpointer handle)
{
  g_autoptr(GError) error = NULL;
  int value = ssem_system_semaphore_get_value (handle, &error);

  if (value < 0)
    bench_fail ("%s", error->message);

  return value;
}

static void
ssem_close (gpointer handle)
{
  g_object_unref (handle);
}

static void
ssem_pairs (gpointer handle,
            int      n)
{
  bench_repeat_pairs (ssem_acquire, ssem_release, handle, n);
}

const BenchPeer bench_peer_ssem = {
  .name = "ssem",
  .open = ssem_open,
  .acquire = ssem_acquire,
  .release = ssem_release,
  .try_acquire = ssem_try_acquire,
  .get_value = ssem_get_value,
  .close = ssem_close,
  .pairs = ssem_pairs,
};
