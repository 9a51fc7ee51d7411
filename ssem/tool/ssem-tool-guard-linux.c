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
tool_die_with_parent (GPid parent)
{
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0)
    return FALSE;

  /* If the parent died before prctl (), the signal never comes. A child that is process 1 of a PID
   * namespace sees the parent ID 0, and would never get the signal either. */
  if (getppid () == parent)
    return TRUE;

  errno = ESRCH;

  return FALSE;
}

gboolean
tool_signal_is_from_kernel (int code)
{
  return code == SI_KERNEL;
}

void
tool_disable_core_dump (void)
{
  /* Unlike a limit of zero on the size, this also stops a program that collects core dumps. */
  prctl (PR_SET_DUMPABLE, 0);
}
