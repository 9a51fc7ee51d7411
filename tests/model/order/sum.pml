/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A sum over the slots of a dead process, while others free and claim them. The dead process holds
 * a unit in its first slot, and owes it in its second. */

#define HAS_FENCES 1

/* The words, and how many values each has at most. */
#define OWNERS    0 /* two */
#define HOLDING   2
#define N_WORDS   3
#define N_TIMES   4

#include "memory.pml"

#ifndef FREE_SWAP_FLAG
#define FREE_SWAP_FLAG SEQ_CST
#endif
#ifndef FREE_SWAP_OWNER
#define FREE_SWAP_OWNER SEQ_CST
#endif
#ifndef CLAIM_SWAP_OWNER
#define CLAIM_SWAP_OWNER SEQ_CST
#endif
#ifndef CLAIM_STORE_RECORD
#define CLAIM_STORE_RECORD RELAXED
#endif
#ifndef SUM_LOAD_OWNER
#define SUM_LOAD_OWNER SEQ_CST
#endif
#ifndef SUM_LOAD_RECORD
#define SUM_LOAD_RECORD RELAXED
#endif
#ifndef CLAIM_FENCE
#define CLAIM_FENCE RELEASE
#endif
#ifndef SUM_FENCE
#define SUM_FENCE ACQUIRE
#endif
#ifndef SUM_LOAD_OWNER_AGAIN
#define SUM_LOAD_OWNER_AGAIN SEQ_CST
#endif

#define DEAD      1
#define RECLAIMED 2
#define NEXT      3

proctype freer (byte me)
{
  REGISTERS;
  short owner = DEAD;

  swap (OWNERS, FREE_SWAP_FLAG, owner, RECLAIMED);
  owner = DEAD;
  swap (OWNERS + 1, FREE_SWAP_OWNER, owner, 0);
  owner = RECLAIMED;
  swap (OWNERS, FREE_SWAP_OWNER, owner, 0)
}

proctype next (byte me)
{
  REGISTERS;
  short owner;

  swap (OWNERS + 1, CLAIM_SWAP_OWNER, owner, NEXT);
  if
  :: has_swapped -> fence (CLAIM_FENCE); store (HOLDING, CLAIM_STORE_RECORD, 0)
  :: else
  fi
}

proctype reclaimer (byte me)
{
  REGISTERS;
  short owner, holding;

  load (OWNERS + 1, SUM_LOAD_OWNER, owner);
  if
  :: owner == DEAD -> load (HOLDING, SUM_LOAD_RECORD, holding)
  :: else
  fi;
  fence (SUM_FENCE);
  load (OWNERS, SUM_LOAD_OWNER_AGAIN, owner);
  assert (owner != DEAD || holding == -1)
}

init
{
  atomic {
    word[OWNERS].value[0] = DEAD;
    word[OWNERS + 1].value[0] = DEAD;
    word[HOLDING].value[0] = -1;
    run freer (0);
    run next (1);
    run reclaimer (2)
  }
}
