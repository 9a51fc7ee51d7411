/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A thread calls off the wait of another. */

/* The words, and how many values each has at most. */
#define ASLEEP    0
#define CALLED_OFF 1
#define N_WORDS   2
#define N_TIMES   3

#include "memory.pml"

#ifndef SLEEP_STORE_ASLEEP
#define SLEEP_STORE_ASLEEP SEQ_CST
#endif
#ifndef SLEEP_LOAD_CALLED_OFF
#define SLEEP_LOAD_CALLED_OFF SEQ_CST
#endif
#ifndef CALL_OFF_STORE_CALLED_OFF
#define CALL_OFF_STORE_CALLED_OFF SEQ_CST
#endif
#ifndef CALL_OFF_LOAD_ASLEEP
#define CALL_OFF_LOAD_ASLEEP SEQ_CST
#endif

bool sleeps, is_called_off;

proctype waiter (byte me)
{
  REGISTERS;
  short is_off;

  store (ASLEEP, SLEEP_STORE_ASLEEP, 1);
  load (CALLED_OFF, SLEEP_LOAD_CALLED_OFF, is_off);
  if
  :: !is_off -> d_step { assert (!is_called_off); sleeps = true }; !sleeps
  :: else
  fi;
  store (ASLEEP, SLEEP_STORE_ASLEEP, 0)
}

proctype caller (byte me)
{
  REGISTERS;
  short is_asleep;

  store (CALLED_OFF, CALL_OFF_STORE_CALLED_OFF, 1);
  do
  :: load (ASLEEP, CALL_OFF_LOAD_ASLEEP, is_asleep);
     if
     :: is_asleep -> sleeps = false
     :: else -> break
     fi
  od;
  skip;
  d_step { assert (!sleeps); is_called_off = true }
}

init
{
  atomic { run waiter (0); run caller (1) }
}
