/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Keeps wine from shutting down between two tests: sleeper [SECONDS] */

#include <stdlib.h>
#include <windows.h>

int
main (int    argc,
      char **argv)
{
  Sleep (argc > 1 ? (DWORD) atoi (argv[1]) * 1000 : INFINITE);

  return 0;
}
