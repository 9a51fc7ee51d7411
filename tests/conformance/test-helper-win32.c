/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-helper.h"

#include "handles-win32.h"
#include "refusals-win32.h"
#include "waits-win32.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>

void
begin_for_system (void)
{
  _setmode (commands_fd, _O_BINARY);
  _setmode (answer_fd, _O_BINARY);
  /* A crash on purpose opens no window and starts no debugger. */
  SetErrorMode (SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  waits_watch ();
}

/* Commands that only Windows has, each for calls of the library in this process:
 *
 *   refuse NAMES ERROR N  see refusals_begin ()
 *   grant                 ends that
 *   refusals              `ok COUNT` of the calls that have been refused
 *   handles               `ok COUNT` of the handles of the process
 */
gboolean
obey_for_system (char  **words,
                 guint   n_words,
                 char  **argv)
{
  if (g_str_equal (words[0], "refuse") && n_words == 4)
    {
      refusals_begin (words[1], (DWORD) atoi (words[2]), atoi (words[3]));
      answer ("ok");
    }
  else if (g_str_equal (words[0], "grant") && n_words == 1)
    {
      refusals_end ();
      answer ("ok");
    }
  else if (g_str_equal (words[0], "refusals") && n_words == 1)
    {
      answer ("ok %u", refusals_count ());
    }
  else if (g_str_equal (words[0], "handles") && n_words == 1)
    {
      answer ("ok %u", handles_count ());
    }
  else
    {
      return FALSE;
    }

  return TRUE;
}

gboolean
obey_for_world (SsemSystemSemaphore **slots,
                char                **words,
                guint                 n_words)
{
  return FALSE;
}

gpointer
map_file (const char *path,
          gsize       size)
{
  g_autofree gunichar2 *wide_path = g_utf8_to_utf16 (path, -1, NULL, NULL, NULL);
  HANDLE file, mapping;
  gpointer memory;

  file = CreateFileW ((LPCWSTR) wide_path, GENERIC_READ | GENERIC_WRITE,
                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
                      FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE)
    g_error ("%s: error %lu", path, GetLastError ());
  /* This makes the file as long as is asked for. */
  mapping = CreateFileMappingW (file, NULL, PAGE_READWRITE, 0, (DWORD) size, NULL);
  g_assert (mapping != NULL);
  memory = MapViewOfFile (mapping, FILE_MAP_WRITE, 0, 0, size);
  g_assert (memory != NULL);
  CloseHandle (mapping);
  CloseHandle (file);

  return memory;
}

void
unmap_file (gpointer memory,
            gsize    size)
{
  UnmapViewOfFile (memory);
}
