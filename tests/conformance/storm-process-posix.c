/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm-work.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const int storm_max_pause_usec = 3000;

Board *
storm_board_new (void)
{
  Board *board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);

  g_assert_true (board != MAP_FAILED);

  return board;
}

void
storm_board_free (Board *board)
{
  munmap (board, sizeof *board);
}

StormProcess
storm_process_start (const Work *work)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      /* The test goes first: else those who are to die make it wait for a processor. */
      setpriority (PRIO_PROCESS, 0, getpriority (PRIO_PROCESS, 0) + 5);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      storm_work (work);
      _exit (0);
    }

  return pid;
}

void
storm_process_kill (StormProcess process)
{
  kill ((pid_t) process, SIGKILL);
}

StormProcessState
storm_process_look (StormProcess process)
{
  int status;

  if (waitpid ((pid_t) process, &status, WNOHANG) != (pid_t) process)
    return STORM_PROCESS_RUNS;
  if (WIFSIGNALED (status) && WTERMSIG (status) != SIGKILL)
    g_error ("A worker crashed: %s", g_strsignal (WTERMSIG (status)));

  return WIFSIGNALED (status) ? STORM_PROCESS_WAS_KILLED : STORM_PROCESS_HAS_ENDED;
}
