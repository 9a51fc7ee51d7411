/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Resets beside operations. */

/* The size of the world. */
#ifndef N_OPERATIONS
#define N_OPERATIONS 1
#endif
#ifndef N_RESETS
#define N_RESETS 2
#endif
#ifndef N_OTHER_RESETS
#define N_OTHER_RESETS 0
#endif

/* The words, and how many values each has at most. */
#define STATE     0
#define EPOCH     1
#define N_WORDS   2
#define N_TIMES   9

#include "memory.pml"

#ifndef ADD_LOAD_STATE
#define ADD_LOAD_STATE ACQUIRE
#endif
#ifndef ADD_SWAP_STATE
#define ADD_SWAP_STATE SEQ_CST
#endif
#ifndef ADD_FAIL_TO_SWAP_STATE
#define ADD_FAIL_TO_SWAP_STATE SEQ_CST
#endif
#ifndef EPOCH_LOAD
#define EPOCH_LOAD ACQUIRE
#endif
#ifndef EPOCH_LOAD_STATE
#define EPOCH_LOAD_STATE SEQ_CST
#endif
#ifndef EPOCH_SWAP
#define EPOCH_SWAP SEQ_CST
#endif
#ifndef EPOCH_LOAD_AGAIN
#define EPOCH_LOAD_AGAIN ACQUIRE
#endif
#ifndef RESET_LOAD_STATE
#define RESET_LOAD_STATE ACQUIRE
#endif
#ifndef RESET_SWAP_STATE
#define RESET_SWAP_STATE SEQ_CST
#endif
#ifndef RESET_SWAP_EPOCH
#define RESET_SWAP_EPOCH SEQ_CST
#endif

/* `state` has one bit of the epoch. The record's stamp is right if it contains the epoch that
 * `state` has when the operation swaps it. */
#define MAKE(epoch, slot, sequence) ((epoch) % 2 + 2 * (slot) + 8 * (sequence))
#define EPOCH_OF(s) ((s) % 2)

byte n_resets; /* true, known to nobody */

inline get_epoch ()
{
  load (EPOCH, EPOCH_LOAD, e);
  if
  :: (e + 1) % 2 == EPOCH_OF (s) ->
     load (STATE, EPOCH_LOAD_STATE, now);
     if
     :: EPOCH_OF (now) == EPOCH_OF (s) -> swap (EPOCH, EPOCH_SWAP, e, e + 1)
     :: else
     fi;
     load (EPOCH, EPOCH_LOAD_AGAIN, e)
  :: else
  fi;
  now = 0
}

proctype operator (byte me)
{
  REGISTERS;
  short s, e, now;
  byte k;

  do
  :: k < N_OPERATIONS ->
     k++;
     load (STATE, ADD_LOAD_STATE, s);
     do
     :: get_epoch ();
        atomic {
          swap_or_load (STATE, ADD_SWAP_STATE, ADD_FAIL_TO_SWAP_STATE, s,
                        MAKE (EPOCH_OF (s), me, k));
          if :: has_swapped -> assert (e == n_resets); break :: else fi
        }
     od
  :: else -> break
  od;
  skip;
  d_step { s = 0; e = 0; k = 0; has_swapped = false }
}

proctype resetter (byte me, n)
{
  REGISTERS;
  short s, e, now;
  byte k;

  do
  :: k < n ->
     k++;
     load (STATE, RESET_LOAD_STATE, s);
     do
     :: get_epoch ();
        atomic {
          swap (STATE, RESET_SWAP_STATE, s, MAKE (EPOCH_OF (s) + 1, me, k));
          if :: has_swapped -> assert (e == n_resets); n_resets++; break :: else fi
        }
     od;
     swap (EPOCH, RESET_SWAP_EPOCH, e, e + 1);
     d_step { assert (LAST (EPOCH) <= n_resets); s = 0; e = 0; has_swapped = false }
  :: else -> break
  od
}

init
{
  atomic {
    run operator (0);
    run resetter (1, N_RESETS);
#if N_OTHER_RESETS > 0
    run resetter (2, N_OTHER_RESETS)
#endif
  }
}
