/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

gboolean
tool_die_with (GPid parent)
{
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0)
    return FALSE;

  /* The signal is for the time from here on; the parent may have died before. Nor is it known to a
   * child that is the first process of a namespace. */
  if (getppid () == parent)
    return TRUE;

  errno = ESRCH;

  return FALSE;
}

gboolean
tool_is_from_kernel (int code)
{
  return code == SI_KERNEL;
}

void
tool_forbid_core (void)
{
  /* Unlike a limit of the size, this also keeps it from a program that collects core files. */
  prctl (PR_SET_DUMPABLE, 0);
}
