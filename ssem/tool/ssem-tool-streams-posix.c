/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

void
tool_keep_streams (void)
{
  int number;

  for (number = STDIN_FILENO; number <= STDERR_FILENO; number++)
    {
      if (fcntl (number, F_GETFD) >= 0 || errno != EBADF)
        continue;

      /* The lowest free number is this one. It is open the wrong way around, so that reading and
       * writing fail as they did; and the command of `run` has it closed, as the caller had it. */
      if (open ("/dev/null", (number == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0)
        return;
    }
}

void
tool_set_locale (void)
{
  const char *encoding;

  setlocale (LC_ALL, "");
  encoding = nl_langinfo (CODESET);
  /* What it is called in the locale C: by glibc, by others, and by name. */
  if (g_str_equal (encoding, "ANSI_X3.4-1968") || g_str_equal (encoding, "US-ASCII") ||
      g_str_equal (encoding, "ASCII") || g_str_equal (encoding, "646"))
    setlocale (LC_CTYPE, "C.UTF-8");
}
