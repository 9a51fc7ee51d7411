/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-semaphore.h"

#include <unistd.h>

/* A semaphore of the list: what it was like when somebody looked, and what this window does with
 * it.
 *
 * To look at a semaphore is not to use it. The window opens one only when it acquires from it, and
 * closes it again when it neither holds units nor waits for any, so that a semaphore ends with the
 * programs that it is for. What the user has opened by its key is kept until the user closes it.
 *
 * An acquire takes two steps, opening and waiting; both are asynchronous and share a cancellable.
 * There is at most one at a time. Everything here happens in the main thread.
 */

struct _MonitorSemaphore
{
  GObject parent_instance;

  SsemSemaphoreInfo *info;

  SsemSystemSemaphore *opened;
  gboolean is_kept;
  int held;
  int waiting; /* for how many units; 0 for none */
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (MonitorSemaphore, monitor_semaphore, G_TYPE_OBJECT)

enum
{
  CHANGED, /* what the getters tell is another */
  ACTED,   /* what a look would tell may be another */
  FAILED,  /* with the error */
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- What it does --- */

static void
close_if_idle (MonitorSemaphore *self)
{
  if (!self->is_kept && self->held == 0 && self->waiting == 0)
    g_clear_object (&self->opened);
}

/* After each own action, whatever came of it; takes over @error. */
static void
finish_action (MonitorSemaphore *self,
               GError           *error)
{
  g_autoptr(GError) owned = error;

  /* Somebody removed it while it was in use: what it was is over, units and all. */
  if (g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
    {
      self->is_kept = FALSE;
      self->held = 0;
    }
  close_if_idle (self);

  g_signal_emit (self, signals[CHANGED], 0);
  g_signal_emit (self, signals[ACTED], 0);
  /* To cancel is no failure: the user asked for it. */
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_signal_emit (self, signals[FAILED], 0, error);
}

static void
finish_acquire (MonitorSemaphore *self,
                GError           *error)
{
  if (error == NULL)
    self->held += self->waiting;
  self->waiting = 0;
  g_clear_object (&self->cancellable);
  finish_action (self, error);
}

/* sample: acquired */
static void
acquired_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr(MonitorSemaphore) self = user_data;
  GError *error = NULL;

  ssem_system_semaphore_acquire_finish (SSEM_SYSTEM_SEMAPHORE (object), result, &error);
  finish_acquire (self, error);
}
/* end of sample */

/* sample: wait */
static void
wait_for_units (MonitorSemaphore *self)
{
  ssem_system_semaphore_acquire_async (self->opened, self->waiting, self->cancellable,
                                       acquired_cb, g_object_ref (self));
}
/* end of sample */

static void
opened_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(MonitorSemaphore) self = user_data;
  g_autoptr(GObject) opened = NULL;
  GError *error = NULL;

  opened = g_async_initable_new_finish (G_ASYNC_INITABLE (object), result, &error);
  if (opened == NULL)
    {
      finish_acquire (self, error);
      return;
    }

  /* The user may have opened it by its key in the meantime; either object will do. */
  if (self->opened == NULL)
    self->opened = SSEM_SYSTEM_SEMAPHORE (g_steal_pointer (&opened));
  wait_for_units (self);
}

/* Waits for @n units, and returns at once. */
void
monitor_semaphore_acquire (MonitorSemaphore *self,
                           int               n)
{
  g_return_if_fail (self->waiting == 0 && n > 0);

  self->waiting = n;
  self->cancellable = g_cancellable_new ();

  if (self->opened != NULL)
    wait_for_units (self);
  else
    g_async_initable_new_async (SSEM_TYPE_SYSTEM_SEMAPHORE, G_PRIORITY_DEFAULT, self->cancellable,
                                opened_cb, g_object_ref (self),
                                "key", ssem_semaphore_info_get_key (self->info),
                                "backend", ssem_semaphore_info_get_backend (self->info),
                                "mode", SSEM_ACCESS_MODE_OPEN_EXISTING,
                                NULL);

  g_signal_emit (self, signals[CHANGED], 0);
  g_signal_emit (self, signals[ACTED], 0);
}

/* sample: cancel */
/* The acquire ends in its callback, as any other; it may have been served by then. */
void
monitor_semaphore_cancel (MonitorSemaphore *self)
{
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}
/* end of sample */

/* Gives back all that the window holds. */
void
monitor_semaphore_release (MonitorSemaphore *self)
{
  GError *error = NULL;

  g_return_if_fail (self->held > 0);

  if (ssem_system_semaphore_release (self->opened, self->held, &error))
    self->held = 0;
  finish_action (self, error);
}

/* Keeps open what the user has opened, until monitor_semaphore_close (). */
void
monitor_semaphore_keep (MonitorSemaphore    *self,
                        SsemSystemSemaphore *opened)
{
  if (self->opened == NULL)
    self->opened = g_object_ref (opened);
  self->is_kept = TRUE;
  g_signal_emit (self, signals[CHANGED], 0);
}

/* Gives back what the window holds, gives up what it waits for, and closes what it keeps open. */
void
monitor_semaphore_close (MonitorSemaphore *self)
{
  GError *error = NULL;

  monitor_semaphore_cancel (self);
  if (self->held > 0 && ssem_system_semaphore_release (self->opened, self->held, &error))
    self->held = 0;
  self->is_kept = FALSE;
  finish_action (self, error);
}

/* --- What it is like --- */

/* How many units this process holds by what was seen; -1 where the backend does not tell. */
static gint64
count_own (SsemSemaphoreInfo *info)
{
  GPtrArray *holders = ssem_semaphore_info_get_holders (info);
  guint i;

  if (holders == NULL)
    return -1;

  for (i = 0; i < holders->len; i++)
    {
      if (ssem_process_info_get_pid (holders->pdata[i]) == getpid ())
        return ssem_process_info_get_units (holders->pdata[i]);
    }

  return 0;
}

SsemSemaphoreInfo *
monitor_semaphore_get_info (MonitorSemaphore *self)
{
  return self->info;
}

/* @info is of a look that began after the last signal "acted"; NULL if it did not find it. */
void
monitor_semaphore_set_info (MonitorSemaphore  *self,
                            SsemSemaphoreInfo *info)
{
  GError *error = NULL;

  if (info != NULL)
    {
      gint64 own = count_own (info);

      /* A reset by somebody else has made the window's units nobody's. */
      if (own >= 0 && own < self->held)
        {
          self->held = (int) own;
          close_if_idle (self);
        }
      g_clear_pointer (&self->info, ssem_semaphore_info_unref);
      self->info = ssem_semaphore_info_ref (info);
    }

  /* What was seen may be another one, made after somebody removed the one that the window uses. To
   * ask for the value is what notices that with every backend; an acquire that waits does, too. */
  if (self->opened != NULL && self->waiting == 0 &&
      ssem_system_semaphore_get_value (self->opened, &error) < 0)
    finish_action (self, error);
  else
    g_signal_emit (self, signals[CHANGED], 0);
}

/* Whether the window has it open, or is about to. */
gboolean
monitor_semaphore_is_used (MonitorSemaphore *self)
{
  return self->opened != NULL || self->waiting > 0;
}

gboolean
monitor_semaphore_is_kept (MonitorSemaphore *self)
{
  return self->is_kept;
}

int
monitor_semaphore_get_held (MonitorSemaphore *self)
{
  return self->held;
}

int
monitor_semaphore_get_waiting (MonitorSemaphore *self)
{
  return self->waiting;
}

/* --- Life --- */

static void
monitor_semaphore_finalize (GObject *object)
{
  MonitorSemaphore *self = MONITOR_SEMAPHORE (object);

  g_clear_pointer (&self->info, ssem_semaphore_info_unref);
  g_clear_object (&self->opened);
  g_clear_object (&self->cancellable);

  G_OBJECT_CLASS (monitor_semaphore_parent_class)->finalize (object);
}

static void
monitor_semaphore_class_init (MonitorSemaphoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = monitor_semaphore_finalize;

  signals[CHANGED] = g_signal_new ("changed", MONITOR_TYPE_SEMAPHORE, G_SIGNAL_RUN_LAST,
                                   0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[ACTED] = g_signal_new ("acted", MONITOR_TYPE_SEMAPHORE, G_SIGNAL_RUN_LAST,
                                 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FAILED] = g_signal_new ("failed", MONITOR_TYPE_SEMAPHORE, G_SIGNAL_RUN_LAST,
                                  0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
monitor_semaphore_init (MonitorSemaphore *self)
{
}

MonitorSemaphore *
monitor_semaphore_new (SsemSemaphoreInfo *info)
{
  MonitorSemaphore *self = g_object_new (MONITOR_TYPE_SEMAPHORE, NULL);

  self->info = ssem_semaphore_info_ref (info);

  return self;
}
