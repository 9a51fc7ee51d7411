/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-debug-private.h"

#include "ssem-display-private.h"

atomic_bool ssem_debug_is_on;

void
ssem_debug_init (void)
{
  atomic_store (&ssem_debug_is_on,
                !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN));
}

/* @event is a sentence up to the path. */
static void
tell (const char *event,
      const char *path)
{
  g_autofree char *shown = NULL;

  if (!ssem_debug_is_on)
    return;

  shown = ssem_display_text (path);
  ssem_debug ("%s %s", event, shown);
}

void
ssem_debug_created (const char *path)
{
  tell ("Created the semaphore in", path);
}

void
ssem_debug_removed (const char *path)
{
  tell ("Removed the semaphore in", path);
}

void
ssem_debug_reclaimed (int         n_processes,
                      const char *path)
{
  g_autofree char *shown = NULL;

  if (!ssem_debug_is_on)
    return;

  shown = ssem_display_text (path);
  ssem_debug ("Reclaimed the units of %d dead processes in %s", n_processes, shown);
}

void
ssem_debug_end (void)
{
  atomic_store (&ssem_debug_is_on, FALSE);
}
