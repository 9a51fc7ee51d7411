/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The waiters bit of `state` and the count of waiters: a waiter goes to sleep. A process releases a
 * unit, and may clear the bit. Another one, which changed `state` last, releases a unit on the fast
 * path. bit.pml has the algorithm. */

/* The size of the world. */
#ifndef HAS_BIT_FIRST
#define HAS_BIT_FIRST 1 /* an earlier waiter has left the bit */
#endif
#ifndef N_OTHERS
#define N_OTHERS 0      /* that wait for one unit each, and may get a wake-up for one */
#endif

/* The words, and how many values each has at most. */
#define STATE     0
#define WAITERS   1
#define N_WORDS   2
#define N_TIMES   6

#include "memory.pml"

#ifndef ANNOUNCE_ADD_WAITERS
#define ANNOUNCE_ADD_WAITERS SEQ_CST
#endif
#ifndef SET_LOAD_STATE
#define SET_LOAD_STATE SEQ_CST
#endif
#ifndef SET_SWAP_STATE
#define SET_SWAP_STATE SEQ_CST
#endif
#ifndef SET_FAIL_TO_SWAP_STATE
#define SET_FAIL_TO_SWAP_STATE SEQ_CST
#endif
#ifndef CLEAR_LOAD_STATE
#define CLEAR_LOAD_STATE SEQ_CST
#endif
#ifndef CLEAR_LOAD_WAITERS
#define CLEAR_LOAD_WAITERS SEQ_CST
#endif
#ifndef CLEAR_SWAP_STATE
#define CLEAR_SWAP_STATE SEQ_CST
#endif
#ifndef ADD_LOAD_STATE
#define ADD_LOAD_STATE ACQUIRE
#endif
#ifndef ADD_SWAP_STATE
#define ADD_SWAP_STATE SEQ_CST
#endif
#ifndef WAKE_LOAD_WAITERS
#define WAKE_LOAD_WAITERS SEQ_CST
#endif
#ifndef FAST_SWAP_STATE
#define FAST_SWAP_STATE SEQ_CST
#endif

/* A name stands for slot and sequence. The system compares value and bit. */
#define MAKE(value, bit, name) ((bit) + 2 * (value) + 8 * (name))
#define HAS_BIT(s)    ((s) % 2)
#define VALUE(s)      ((s) / 2 % 4)
#define NAME(s)       ((s) / 8)
#define SLEEP_HALF(s) ((s) % 8)

/* In `waiters`. It also stands for the number of greedy waiters. */
#define WAITER_COUNT 2

#define FAST     1
#define RELEASER 2

/* The system's own lock orders a wake-up and a sleep. */
View lock;
bool is_asleep;

/* Sleeps once: when it wakes, there is a unit. */
proctype waiter (byte me)
{
  REGISTERS;
  short s;

  add (WAITERS, ANNOUNCE_ADD_WAITERS, WAITER_COUNT);
  load (STATE, SET_LOAD_STATE, s);
  do
  :: VALUE (s) > 0 || HAS_BIT (s) -> break
  :: else ->
     swap_or_load (STATE, SET_SWAP_STATE, SET_FAIL_TO_SWAP_STATE, s, MAKE (0, 1, NAME (s)));
     if :: has_swapped -> s = MAKE (0, 1, NAME (s)) :: else fi
  od;
  if
  :: VALUE (s) == 0 ->
     atomic {
       d_step { join (view[me], lock); find_oldest (STATE, RELAXED) };
       do
       :: t < word[STATE].last -> t++
       :: break
       od;
       is_asleep = (SLEEP_HALF (word[STATE].value[t]) == SLEEP_HALF (s))
     }
  :: else
  fi
}

proctype releaser (byte me)
{
  REGISTERS;
  short s, n;
  bool has_cleared;

  load (STATE, CLEAR_LOAD_STATE, s);
  if
  :: HAS_BIT (s) ->
     load (WAITERS, CLEAR_LOAD_WAITERS, n);
     if
     :: n == 0 ->
        swap (STATE, CLEAR_SWAP_STATE, s, MAKE (VALUE (s), 0, NAME (s)));
        has_cleared = has_swapped
     :: else
     fi
  :: else
  fi;
  load (STATE, ADD_LOAD_STATE, s);
  do
  :: swap (STATE, ADD_SWAP_STATE, s, MAKE (VALUE (s) + 1, HAS_BIT (s), RELEASER));
     if :: has_swapped -> break :: else fi
  od;
  load (WAITERS, WAKE_LOAD_WAITERS, n);
  if
  :: n >= WAITER_COUNT || (has_cleared && n > 0) ->
     d_step { join (lock, view[me]); is_asleep = false }
  :: else
  fi
}

/* It does nothing if its swap fails: the other path has been modelled above. */
proctype fast_releaser (byte me)
{
  REGISTERS;
  short s = MAKE (0, 0, FAST);

  swap (STATE, FAST_SWAP_STATE, s, MAKE (1, 0, FAST + 2))
}

init
{
  atomic {
    word[STATE].value[0] = MAKE (0, HAS_BIT_FIRST, FAST);
    word[WAITERS].value[0] = N_OTHERS;
    run waiter (0);
    run releaser (1);
    run fast_releaser (2)
  };
  _nr_pr == 1;
  assert (!is_asleep)
}
