/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-directory-watch-private.h"

#include <gio/gio.h>

/* Two monitors of GIO, which uses what the system has, such as inotify (7): one of the directory,
 * and one of its parent. The last process that uses a semaphore may remove the directory, and the
 * next one makes it again. The first monitor would then watch a directory that is gone, so a change
 * of the directory's name replaces that monitor.
 *
 * Many changes may come at once, and each would be a reason to list all semaphores. So a change is
 * told after a pause that nobody sees, together with all that came meanwhile.
 *
 * A system that cannot watch makes no monitors, and nothing is told.
 */

#define PAUSE_MSEC 20

struct _SsemDirectoryWatch
{
  /* Constant after init. */
  GFile *directory;
  char *prefix;
  SsemDirectoryChangedFunc changed;
  gpointer data;
  GMainContext *context;

  GFileMonitor *parent;  /* may be NULL */
  GFileMonitor *entries; /* may be NULL */
  GSource *pause;        /* NULL if there is nothing to tell */
};

static void
stop_pause (SsemDirectoryWatch *self)
{
  if (self->pause != NULL)
    g_source_destroy (self->pause);
  g_clear_pointer (&self->pause, g_source_unref);
}

static gboolean
pause_ended_cb (gpointer data)
{
  SsemDirectoryWatch *self = data;

  stop_pause (self);
  self->changed (self->data);

  return G_SOURCE_REMOVE;
}

static void
tell_soon (SsemDirectoryWatch *self)
{
  if (self->pause != NULL)
    return;

  self->pause = g_timeout_source_new (PAUSE_MSEC);
  g_source_set_static_name (self->pause, "[ssem] directory watch");
  g_source_set_callback (self->pause, pause_ended_cb, self, NULL);
  g_source_attach (self->pause, self->context);
}

/* --- Monitors --- */

static void
stop_monitor (SsemDirectoryWatch  *self,
              GFileMonitor       **monitor)
{
  if (*monitor == NULL)
    return;

  g_signal_handlers_disconnect_by_data (*monitor, self);
  g_file_monitor_cancel (*monitor);
  g_clear_object (monitor);
}

static void
start_monitor (SsemDirectoryWatch  *self,
               GFile               *directory,
               GFileMonitor       **monitor,
               GCallback            callback)
{
  stop_monitor (self, monitor);
  *monitor = g_file_monitor_directory (directory, G_FILE_MONITOR_NONE, NULL, NULL);
  if (*monitor != NULL)
    g_signal_connect_swapped (*monitor, "changed", callback, self);
}

static void
entry_changed_cb (SsemDirectoryWatch *self,
                  GFile              *file)
{
  g_autofree char *name = g_file_get_basename (file);

  if (g_str_has_prefix (name, self->prefix))
    tell_soon (self);
}

static void
parent_changed_cb (SsemDirectoryWatch *self,
                   GFile              *file)
{
  if (!g_file_equal (file, self->directory))
    return;

  start_monitor (self, self->directory, &self->entries, G_CALLBACK (entry_changed_cb));
  tell_soon (self);
}

/* --- Life cycle --- */

SsemDirectoryWatch *
ssem_directory_watch_new (const char               *directory,
                          const char               *prefix,
                          SsemDirectoryChangedFunc  changed,
                          gpointer                  data)
{
  SsemDirectoryWatch *self = g_new0 (SsemDirectoryWatch, 1);
  g_autoptr(GFile) parent = NULL;

  self->directory = g_file_new_for_path (directory);
  self->prefix = g_strdup (prefix);
  self->changed = changed;
  self->data = data;
  self->context = g_main_context_ref_thread_default ();

  /* In this order: the directory may be made meanwhile. */
  parent = g_file_get_parent (self->directory);
  if (parent != NULL)
    start_monitor (self, parent, &self->parent, G_CALLBACK (parent_changed_cb));
  start_monitor (self, self->directory, &self->entries, G_CALLBACK (entry_changed_cb));

  return self;
}

void
ssem_directory_watch_free (SsemDirectoryWatch *self)
{
  stop_monitor (self, &self->entries);
  stop_monitor (self, &self->parent);
  stop_pause (self);
  g_main_context_unref (self->context);
  g_object_unref (self->directory);
  g_free (self->prefix);
  g_free (self);
}
