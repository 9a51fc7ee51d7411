/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm-work.h"

#include <stdlib.h>
#include <windows.h>

/* A worker of storm-process-win32.c: storm-worker TEST-PID BACKEND KIND VALUE INDEX SEED KEY */
int
main (int    argc,
      char **argv)
{
  g_autofree char *name = NULL;
  g_autofree gunichar2 *wide_name = NULL;
  Work work = { 0 };
  HANDLE section;

  if (argc != 8)
    return 2;

  name = g_strdup_printf ("ssem-test-storm-%s", argv[1]);
  wide_name = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
  section = OpenFileMappingW (FILE_MAP_WRITE, FALSE, (LPCWSTR) wide_name);
  /* The test has ended. */
  if (section == NULL)
    return 0;
  work.board = MapViewOfFile (section, FILE_MAP_WRITE, 0, 0, sizeof *work.board);
  if (work.board == NULL)
    return 2;

  SetErrorMode (SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  work.backend = (SsemBackend) atoi (argv[2]);
  work.kind = (StormKind) atoi (argv[3]);
  work.initial_value = atoi (argv[4]);
  work.index = atoi (argv[5]);
  work.seed = (guint32) strtoul (argv[6], NULL, 10);
  work.key = argv[7];
  storm_work (&work);

  return 0;
}
