/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Shows and uses the user's semaphores, and never blocks the window. Run it with: monitor */

#include "monitor-window.h"

#include <glib/gi18n-lib.h>
#include <locale.h>

static void
activate_cb (GtkApplication *application)
{
  gtk_window_present (GTK_WINDOW (monitor_window_new (application)));
}

int
main (int    argc,
      char **argv)
{
  const char *close_keys[] = { "<Control>w", "<Control>q", NULL };
  g_autoptr(AdwApplication) application = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");

  /* Each start opens a new window in a new process, which may hold units of its own. */
  application = adw_application_new (NULL, G_APPLICATION_NON_UNIQUE);
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "window.close", close_keys);
  g_signal_connect (application, "activate", G_CALLBACK (activate_cb), NULL);

  return g_application_run (G_APPLICATION (application), argc, argv);
}
