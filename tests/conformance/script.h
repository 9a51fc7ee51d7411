/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* A script is a case without a loop of its own: steps, separated by `;`, of processes that act on
 * semaphores. Each process is a test-helper; it starts when a step first names it, and a new process
 * gets the name after the end of the old process.
 *
 *   PROCESS COMMAND [ARGUMENT...] [= ANSWER]
 *
 * PROCESS is a name such as `a`, for the process's object 0, or `a.2` for its object 2. COMMAND is
 * a command of test-helper (test-helper.c), without the slot, or one of these:
 *
 *   open MODE [N] [no-undo] [other]   opens the case's key, or another key, with initial value N
 *   set-key MODE [N] [other]
 *   fork CHILD                        CHILD is the name of the new process
 *   kill, quit, exit N, _exit N, abort, signal TERM|SEGV
 *                                     ends the process, and waits for its end
 *   stop, continue                    SIGSTOP and SIGCONT; `stop` waits until the process stands
 *   blocks                            waits until the process sleeps in the command that it performs
 *   wakes [= ANSWER]                  waits for the answer of that command
 *   may COMMAND [ARGUMENT...]         skips the case where the process may not do that
 *
 * ANSWER is what the command has to answer; without it, `ok`:
 *
 *   N                                 the number, such as the value of the semaphore
 *   NOT_FOUND, WOULD_BLOCK ...        the error of that name; its message must not be empty
 *   any                               success, with any result
 *   noticed                           NOT_FOUND where every operation of the backend asks the system,
 *                                     else success
 *   blocks                            none yet: waits until the process sleeps in the command
 *   later                             none yet: goes on at once
 *
 * The test itself acts in these steps:
 *
 *   files N                           that many names must be in the directory of keys
 *   remove COUNTER|NAME|BOTH          removes the semaphore as an administrator would
 *   look [FIGURE N]... [= ANSWER]     ssem_semaphore_info_query (); FIGURE is `value`, `initial`,
 *                                     `attached`, `waiters` or `held`
 *   clear [= ANSWER]                  ssem_semaphore_remove_leftover ()
 *   reset N [= ANSWER]                ssem_semaphore_reset ()
 *   repeat N                          performs the rest of the script N times, or as often as there
 *                                     is time for
 *
 * N may be a sum, such as MAX-2. MAX is the largest value of the backend, MANY what fixture_many ()
 * returns, LARGE the smaller of MAX and a million, ROUND the number of repetitions so far. In the
 * arguments of a command, KEY and OTHER are the two keys, KEYS the directory of keys, TEMP the
 * directory of the test.
 *
 * With @rows, the script runs once for each row, from an empty directory to an empty directory. $1,
 * $2 ... are the fields of the row, separated by `|`; a field may be a part of a step or several
 * steps. At the end of a script all processes that live quit, and nothing may be left. */
void script_run (Fixture           *fixture,
                 const char        *script,
                 const char *const *rows);

G_END_DECLS
