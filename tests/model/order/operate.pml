/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Operations of a process that is killed, operations of another one, and reclaims. */

/* The size of the world. */
#ifndef N_OPERATIONS
#define N_OPERATIONS 1
#endif
#ifndef N_OTHER_OPERATIONS
#define N_OTHER_OPERATIONS 1
#endif
#ifndef N_RECLAIMERS
#define N_RECLAIMERS 1
#endif
#define N_MARKS 3 /* beyond, a reclaimer stops */

/* The words, and how many values each has at most. */
#define STATE     0
#define COMMITTED 1
#define DONE      2
#define RECORDS   3 /* two */
#define N_WORDS   5
#define N_TIMES   (N_OPERATIONS + N_OTHER_OPERATIONS + N_MARKS + 3)

#include "memory.pml"

#ifndef ADD_LOAD_STATE
#define ADD_LOAD_STATE ACQUIRE
#endif
#ifndef ADD_STORE_RECORD
#define ADD_STORE_RECORD RELAXED
#endif
#ifndef ADD_SWAP_STATE
#define ADD_SWAP_STATE SEQ_CST
#endif
#ifndef ADD_STORE_COMMITTED
#define ADD_STORE_COMMITTED RELEASE
#endif
#ifndef HELP_LOAD_COMMITTED
#define HELP_LOAD_COMMITTED ACQUIRE
#endif
#ifndef HELP_LOAD_STATE
#define HELP_LOAD_STATE SEQ_CST
#endif
#ifndef HELP_LOAD_DONE
#define HELP_LOAD_DONE RELAXED
#endif
#ifndef HELP_SWAP_DONE
#define HELP_SWAP_DONE SEQ_CST
#endif
#ifndef RECLAIM_LOAD_STATE
#define RECLAIM_LOAD_STATE SEQ_CST
#endif
#ifndef RECLAIM_LOAD_COMMITTED
#define RECLAIM_LOAD_COMMITTED SEQ_CST
#endif
#ifndef RECLAIM_LOAD_DONE
#define RECLAIM_LOAD_DONE SEQ_CST
#endif
#ifndef RECLAIM_LOAD_RECORD
#define RECLAIM_LOAD_RECORD RELAXED
#endif
#ifndef MARK_SWAP_STATE
#define MARK_SWAP_STATE SEQ_CST
#endif
#ifndef RECLAIM_SWAP_STATE
#define RECLAIM_SWAP_STATE SEQ_CST
#endif
#ifndef ASK_LOCK
#define ASK_LOCK ACQUIRE /* who finds the lock gone sees all that the dead process stored */
#endif

/* `state` names slot 1, which is the victim's, slot 2 of the other process, or none: a mark. Its
 * sequence has two bits, so it wraps. A mark has the number of its process instead. */
#define MAKE(value, slot, sequence) ((value) + 4 * (slot) + 16 * (sequence))
#define VALUE(s)    ((s) % 4)
#define SLOT(s)     ((s) / 4 % 4)
#define SEQUENCE(s) ((s) / 16)
#define LOW(n)      ((n) % 4)

byte n_marks;
bool is_dead;
short held; /* what is true, known to nobody */

/* record_success () */
inline record_success ()
{
  load (COMMITTED, HELP_LOAD_COMMITTED, n);
  if
  :: LOW (n) == SEQUENCE (s) || LOW (n + 3) == SEQUENCE (s) -> skip
  :: else ->
     if :: LOW (n + 1) == SEQUENCE (s) -> n = n + 1 :: else -> n = n + 2 fi;
     load (STATE, HELP_LOAD_STATE, now);
     if
     :: now == s ->
        load (DONE, HELP_LOAD_DONE, d);
        do
        :: d < n -> swap (DONE, HELP_SWAP_DONE, d, n); if :: has_swapped -> break :: else fi
        :: else -> break
        od
     :: else
     fi
  fi;
  skip;
  d_step { n = 0; now = 0; d = 0 }
}

/* It acquires a unit and releases it, in turn. */
proctype victim (byte me) provided (!is_dead)
{
  REGISTERS;
  short s;
  byte k;

  do
  :: k < N_OPERATIONS ->
     load (STATE, ADD_LOAD_STATE, s);
     do
     :: store (RECORDS + (k + 1) % 2, ADD_STORE_RECORD, (k + 1) % 2);
        atomic {
          swap (STATE, ADD_SWAP_STATE, s, MAKE (k % 2, 1, LOW (k + 1)));
          if :: has_swapped -> held = (k + 1) % 2; break :: else fi
        }
     od;
     skip;
     d_step { k++; s = 0; has_swapped = false };
     store (COMMITTED, ADD_STORE_COMMITTED, k)
  :: else -> break
  od
}

/* Its operations leave the value as it is. */
proctype other (byte me)
{
  REGISTERS;
  short s, n, now, d;
  byte k;

  do
  :: k < N_OTHER_OPERATIONS ->
     k++;
     load (STATE, ADD_LOAD_STATE, s);
     do
     :: if :: SLOT (s) == 1 -> record_success () :: else fi;
        swap (STATE, ADD_SWAP_STATE, s, MAKE (VALUE (s), 2, k));
        if :: has_swapped -> break :: else fi
     od;
     skip;
     d_step { s = 0; has_swapped = false }
  :: else -> break
  od
}

inline get_holding_to_return ()
{
  sum = 0;
  load (COMMITTED, RECLAIM_LOAD_COMMITTED, n);
  load (DONE, RECLAIM_LOAD_DONE, d);
  if
  :: (SLOT (s) == 1 && SEQUENCE (s) == LOW (n + 2)) || d == n + 2 -> skip
  :: else ->
     if
     :: SLOT (s) == 1 && SEQUENCE (s) == LOW (n + 1) -> n = n + 1
     :: else ->
        load (DONE, RECLAIM_LOAD_DONE, d);
        if :: d == n + 1 -> n = n + 1 :: else fi
     fi;
     load (RECORDS + n % 2, RECLAIM_LOAD_RECORD, sum)
  fi;
  d_step { n = 0; d = 0 }
}

proctype reclaimer (byte me)
{
  REGISTERS;
  short s, n, now, d, sum, sequence;
  byte mark;

  d_step {
    is_dead;
    if :: HAS_ACQUIRE (ASK_LOCK) -> join (view[me], view[0]) :: else fi
  };
  do
  :: load (COMMITTED, RECLAIM_LOAD_COMMITTED, sequence);
     sequence = sequence + 2;
     load (STATE, RECLAIM_LOAD_STATE, s);
     get_holding_to_return ();
     if :: sum <= 0 -> break :: else fi;
     d_step { n_marks < N_MARKS; mark = n_marks; n_marks++ };
     if :: SLOT (s) == 1 -> record_success () :: else fi;
     swap (STATE, MARK_SWAP_STATE, s, MAKE (VALUE (s), 0, mark + 4));
     if
     :: has_swapped ->
        s = MAKE (VALUE (s), 0, mark + 4);
        get_holding_to_return ();
        if :: sum <= 0 -> break :: else fi;
        atomic {
          swap (STATE, RECLAIM_SWAP_STATE, s, MAKE (VALUE (s) + sum, 1, LOW (sequence)));
          if :: has_swapped -> assert (sum == held); held = 0; break :: else fi
        }
     :: else
     fi
  od;
  assert (held == 0)
}

init
{
  atomic {
    word[STATE].value[0] = MAKE (1, 0, 0);
    run victim (0);
    run other (1);
    run reclaimer (2);
#if N_RECLAIMERS > 1
    run reclaimer (3);
#endif
  };
  is_dead = true
}
