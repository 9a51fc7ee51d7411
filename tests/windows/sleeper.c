/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Keeps wine from shutting down between two tests: sleeper [SECONDS]
 *
 * wine starts a process for the desktop when a program first asks for it, as GLib's main loop does.
 * That process keeps the program's output open as long as it lives, so a reader of the output waits
 * as long. Therefore this program starts the desktop's process first.
 */

#include <stdlib.h>
#include <windows.h>

int
main (int    argc,
      char **argv)
{
  GetDesktopWindow ();
  Sleep (argc > 1 ? (DWORD) atoi (argv[1]) * 1000 : INFINITE);

  return 0;
}
