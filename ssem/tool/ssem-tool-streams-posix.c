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
tool_reserve_streams (void)
{
  int fd;

  for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    {
      if (fcntl (fd, F_GETFD) >= 0 || errno != EBADF)
        continue;

      /* open () returns the lowest free descriptor, which is this stream's. The access mode is the
       * opposite of the usual one, so that reading and writing still fail. Close-on-exec leaves the
       * stream closed for the command of `run`. */
      if (open ("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0)
        return;
    }
}

void
tool_set_locale (void)
{
  const char *encoding;

  /* No output depends on the other categories. In some locales, each category is a file. */
  setlocale (LC_CTYPE, "");
  setlocale (LC_MESSAGES, "");
  encoding = nl_langinfo (CODESET);
  /* glibc and other C libraries have different names for ASCII. */
  if (g_str_equal (encoding, "ANSI_X3.4-1968") || g_str_equal (encoding, "US-ASCII") ||
      g_str_equal (encoding, "ASCII") || g_str_equal (encoding, "646"))
    setlocale (LC_CTYPE, "C.UTF-8");
}
