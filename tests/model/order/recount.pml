/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A waiter comes, goes and comes again, while another process counts the waiters. */

/* The words, and how many values each has at most. */
#define WAITERS   0
#define WAITING   1
#define N_WORDS   2
#define N_TIMES   6

#include "memory.pml"

#ifndef ANNOUNCE_STORE_WAITING
#define ANNOUNCE_STORE_WAITING SEQ_CST
#endif
#ifndef ANNOUNCE_ADD_WAITERS
#define ANNOUNCE_ADD_WAITERS SEQ_CST
#endif
#ifndef RETRACT_ADD_WAITERS
#define RETRACT_ADD_WAITERS SEQ_CST
#endif
#ifndef RETRACT_STORE_WAITING
#define RETRACT_STORE_WAITING SEQ_CST
#endif
#ifndef RECOUNT_LOAD_WAITERS
#define RECOUNT_LOAD_WAITERS SEQ_CST
#endif
#ifndef RECOUNT_LOAD_WAITING
#define RECOUNT_LOAD_WAITING SEQ_CST
#endif
#ifndef RECOUNT_SWAP_WAITERS
#define RECOUNT_SWAP_WAITERS SEQ_CST
#endif
#ifndef RECOUNT_FAIL_TO_SWAP_WAITERS
#define RECOUNT_FAIL_TO_SWAP_WAITERS SEQ_CST
#endif

/* `waiters` in the beginning counts one that has died. */
#define VERSION 8
#define COUNT(n) ((n) % VERSION)

bool is_waiting;

proctype waiter (byte me)
{
  REGISTERS;

  store (WAITING, ANNOUNCE_STORE_WAITING, 1);
  add (WAITERS, ANNOUNCE_ADD_WAITERS, VERSION + 1);
  add (WAITERS, RETRACT_ADD_WAITERS, VERSION - 1);
  store (WAITING, RETRACT_STORE_WAITING, 0);
  store (WAITING, ANNOUNCE_STORE_WAITING, 1);
  add (WAITERS, ANNOUNCE_ADD_WAITERS, VERSION + 1);
  is_waiting = true
}

proctype counter (byte me)
{
  REGISTERS;
  short n, counted;

  load (WAITERS, RECOUNT_LOAD_WAITERS, n);
  do
  :: load (WAITING, RECOUNT_LOAD_WAITING, counted);
     if
     :: COUNT (n) == counted -> break
     :: else
     fi;
     swap_or_load (WAITERS, RECOUNT_SWAP_WAITERS, RECOUNT_FAIL_TO_SWAP_WAITERS, n,
                   (n / VERSION + 1) * VERSION + counted);
     if :: has_swapped -> break :: else fi
  od
}

init
{
  atomic { word[WAITERS].value[0] = 1; run waiter (0); run counter (1) };
  _nr_pr == 1;
  assert (COUNT (LAST (WAITERS)) >= 1)
}
