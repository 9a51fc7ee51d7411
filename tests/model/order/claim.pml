/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A slot is freed and gets its next owner. */

/* The words, and how many values each has at most. */
#define OWNER     0
#define COMMITTED 1
#define N_WORDS   2
#define N_TIMES   4

#include "memory.pml"

#ifndef FREE_SWAP_OWNER
#define FREE_SWAP_OWNER SEQ_CST
#endif
#ifndef CLAIM_SWAP_OWNER
#define CLAIM_SWAP_OWNER SEQ_CST
#endif
#ifndef ADD_STORE_COMMITTED
#define ADD_STORE_COMMITTED RELEASE
#endif

proctype former (byte me)
{
  REGISTERS;
  short owner = 1;

  store (COMMITTED, ADD_STORE_COMMITTED, 1);
  swap (OWNER, FREE_SWAP_OWNER, owner, 0)
}

proctype next (byte me)
{
  REGISTERS;
  short owner, n;

  swap (OWNER, CLAIM_SWAP_OWNER, owner, 2);
  if
  :: has_swapped -> load (COMMITTED, RELAXED, n); assert (n == 1)
  :: else
  fi
}

init
{
  atomic { word[OWNER].value[0] = 1; run former (0); run next (1) }
}
