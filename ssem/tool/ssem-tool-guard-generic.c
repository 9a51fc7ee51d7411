/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Systems other than Linux cannot kill a child when its parent dies. */

gboolean
tool_die_with_parent (GPid parent)
{
  if (getppid () == parent)
    return TRUE;

  errno = ESRCH;

  return FALSE;
}

gboolean
tool_signal_is_from_kernel (int code)
{
  return code != SI_USER;
}

void
tool_disable_core_dump (void)
{
  const struct rlimit none = { 0, 0 };

  setrlimit (RLIMIT_CORE, &none);
}
