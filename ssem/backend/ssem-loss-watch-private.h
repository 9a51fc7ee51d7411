/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

G_BEGIN_DECLS

/* Delivers the event "what this instance held is lost" from the backend, in any thread, to the
 * object, in its main context. Only instances of a backend with SSEM_CAPABILITY_LOSS have a
 * watch. */

typedef void (* SsemLostFunc) (gpointer      data,
                               const GError *error);

/* Calls @lost in @context, NULL for the default one, after each report, until the watch is stopped.
 * The last report from before this call counts, too. Frees @data with @free_data, from any thread,
 * when @lost is not called any more. */
void ssem_loss_watch_start  (SsemInstance   *instance,
                             GMainContext   *context,
                             SsemLostFunc    lost,
                             gpointer        data,
                             GDestroyNotify  free_data);

/* Drops reports that were not delivered yet, and all later ones. */
void ssem_loss_watch_stop   (SsemInstance  *instance);

/* Reports a loss, and takes over @error, which says why. For backends, from any thread, until they
 * free @instance. */
void ssem_loss_watch_report (SsemInstance  *instance,
                             GError        *error);

/* Returns how often a loss was reported, whether or not it was delivered. */
guint ssem_loss_watch_count (SsemInstance  *instance);

void ssem_loss_watch_unref  (SsemLossWatch *self);

G_END_DECLS
