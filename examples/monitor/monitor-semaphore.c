/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-semaphore.h"

#include <unistd.h>

/* What the window does with a semaphore of the list.
 *
 * After each action the list is refreshed, so a listing that counts is never older than the last
 * action. Listing a semaphore does not open it. The window opens a semaphore only to acquire from it, and
 * closes it when it neither holds nor waits for units. The semaphore can then end with its programs.
 * A semaphore that the user has opened by its key stays open until the user closes it.
 *
 * An acquire takes two steps, opening and waiting. Both steps are asynchronous and share a
 * cancellable. At most one acquire runs at a time. Everything here runs in the main thread.
 */

struct _MonitorSemaphore
{
  GObject parent_instance;

  SsemSemaphoreItem *item;
  SsemSemaphoreList *list; /* a weak pointer; the window owns it */

  SsemSystemSemaphore *opened;
  gboolean is_kept;
  int held;
  int waiting; /* the number of units; 0 for no wait */
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (MonitorSemaphore, monitor_semaphore, G_TYPE_OBJECT)

enum
{
  CHANGED, /* the getters return other values */
  FAILED,  /* has the error */
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- Actions --- */

static void
close_if_idle (MonitorSemaphore *self)
{
  if (!self->is_kept && self->held == 0 && self->waiting == 0)
    g_clear_object (&self->opened);
}

/* Reports an action, which other values follow. */
static void
changed (MonitorSemaphore *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
  if (self->list != NULL)
    ssem_semaphore_list_refresh (self->list);
}

/* Reports the end of an action, whether it succeeded or not; takes ownership of @error. */
static void
finish_action (MonitorSemaphore *self,
               GError           *error)
{
  g_autoptr(GError) owned = error;

  /* The semaphore was removed while it was in use, so its units are lost. */
  if (g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
    {
      self->is_kept = FALSE;
      self->held = 0;
    }
  close_if_idle (self);

  changed (self);
  /* A cancelled acquire is not a failure: the user cancelled it. */
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

  /* The user may have opened the key in the meantime. Either object can be used. */
  if (self->opened == NULL)
    self->opened = SSEM_SYSTEM_SEMAPHORE (g_steal_pointer (&opened));
  wait_for_units (self);
}

/* Starts to wait for @n units, and returns immediately. */
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
                                "key", ssem_semaphore_item_get_key (self->item),
                                "backend", ssem_semaphore_item_get_backend (self->item),
                                "mode", SSEM_ACCESS_MODE_OPEN_EXISTING,
                                NULL);

  changed (self);
}

/* sample: cancel */
/* Cancels the acquire. Its callback still runs, and may find that the acquire succeeded first. */
void
monitor_semaphore_cancel (MonitorSemaphore *self)
{
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}
/* end of sample */

/* Releases all units that the window holds. */
void
monitor_semaphore_release (MonitorSemaphore *self)
{
  GError *error = NULL;

  g_return_if_fail (self->held > 0);

  if (ssem_system_semaphore_release (self->opened, self->held, &error))
    self->held = 0;
  finish_action (self, error);
}

static void
clean_in_thread (GTask        *task,
                 gpointer      source_object,
                 gpointer      task_data,
                 GCancellable *cancellable)
{
  SsemSemaphoreInfo *info = task_data;
  GError *error = NULL;

  if (ssem_semaphore_remove_leftover (ssem_semaphore_info_get_key (info),
                                      ssem_semaphore_info_get_backend (info), &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
cleaned_cb (GObject      *object,
            GAsyncResult *result,
            gpointer      user_data)
{
  GError *error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  finish_action (MONITOR_SEMAPHORE (object), error);
}

/* Removes what the last process has left over. It reads files, so a thread does it. */
void
monitor_semaphore_clean (MonitorSemaphore *self)
{
  g_autoptr(GTask) task = g_task_new (self, NULL, cleaned_cb, NULL);

  g_task_set_source_tag (task, monitor_semaphore_clean);
  g_task_set_task_data (task, ssem_semaphore_info_ref (monitor_semaphore_get_info (self)),
                        (GDestroyNotify) ssem_semaphore_info_unref);
  g_task_run_in_thread (task, clean_in_thread);
}

/* Keeps the semaphore open until monitor_semaphore_close (). */
void
monitor_semaphore_keep (MonitorSemaphore    *self,
                        SsemSystemSemaphore *opened)
{
  if (self->opened == NULL)
    self->opened = g_object_ref (opened);
  self->is_kept = TRUE;
  g_signal_emit (self, signals[CHANGED], 0);
}

/* Releases the units of the window, and closes the semaphore when no wait is pending. */
void
monitor_semaphore_leave (MonitorSemaphore *self)
{
  GError *error = NULL;

  if (self->held > 0 && ssem_system_semaphore_release (self->opened, self->held, &error))
    self->held = 0;
  self->is_kept = FALSE;
  finish_action (self, error);
}

/* Also cancels the wait. */
void
monitor_semaphore_close (MonitorSemaphore *self)
{
  monitor_semaphore_cancel (self);
  monitor_semaphore_leave (self);
}

/* --- State --- */

/* Returns the units that this process held in the listing; -1 if the backend does not know. */
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

static void
info_changed_cb (MonitorSemaphore *self)
{
  gint64 own = count_own (monitor_semaphore_get_info (self));

  /* Another process has reset the semaphore, so the window no longer holds its units. */
  if (own >= 0 && own < self->held)
    {
      self->held = (int) own;
      close_if_idle (self);
    }
  g_signal_emit (self, signals[CHANGED], 0);
}

/* The listed semaphore may have been created after the window's semaphore was removed. Reading the
 * value detects this with every backend. An acquire that waits also detects it. */
static void
refreshed_cb (MonitorSemaphore *self)
{
  GError *error = NULL;

  if (self->opened != NULL && self->waiting == 0 &&
      ssem_system_semaphore_get_value (self->opened, &error) < 0)
    finish_action (self, error);
}

SsemSemaphoreInfo *
monitor_semaphore_get_info (MonitorSemaphore *self)
{
  return ssem_semaphore_item_get_info (self->item);
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

/* --- Life cycle --- */

static void
monitor_semaphore_finalize (GObject *object)
{
  MonitorSemaphore *self = MONITOR_SEMAPHORE (object);

  g_clear_object (&self->item);
  g_clear_weak_pointer (&self->list);
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
  signals[FAILED] = g_signal_new ("failed", MONITOR_TYPE_SEMAPHORE, G_SIGNAL_RUN_LAST,
                                  0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
monitor_semaphore_init (MonitorSemaphore *self)
{
}

MonitorSemaphore *
monitor_semaphore_new (SsemSemaphoreItem *item,
                       SsemSemaphoreList *list)
{
  MonitorSemaphore *self = g_object_new (MONITOR_TYPE_SEMAPHORE, NULL);

  self->item = g_object_ref (item);
  g_set_weak_pointer (&self->list, list);
  g_signal_connect_object (item, "notify::info", G_CALLBACK (info_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (list, "refreshed", G_CALLBACK (refreshed_cb), self, G_CONNECT_SWAPPED);

  return self;
}
