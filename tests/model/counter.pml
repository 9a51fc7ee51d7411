/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The counter of ssem/shm/ssem-shm-counter.c: operations, reclaiming, epochs, slots used again.
 *
 * Names are those of the C code. Each access to a word that processes share is a step of its own,
 * so a kill, and any other process, can come between any two. Words that only their owner writes
 * are read by the owner in the step before or after. What is one word in C (state; an owner and its
 * flags) changes in one step here. Sequences do not wrap, and memory is sequentially consistent.
 *
 * dead[] kills a process: it stops all threads of the process where they are. Reclaimers need not
 * be killed: nothing waits for them, so the search includes runs in which one never moves on.
 *
 * Other processes may set and clear the waiters bit of `state` at any moment; bit.pml has the
 * reasons.
 *
 * The words that no process can see, held[] and units, change in the very step that makes the
 * change true. The model asserts that
 *
 *   - reclaiming returns what the dead process held, once;
 *   - slots get the flag "reclaimed" only when nothing is left to return;
 *   - in the end the value and what live processes hold add up, and their records say what they
 *     hold.
 *
 * Each of the following, set to 0, leaves out a part without which one of these must fail.
 */
#ifndef HELP
#define HELP 1          /* record_success () before a name is overwritten */
#endif
#ifndef RECLAIM_SEQUENCE
#define RECLAIM_SEQUENCE 1 /* the sequence that shows that units were returned */
#endif
#ifndef EPOCH
#define EPOCH 1         /* a record of another epoch counts as 0 */
#endif
#ifndef EPOCH_HELP
#define EPOCH_HELP 1    /* a process that finds the word of the epoch behind moves it */
#endif
#ifndef OWNER_CHECK
#define OWNER_CHECK 1   /* the owner is looked at again after reading the holdings */
#endif
#ifndef SEQUENCES_GO_ON
#define SEQUENCES_GO_ON 1 /* a new owner continues beyond the sequence of the reclaim */
#endif
#ifndef IGNORE_BIT
#define IGNORE_BIT 1    /* record_success () takes no notice of the bit, which comes and goes */
#endif

/* The size of the world. */
#ifndef INITIAL
#define INITIAL 1
#endif
#ifndef N_OPERATIONS
#define N_OPERATIONS 2  /* of each worker */
#endif
#ifndef N_KILLS
#define N_KILLS 2
#endif
#ifndef N_RECLAIMERS
#define N_RECLAIMERS 1    /* besides the one that looks at the end */
#endif
#ifndef RESETS
#define RESETS 0        /* whether CREATE is among the operations */
#endif
#ifndef BIT
#define BIT 0           /* whether the bit changes */
#endif
#ifndef THREADS
#define THREADS 1       /* of process 1 */
#endif
#ifndef LATECOMER
#define LATECOMER 0     /* whether a third process comes, which needs a slot that was used before */
#endif

#define N_PROCESSES 3
#define N_SLOTS (THREADS + 1)
#define N_WORKERS (THREADS + 1 + LATECOMER)

#define CLAIMING 1
#define RECLAIMED  2

typedef Slot {
  byte owner;
  byte flags;
  byte committed;
  byte done;
  short holding[2];
  byte epoch[2]
};

Slot slot[N_SLOTS + 1];

/* One word. */
byte value = INITIAL;
byte state_epoch = 1;
byte state_slot;
byte state_sequence;
bool state_bit;

byte epoch = 1;

bool dead[N_PROCESSES + 1];
byte n_threads_over[N_PROCESSES + 1];
byte n_kills;

/* What is true, known to nobody. */
short held[N_PROCESSES + 1];
short units = INITIAL;

#define IS_AS_READ_BUT_BIT \
  (value == v && state_epoch == e && state_slot == s && state_sequence == n)
#define IS_AS_READ (IS_AS_READ_BUT_BIT && state_bit == b)

/* What each proctype below needs for the following. Registers whose content is of no use any more
 * are cleared, which makes states equal that differ in nothing else. */
#define REGISTERS \
  byte v, e, s, n, ep, committed, sequence, first, i, me; \
  bool b; \
  short sum
#define CLEAR_STATE \
  v = 0; e = 0; s = 0; n = 0; b = false; ep = 0; committed = 0

/* Inside atomic. */
inline read_state ()
{
  v = value; e = state_epoch; s = state_slot; n = state_sequence; b = state_bit
}

/* Without resets, there is nothing to be read. */
inline get_epoch ()
{
#if RESETS
  ep = epoch;
  if
  :: atomic { EPOCH_HELP && ep + 1 == e ->
              if :: epoch == ep -> epoch = ep + 1 :: else fi };
     ep = epoch
  :: else
  fi
#else
  ep = 1
#endif
}

inline record_success_of_state ()
{
  if
  :: atomic { HELP && s != 0 && s != me -> committed = slot[s].committed };
     if
     :: atomic {
          (committed + 1 == n || committed + 2 == n) &&
          (IS_AS_READ || (IGNORE_BIT && IS_AS_READ_BUT_BIT)) ->
          skip
        };
        d_step { if :: slot[s].done < n -> slot[s].done = n :: else fi }
     :: else
     fi
  :: else
  fi
}

#define RECORDED(index, which) \
  ((!EPOCH || slot[index].epoch[(which) % 2] == ep) -> slot[index].holding[(which) % 2] : 0)

/* ssem_shm_counter_add () of one unit. The record is written in one step, since nothing names
 * it. */
inline add (delta)
{
  atomic { read_state () };
  do
  :: atomic { delta < 0 && v == 0 -> CLEAR_STATE; break }
  :: !(delta < 0 && v == 0);
     get_epoch ();
     d_step {
       slot[me].holding[(sequence + 1) % 2] = RECORDED (me, sequence) - (delta);
       slot[me].epoch[(sequence + 1) % 2] = ep
     };
     record_success_of_state ();
     if
     :: atomic {
          IS_AS_READ ->
          value = v + delta; state_slot = me; state_sequence = sequence + 1;
          held[p] = held[p] - (delta);
          sequence++;
          CLEAR_STATE
        };
        slot[me].committed = sequence;
        break
     :: atomic { else -> read_state () }
     fi
  od
}

inline reset ()
{
  atomic { read_state () };
  do
  :: get_epoch ();
     d_step {
       slot[me].holding[(sequence + 1) % 2] = 0;
       slot[me].epoch[(sequence + 1) % 2] = ep + 1
     };
     record_success_of_state ();
     if
     :: atomic {
          IS_AS_READ ->
          value = INITIAL; state_epoch = e + 1; state_slot = me; state_sequence = sequence + 1;
          held[1] = 0; held[2] = 0; held[3] = 0; units = INITIAL;
          sequence++
        };
        d_step { if :: epoch == ep -> epoch = ep + 1 :: else fi; CLEAR_STATE };
        slot[me].committed = sequence;
        break
     :: atomic { else -> read_state () }
     fi
  od
}

/* Leaves me at 0 where there is none. */
inline claim_slot ()
{
  me = 0;
  i = 1;
  do
  :: i <= N_SLOTS && me == 0 ->
     d_step {
       if
       :: slot[i].owner == 0 -> slot[i].owner = p; slot[i].flags = CLAIMING; me = i
       :: else -> i++
       fi
     }
  :: else -> break
  od;
  if
  :: me != 0 ->
     sequence = slot[me].committed + (SEQUENCES_GO_ON -> 4 : 0);
     slot[me].holding[sequence % 2] = 0;
     slot[me].epoch[sequence % 2] = 0;
     slot[me].committed = sequence;
     slot[me].flags = 0
  :: else
  fi
}

inline find_first_slot (q)
{
  first = 0;
  i = 1;
  do
  :: i <= N_SLOTS && first == 0 ->
     d_step {
       if
       :: slot[i].owner == q && slot[i].flags != CLAIMING -> first = i
       :: else -> i++
       fi
     }
  :: else -> break
  od
}

inline free_slots (q)
{
  find_first_slot (q);
  atomic {
    if
    :: first != 0 && slot[first].owner == q && slot[first].flags == 0 ->
       slot[first].flags = RECLAIMED;
       assert (held[q] <= 0);
       /* What a process created stays. */
       units = units - held[q];
       held[q] = 0
    :: else
    fi;
    i = 1
  };
  do
  :: i <= N_SLOTS ->
     /* Nobody but the dead sets CLAIMING or owns, so to read the owner and to swap it are one. */
     d_step {
       if
       :: slot[i].owner == q && slot[i].flags != RECLAIMED -> slot[i].owner = 0; slot[i].flags = 0
       :: else
       fi;
       i++
     }
  :: else -> break
  od;
  atomic {
    if
    :: first != 0 && slot[first].owner == q && slot[first].flags == RECLAIMED ->
       slot[first].owner = 0; slot[first].flags = 0
    :: else
    fi
  }
}

/* Sets sum to what is to be returned; 0 if that has been done. */
inline get_holding_to_return (q)
{
  get_epoch ();
  sequence = slot[first].committed + 2;
  sum = 0;
  if
  :: RECLAIM_SEQUENCE && ((s == first && n == sequence) || slot[first].done == sequence) -> skip
  :: atomic { else -> i = first };
     do
     :: i <= N_SLOTS ->
        if
        :: atomic { slot[i].owner == q && slot[i].flags == 0 -> skip };
           committed = slot[i].committed;
           atomic {
             if
             :: (s == i && n == committed + 1) || slot[i].done == committed + 1 -> committed++
             :: else
             fi
           };
           d_step { sum = sum + RECORDED (i, committed); i++ }
        :: atomic { else -> i++ }
        fi
     :: atomic { i > N_SLOTS -> i = 0; committed = 0; break }
     od;
     if
     :: atomic { OWNER_CHECK && (slot[first].owner != q || slot[first].flags != 0) -> sum = 0 }
     :: else
     fi
  fi
}

/* The marks have a number of their own, which no other process uses. */
inline try_to_reclaim (q)
{
  do
  :: atomic { read_state () };
     get_holding_to_return (q);
     if
     :: sum <= 0 -> break
     :: else
     fi;
     record_success_of_state ();
     if
     :: atomic { IS_AS_READ -> state_slot = 0; state_sequence = my_mark; s = 0; n = my_mark };
        get_holding_to_return (q);
        if
        :: sum <= 0 -> break
        :: else
        fi;
        if
        :: atomic {
             IS_AS_READ ->
             assert (dead[q]);
             assert (sum == held[q]);
             value = v + sum; state_slot = first; state_sequence = sequence;
             held[q] = 0
           };
           break
        :: else
        fi
     :: else
     fi
  od;
  atomic { CLEAR_STATE; sequence = 0; sum = 0 }
}

inline reclaim (q)
{
  find_first_slot (q);
  if
  :: first != 0 -> try_to_reclaim (q)
  :: else
  fi;
  free_slots (q)
}

proctype worker (byte p, mine)
{
  REGISTERS;
  byte k;

  {
    /* The latecomer's slot is one that somebody had. */
    if
    :: atomic { p == 3 && (slot[1].owner == 0 || slot[2].owner == 0) -> skip }; claim_slot ()
    :: atomic { p < 3 -> me = mine }
    fi;
    do
    :: me != 0 && k < N_OPERATIONS ->
       k++;
       if
       :: add (-1)
       :: add (1)
#if RESETS
       :: reset ()
#endif
       fi
    :: else -> break
    od;

    /* Leaving in good order; who holds units lingers. */
    if
    :: LATECOMER && p == 2 && held[p] <= 0 -> free_slots (p); dead[p] = true
    :: n_threads_over[p]++
    fi
  } unless {
    dead[p]
  };
  d_step { CLEAR_STATE; sequence = 0; first = 0; i = 0; me = 0; sum = 0; k = 0 }
}

proctype killer ()
{
  do
  :: d_step { n_kills < N_KILLS && !dead[1] -> dead[1] = true; n_kills++ }
  :: d_step { n_kills < N_KILLS && !dead[2] -> dead[2] = true; n_kills++ }
  od
}

#if BIT
/* Others that change the bit. */
proctype changer ()
{
  do
  :: state_bit = !state_bit
  od
}
#endif

/* Finds a death at any time. The observer may overtake it anywhere. */
proctype reclaimer (byte my_mark)
{
  REGISTERS;
  byte q;

  if
  :: atomic { dead[1] -> q = 1 }
  :: atomic { dead[2] -> q = 2 }
  fi;
  reclaim (q);
  atomic { first = 0; i = 0; q = 0 }
}

#define N_THREADS(q) (q == 1 -> THREADS : (q == 2 -> 1 : LATECOMER))
#define IS_OVER(q)   (dead[q] || n_threads_over[q] == N_THREADS (q))

/* What the records of @q say in the epoch of state. */
#define RECORDED_BY(index, q) \
  ((slot[index].owner == q && slot[index].epoch[slot[index].committed % 2] == state_epoch) \
   -> slot[index].holding[slot[index].committed % 2] : 0)

proctype observer ()
{
  REGISTERS;
  byte my_mark = 3;
  byte q = 1;

  IS_OVER (1) && IS_OVER (2) && IS_OVER (3);
  do
  :: q <= 2 + LATECOMER ->
     if
     :: dead[q] ->
        reclaim (q);
        atomic {
          assert (held[q] == 0 && slot[1].owner != q && slot[2].owner != q);
          first = 0; i = 0
        }
     :: else ->
        d_step {
          sum = 0;
          i = 1;
          do
          :: i <= N_SLOTS -> sum = sum + RECORDED_BY (i, q); i++
          :: else -> break
          od;
          assert (dead[q] || sum == held[q]);
          i = 0
        }
     fi;
     q++
  :: else -> break
  od;
  assert (value + held[1] + held[2] + held[3] == units)
}

init
{
  atomic {
    slot[1].owner = 1;
    slot[2].owner = 2;
    run worker (1, 1);
    run worker (2, 2);
#if THREADS > 1
    slot[3].owner = 1;
    run worker (1, 3);
#endif
#if LATECOMER
    run worker (3, 0);
#endif
    run killer ();
#if BIT
    run changer ();
#endif
#if N_RECLAIMERS > 0
    run reclaimer (1);
#endif
#if N_RECLAIMERS > 1
    run reclaimer (2);
#endif
    run observer ()
  }
}
