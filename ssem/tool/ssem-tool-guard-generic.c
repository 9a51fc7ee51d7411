/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where a process cannot be told to die with its parent. */

gboolean
tool_die_with (GPid parent)
{
  if (getppid () == parent)
    return TRUE;

  errno = ESRCH;

  return FALSE;
}

gboolean
tool_is_from_kernel (int code)
{
  return code != SI_USER;
}

void
tool_forbid_core (void)
{
  const struct rlimit none = { 0, 0 };

  setrlimit (RLIMIT_CORE, &none);
}
