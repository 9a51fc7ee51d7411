/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-loss-watch-private.h"

/* The instance has a reference on its watch, and each source that delivers a report has one. */
struct _SsemLossWatch
{
  gatomicrefcount references;
  atomic_bool is_stopped;
  /* Constant after init. */
  GMainContext *context;  /* a reference or NULL */
  SsemLostFunc lost;
  gpointer data;
  GDestroyNotify free_data;
};

void
ssem_loss_watch_unref (SsemLossWatch *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;

  self->free_data (self->data);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}

static gboolean
deliver_cb (gpointer data)
{
  SsemLossWatch *self = data;

  if (!atomic_load (&self->is_stopped))
    self->lost (self->data);

  return G_SOURCE_REMOVE;
}

/* Delivers a report, if there is one and a watch. Start and report both write, then read what the
 * other writes, so at least one of them delivers; the exchange sees to it that only one does. */
static void
deliver (SsemInstance *instance)
{
  SsemLossWatch *watch = atomic_load (&instance->loss_watch);
  g_autoptr(GSource) source = NULL;

  if (watch == NULL || !atomic_exchange (&instance->is_loss_reported, FALSE))
    return;

  g_atomic_ref_count_inc (&watch->references);
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "[ssem] lost");
  g_source_set_callback (source, deliver_cb, watch, (GDestroyNotify) ssem_loss_watch_unref);
  g_source_attach (source, watch->context);
}

void
ssem_loss_watch_start (SsemInstance   *instance,
                       GMainContext   *context,
                       SsemLostFunc    lost,
                       gpointer        data,
                       GDestroyNotify  free_data)
{
  SsemLossWatch *self = g_new0 (SsemLossWatch, 1);

  g_atomic_ref_count_init (&self->references);
  self->context = context != NULL ? g_main_context_ref (context) : NULL;
  self->lost = lost;
  self->data = data;
  self->free_data = free_data;
  atomic_store (&instance->loss_watch, self);
  deliver (instance);
}

void
ssem_loss_watch_stop (SsemInstance *instance)
{
  SsemLossWatch *self = atomic_load (&instance->loss_watch);

  if (self != NULL)
    atomic_store (&self->is_stopped, TRUE);
}

void
ssem_loss_watch_report (SsemInstance *instance)
{
  atomic_store (&instance->is_loss_reported, TRUE);
  deliver (instance);
}
