/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/backend/ssem-loss-watch-private.h"
#include "ssem/os/ssem-thread-private.h"

/* A backend on a network may lose the units while the command runs. Its report arrives in a main
 * context. This process has no main loop, because it waits for the command. So a thread of its own
 * runs the context, and wakes the wait.
 *
 * The thread and the watch exist until the process ends, which is soon after the command. With a
 * backend that loses nothing there is neither.
 */
struct _ToolLoss
{
  atomic_bool is_lost;

  /* Constant after init. */
  GMainContext *context;
  ToolWakeFunc wake;
  gpointer data;
};

static void
lost (gpointer      data,
      const GError *error)
{
  ToolLoss *self = data;

  if (atomic_exchange (&self->is_lost, TRUE))
    return;

  tool_print_error ("%s", error->message);
  self->wake (self->data);
}

static gpointer
run_context (gpointer data)
{
  const ToolLoss *self = data;

  for (;;)
    g_main_context_iteration (self->context, TRUE);

  return NULL;
}

/* The loss has the life of the process. */
static void
keep (gpointer data)
{
}

gboolean
tool_loss_watch (SsemInstance  *semaphore,
                 ToolWakeFunc   wake,
                 gpointer       data,
                 ToolLoss     **loss,
                 GError       **error)
{
  ToolLoss *self;

  *loss = NULL;
  if (!ssem_backend_can (semaphore->table, SSEM_CAPABILITY_LOSS))
    return TRUE;

  self = g_new0 (ToolLoss, 1);
  self->context = g_main_context_new ();
  self->wake = wake;
  self->data = data;
  if (!ssem_thread_start ("ssem-loss", run_context, self, error))
    return FALSE;

  *loss = self;
  ssem_loss_watch_start (semaphore, self->context, lost, self, keep);

  return TRUE;
}

gboolean
tool_loss_has_happened (ToolLoss *self)
{
  return self != NULL && atomic_load (&self->is_lost);
}
