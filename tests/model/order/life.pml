/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The last process leaves while another one attaches. */

/* The size of the world. */
#ifndef N_LEAVERS
#define N_LEAVERS 1
#endif
#ifndef HAS_CLAIMER
#define HAS_CLAIMER 0
#endif
#ifndef HAS_SLOT
#define HAS_SLOT 0 /* it attaches again, with the slot that it has */
#endif

/* The words, and how many values each has at most. */
#define OWNER     0
#define USED      1
#define LIFE_WORD 2
#define N_WORDS   3
#define N_TIMES   8

#include "memory.pml"

#ifndef CLAIM_SWAP_OWNER
#define CLAIM_SWAP_OWNER SEQ_CST
#endif
#ifndef CLAIM_LOAD_USED
#define CLAIM_LOAD_USED SEQ_CST
#endif
#ifndef CLAIM_SWAP_USED
#define CLAIM_SWAP_USED SEQ_CST
#endif
#ifndef CLAIM_STORE_OWNER
#define CLAIM_STORE_OWNER SEQ_CST
#endif
#ifndef ATTACH_SWAP_OWNER
#define ATTACH_SWAP_OWNER SEQ_CST
#endif
#ifndef KEEP_LOAD_LIFE
#define KEEP_LOAD_LIFE SEQ_CST
#endif
#ifndef KEEP_SWAP_LIFE
#define KEEP_SWAP_LIFE SEQ_CST
#endif
#ifndef END_LOAD_LIFE
#define END_LOAD_LIFE SEQ_CST
#endif
#ifndef END_SWAP_LIFE
#define END_SWAP_LIFE SEQ_CST
#endif
#ifndef OTHERS_LOAD_USED
#define OTHERS_LOAD_USED SEQ_CST
#endif
#ifndef OTHERS_LOAD_OWNER
#define OTHERS_LOAD_OWNER SEQ_CST
#endif
#ifndef END_SWAP_REMOVED
#define END_SWAP_REMOVED SEQ_CST
#endif

#define IN_USE  0
#define CLOSING 1
#define REMOVED 2
#define PHASE(life)       ((life) % 4)
#define NEXT(life, phase) (((life) / 4 + 1) * 4 + (phase))

#define CLAIMING 1
#define OWNED    2
#define ATTACHED 3

bool is_attached, is_removed;

proctype attacher (byte me)
{
  REGISTERS;
  short owner, used, life;

#if HAS_SLOT
  owner = OWNED;
  swap (OWNER, ATTACH_SWAP_OWNER, owner, ATTACHED);
#else
  swap (OWNER, CLAIM_SWAP_OWNER, owner, CLAIMING);
  load (USED, CLAIM_LOAD_USED, used);
  do
  :: used == 0 -> swap (USED, CLAIM_SWAP_USED, used, 1); if :: has_swapped -> break :: else fi
  :: else -> break
  od;
  store (OWNER, CLAIM_STORE_OWNER, ATTACHED);
#endif
  load (LIFE_WORD, KEEP_LOAD_LIFE, life);
  do
  :: PHASE (life) == CLOSING ->
     swap (LIFE_WORD, KEEP_SWAP_LIFE, life, NEXT (life, IN_USE));
     if :: has_swapped -> life = IN_USE :: else fi
  :: else -> break
  od;
  skip;
  d_step { is_attached = (PHASE (life) != REMOVED); assert (!(is_attached && is_removed)) }
}

/* A process that claims a later slot. */
proctype claimer (byte me)
{
  REGISTERS;
  short used;

  swap (USED, CLAIM_SWAP_USED, used, 1)
}

proctype leaver (byte me)
{
  REGISTERS;
  short owner, used, life, closing;

  load (LIFE_WORD, END_LOAD_LIFE, life);
  do
  :: PHASE (life) != REMOVED ->
     closing = life;
     if
     :: PHASE (life) != CLOSING ->
        closing = NEXT (life, CLOSING);
        swap (LIFE_WORD, END_SWAP_LIFE, life, closing)
     :: else -> has_swapped = true
     fi;
     if
     :: has_swapped ->
        load (USED, OTHERS_LOAD_USED, used);
        if
        :: used -> load (OWNER, OTHERS_LOAD_OWNER, owner)
        :: else
        fi;
        if :: owner == ATTACHED -> break :: else fi;
        life = closing;
        atomic {
          swap (LIFE_WORD, END_SWAP_REMOVED, life, NEXT (closing, REMOVED));
          if :: has_swapped -> is_removed = true; assert (!is_attached); break :: else fi
        }
     :: else
     fi
  :: else -> break
  od
}

init
{
  atomic {
#if HAS_SLOT
    word[OWNER].value[0] = OWNED;
    word[USED].value[0] = 1;
#endif
    run attacher (0);
    run leaver (1);
#if N_LEAVERS > 1
    run leaver (2);
#endif
#if HAS_CLAIMER
    run claimer (3)
#endif
  }
}
