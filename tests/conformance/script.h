/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* A script is a case that needs no C: steps, separated by `;`, of processes that act on semaphores.
 * Each process is a test-helper. It starts when a step first names it; after its end, the next step
 * that names it starts another.
 *
 *   PROCESS COMMAND [ARGUMENT...] [= ANSWER]
 *
 * PROCESS is a name such as `a`, which means the process's object 0, or `a.2`, which means its
 * object 2. COMMAND is a command of test-helper (test-helper.c), without the slot, or one of
 * these:
 *
 *   open MODE [N] [no-undo] [other]  opens the case's key, or another key, with initial value N
 *   set-key MODE [N] [other]
 *   play N...                        acquires each number of units, releases each negative number
 *   fork CHILD                       CHILD is the name of the new process
 *   kill, quit, exit N, _exit N, abort, signal TERM|SEGV
 *                                    ends the process, and waits for its end
 *   stop, continue                   SIGSTOP, which is waited for, and SIGCONT
 *   blocks                           waits until the process sleeps in its command
 *   wakes [= ANSWER]                 waits for the answer of that command
 *   look [FIGURE N]... [= ANSWER]    ssem_semaphore_info_query (); FIGURE is `value`, `initial`,
 *                                    `attached`, `waiters`, `leftover`, and, where the backend
 *                                    names holders, `held`, `holders` or `held-by.PROCESS`
 *   may COMMAND [ARGUMENT...]        skips the case where the process may not do that
 *
 * ANSWER is what the command has to answer; without it, `ok`:
 *
 *   N, or N..M                       a number, such as the value of the semaphore, or a range
 *   NOT_FOUND, WOULD_BLOCK ...       the error of that name, with a message
 *   any                              success, with any result
 *   noticed                          NOT_FOUND where every operation of the backend asks the
 *                                    system, else success
 *   blocks                           none yet: waits until the process sleeps in the command
 *   later                            none yet, and no wait
 *
 * These are steps of the test itself:
 *
 *   files N                          as many names must be in the directory of keys
 *   remove COUNTER|NAME|BOTH         removes the semaphore as an administrator would
 *   plant                            puts an empty file where the semaphore's would be
 *   peer N                           makes a System V set with value N, as Qt does
 *   peer-has N                       it must have that value still; removes it
 *   share                            opens the directories to other users
 *   repeat N ... again               performs the steps in between N times, or as often as there is
 *                                    time for, at least once
 *
 * N may be a sum, such as MAX-2 or ROUND*7+1. MAX is the largest value of the backend, MANY what
 * fixture_many () returns, LARGE the smaller of MAX and a million, ROUND the number of repetitions
 * so far. In the arguments of a command, KEY and OTHER are the two keys, KEYS the directory of
 * keys; TEMP begins a path in the directory of the test.
 *
 * With @rows, the script runs once for each row. $1, $2 ... are the fields of the row, separated by
 * `|`; a field may be a part of a step, or several steps. At the end of a script all processes that
 * live quit, and nothing may be left.
 */
void script_run (Fixture           *fixture,
                 const char        *script,
                 const char *const *rows);

G_END_DECLS
