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

/* A report on its way to the main context. */
typedef struct
{
  SsemLossWatch *watch; /* a reference */
  GError *error;        /* owned */
} Report;

static gboolean
deliver_cb (gpointer data)
{
  Report *report = data;

  if (!atomic_load (&report->watch->is_stopped))
    report->watch->lost (report->watch->data, report->error);

  return G_SOURCE_REMOVE;
}

static void
report_free (gpointer data)
{
  Report *report = data;

  ssem_loss_watch_unref (report->watch);
  g_error_free (report->error);
  g_free (report);
}

/* Delivers a report, if there is one and a watch. Start and report both write, then read what the
 * other writes, so at least one of them delivers; the exchange sees to it that only one does. */
static void
deliver (SsemInstance *instance)
{
  SsemLossWatch *watch = atomic_load (&instance->loss_watch);
  GError *error = watch != NULL ? atomic_exchange (&instance->loss, NULL) : NULL;
  g_autoptr(GSource) source = NULL;
  Report *report;

  if (error == NULL)
    return;

  g_atomic_ref_count_inc (&watch->references);
  report = g_new (Report, 1);
  report->watch = watch;
  report->error = error;
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "[ssem] lost");
  g_source_set_callback (source, deliver_cb, report, report_free);
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
ssem_loss_watch_report (SsemInstance *instance,
                        GError       *error)
{
  GError *undelivered;

  atomic_fetch_add (&instance->n_losses, 1);
  undelivered = atomic_exchange (&instance->loss, error);

  g_clear_error (&undelivered);
  deliver (instance);
}

guint
ssem_loss_watch_count (SsemInstance *instance)
{
  return atomic_load (&instance->n_losses);
}
