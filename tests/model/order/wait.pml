/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A waiter goes to sleep, a releaser looks for waiters. */

/* The words, and how many values each has at most. */
#define STATE     0
#define WAITERS   1
#define N_WORDS   2
#define N_TIMES   3

#include "memory.pml"

#ifndef ANNOUNCE_ADD_WAITERS
#define ANNOUNCE_ADD_WAITERS SEQ_CST
#endif
#ifndef SLEEP_LOAD_STATE
#define SLEEP_LOAD_STATE SEQ_CST
#endif
#ifndef ADD_SWAP_STATE
#define ADD_SWAP_STATE SEQ_CST
#endif
#ifndef WAKE_LOAD_WAITERS
#define WAKE_LOAD_WAITERS SEQ_CST
#endif

/* The system's own lock orders a wake-up and a sleep. */
View lock;
bool is_asleep;

proctype waiter (byte me)
{
  REGISTERS;
  short s;

  add (WAITERS, ANNOUNCE_ADD_WAITERS, 1);
  load (STATE, SLEEP_LOAD_STATE, s);
  if
  :: s == 0 ->
     /* The system compares `state` with what the waiter loaded. */
     atomic {
       d_step { join (view[me], lock); find_oldest (STATE, RELAXED) };
       if
       :: t < word[STATE].last -> t++
       :: true
       fi;
       is_asleep = (word[STATE].value[t] == s)
     }
  :: else
  fi
}

proctype releaser (byte me)
{
  REGISTERS;
  short s, n;

  swap (STATE, ADD_SWAP_STATE, s, 1);
  load (WAITERS, WAKE_LOAD_WAITERS, n);
  if
  :: n > 0 -> d_step { join (lock, view[me]); is_asleep = false }
  :: else
  fi
}

init
{
  atomic { run waiter (0); run releaser (1) };
  _nr_pr == 1;
  assert (!is_asleep)
}
