/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* A script is a case that needs no C: steps, separated by `;`, of processes that act on semaphores.
 * Each process is a test-helper. A step that names a process starts it, unless it is alive.
 *
 *   PROCESS COMMAND [ARGUMENT...] [= ANSWER]
 *
 * PROCESS is a name. `a` means object 0 of the process `a`, and `a.2` means its object 2. COMMAND
 * is a command of test-helper. test-helper.c lists all its commands; a step omits their argument
 * SLOT, the number of the object. Scripts often use these commands:
 *
 *   acquire N, try N, release N      call the method of this name; `try` is try_acquire ()
 *   timeout N USEC                   calls acquire_timeout ()
 *   value                            calls get_value ()
 *   close                            drops the object
 *   hammer THREADS                   starts threads that acquire and release one unit in a loop
 *   calm                             ends these threads
 *
 * The script itself has these commands of a process. `other` means the second key of the case; N is
 * 0 if a step omits it:
 *
 *   open MODE [N] [no-undo] [other]  opens the key with the initial value N
 *   set-key MODE [N] [other]         opens the key with the same object, instead of its old key
 *   play N...                        acquires N units for each positive number, and releases -N
 *                                    units for each negative number
 *   fork CHILD                       forks; CHILD is the name of the new process
 *   kill, quit, exit N, _exit N, abort, signal TERM|SEGV
 *                                    ends the process, and waits for its end
 *   stop, continue                   `stop` sends SIGSTOP and waits until the process has stopped;
 *                                    `continue` sends SIGCONT
 *   blocks                           waits until the process sleeps in its command
 *   wakes [= ANSWER]                 waits for the answer to that command
 *   look [FIGURE N]... [= ANSWER]    calls ssem_semaphore_info_query (), and compares each FIGURE:
 *                                    `value`, `initial`, `attached`, `waiters` or `leftover`. If
 *                                    the backend names holders, also `held`, `holders` or
 *                                    `held-by.PROCESS`
 *   may COMMAND [ARGUMENT...]        skips the whole case if the process lacks permission for
 *                                    COMMAND
 *
 * ANSWER is the answer that the step expects; without it, the step expects `ok`:
 *
 *   N, or N..M                       expects a number, such as the value, or a number in this range
 *   NOT_FOUND, WOULD_BLOCK ...       expects the error of this name, with a message
 *   any                              expects success, with any result
 *   noticed                          expects NOT_FOUND if every operation of the backend makes a
 *                                    system call; otherwise expects success
 *   blocks                           expects no answer: waits until the process sleeps in COMMAND
 *   later                            does not wait: a later step expects the answer
 *
 * The test program itself performs these steps:
 *
 *   files N                          checks that the key directory contains N names
 *   remove COUNTER|NAME|BOTH         removes the semaphore as an administrator would. With System
 *                                    V, COUNTER is the set and NAME is the key file
 *   plant                            puts an empty file in place of the semaphore's file
 *   peer N                           makes a System V set with value N, as Qt does
 *   peer-has N                       checks that the set made by `peer` has value N, and removes
 *                                    the set
 *   share                            opens the directories to other users
 *   repeat N ... again               performs the steps in between N times, or stops after a round
 *                                    if the time of the test is over
 *
 * N may be a sum, such as MAX-2 or ROUND*7+1. MAX is the largest value of the backend, MANY the
 * result of fixture_many (), and LARGE the smaller of MAX and a million. ROUND is the number of
 * finished rounds. In the arguments of a command, KEY and OTHER are the two keys, and KEYS is the
 * key directory; TEMP begins a path in the directory of the test.
 *
 * With @rows, the script runs once for each row. $1, $2 ... are the fields of the row, separated by
 * `|`; a field may be a part of a step, or several steps. At the end of a script, all living
 * processes quit. No semaphore and no file may be left then.
 */
void script_run (Fixture           *fixture,
                 const char        *script,
                 const char *const *rows);

G_END_DECLS
