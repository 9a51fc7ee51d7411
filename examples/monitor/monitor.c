/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Shows the semaphores of the user, and uses them, without ever blocking the window. Run it with:
 * monitor
 */

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
  g_autoptr(GtkApplication) application = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");

  /* Each start is a window of its own, and so one more process that may hold units. */
  application = gtk_application_new (NULL, G_APPLICATION_NON_UNIQUE);
  gtk_application_set_accels_for_action (application, "window.close", close_keys);
  g_signal_connect (application, "activate", G_CALLBACK (activate_cb), NULL);

  return g_application_run (G_APPLICATION (application), argc, argv);
}
