/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The order of memory accesses on processors that order less than x86, such as arm64.
 *
 * Each word keeps all values that it ever had. For each word, a process has the oldest value that
 * it can still load: its view. A load yields that value or any later one, so stores to different
 * words become visible in any order, and a load can happen before an earlier load. A store with
 * release attaches the process's view to the value. A load with acquire takes over the view that is
 * attached to what it loads. Sequentially consistent stores have one order. A
 * sequentially consistent load may happen earlier than the model makes it, but not before the last
 * sequentially consistent access of its process. A swap always replaces the last value. A failed
 * swap is a load.
 *
 * A swap without release keeps the view that was attached to the value before. Nothing else orders
 * anything: the model knows no dependencies, and no barrier of a system call except those of a
 * process's lock. A store is never visible before an earlier load of the same process.
 *
 * The case to search is one of the names below. Each access of the C code has its order as a macro,
 * with the order that the C code names.
 */
#define OPERATE  1 /* operations of a process that is killed, of another, and reclaims */
#define RESET    2 /* resets beside operations */
#define WAIT     3 /* a waiter goes to sleep, a releaser looks for waiters */
#define RECOUNT  4 /* a waiter comes, goes and comes again; another process counts */
#define CALL_OFF 5 /* a thread calls off the wait of another */
#define LIFE     6 /* the last process leaves, another attaches */
#define CLAIM    7 /* a slot is freed and gets its next owner */
#define SUM      8 /* a sum over the slots of a dead process, while others free and claim them */

#ifndef CASE
#define CASE OPERATE
#endif

#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define ACQ_REL 3
#define SEQ_CST 7

#define HAS_ACQUIRE(order) ((order) % 2 == 1)
#define HAS_RELEASE(order) ((order) / 2 % 2 == 1)
#define HAS_SEQ_CST(order) ((order) >= 4)

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

/* --- Words --- */

/* The words of a case, and how many values each has at most. */
#if CASE == OPERATE
#define STATE     0
#define COMMITTED 1
#define DONE      2
#define RECORDS   3 /* two */
#define N_WORDS   5
#define N_TIMES   (N_OPERATIONS + N_OTHER_OPERATIONS + N_MARKS + 3)
#elif CASE == RESET
#define STATE     0
#define EPOCH     1
#define N_WORDS   2
#define N_TIMES   9
#elif CASE == WAIT
#define STATE     0
#define WAITERS   1
#define N_WORDS   2
#define N_TIMES   3
#elif CASE == RECOUNT
#define WAITERS   0
#define WAITING   1
#define N_WORDS   2
#define N_TIMES   6
#elif CASE == CALL_OFF
#define ASLEEP    0
#define CALLED_OFF 1
#define N_WORDS   2
#define N_TIMES   3
#elif CASE == LIFE
#define OWNER     0
#define USED      1
#define LIFE_WORD 2
#define N_WORDS   3
#define N_TIMES   8
#elif CASE == CLAIM
#define OWNER     0
#define COMMITTED 1
#define N_WORDS   2
#define N_TIMES   4
#elif CASE == SUM
#define HAS_FENCES 1
#define OWNERS    0 /* two */
#define HOLDING   2
#define N_WORDS   3
#define N_TIMES   4
#endif

#define N_PROCESSES 4
#ifndef HAS_FENCES
#define HAS_FENCES 0
#endif

typedef View {
  byte time[N_WORDS]
};

typedef Word {
  short value[N_TIMES];
  View attached[N_TIMES];
  View agreed_then[N_TIMES]; /* `agreed`, if the store was sequentially consistent */
  byte last
};

Word word[N_WORDS];
View view[N_PROCESSES];
View agreed;             /* the last sequentially consistent stores */
View bound[N_PROCESSES]; /* of them, those before the process's last such access */
#if HAS_FENCES
View pending[N_PROCESSES];  /* what a fence with acquire takes over */
View released[N_PROCESSES]; /* what a fence with release has attached to later stores */
#endif

/* What each proctype below needs for the following; and its number, `me`. */
#define REGISTERS \
  byte t, x; \
  bool has_swapped

#define LAST(w) word[w].value[word[w].last]

/* Inside d_step, as are the next three. */
inline join (to, from)
{
  x = 0;
  do
  :: x < N_WORDS ->
     if :: to.time[x] < from.time[x] -> to.time[x] = from.time[x] :: else fi;
     x++
  :: else -> break
  od;
  x = 0
}

/* What a process learns by a load of the value of time t. */
inline learn (w, order)
{
  view[me].time[w] = t;
  if :: HAS_ACQUIRE (order) -> join (view[me], word[w].attached[t]) :: else fi;
#if HAS_FENCES
  join (pending[me], word[w].attached[t]);
#endif
  if :: HAS_SEQ_CST (order) -> join (bound[me], word[w].agreed_then[t]) :: else fi;
  t = 0
}

inline append (w, order, new)
{
  word[w].value[word[w].last + 1] = new;
  word[w].last++;
  view[me].time[w] = word[w].last;
  if :: HAS_RELEASE (order) -> join (word[w].attached[word[w].last], view[me]) :: else fi;
#if HAS_FENCES
  join (word[w].attached[word[w].last], released[me]);
#endif
  if
  :: HAS_SEQ_CST (order) ->
     agreed.time[w] = word[w].last;
     join (word[w].agreed_then[word[w].last], agreed);
     join (bound[me], agreed)
  :: else
  fi
}

/* Sets t to the time of the oldest value that a load may yield. */
inline find_oldest (w, order)
{
  t = view[me].time[w];
  if :: HAS_SEQ_CST (order) && bound[me].time[w] > t -> t = bound[me].time[w] :: else fi
}

inline load (w, order, result)
{
  atomic {
    d_step { find_oldest (w, order) };
    do
    :: t < word[w].last -> t++
    :: break
    od;
    skip; /* a loop cannot end in d_step */
    d_step { result = word[w].value[t]; learn (w, order) }
  }
}

inline store (w, order, new)
{
  d_step { append (w, order, new) }
}

/* Replaces the last value, if it is @old. Inside d_step. */
inline replace (w, order, new)
{
  t = word[w].last;
  join (word[w].attached[t + 1], word[w].attached[t]);
  learn (w, order);
  append (w, order, new)
}

#if HAS_FENCES
inline fence (order)
{
  d_step {
    if :: HAS_ACQUIRE (order) -> join (view[me], pending[me]) :: else fi;
    if :: HAS_RELEASE (order) -> join (released[me], view[me]) :: else fi
  }
}
#endif

/* A failure loads into @old, which is a variable; then @failure_order counts. */
inline swap_or_load (w, order, failure_order, old, new)
{
  atomic {
    if
    :: LAST (w) == old -> d_step { replace (w, order, new); has_swapped = true }
    :: else ->
       d_step { find_oldest (w, failure_order) };
       do
       :: t < word[w].last -> t++
       :: word[w].value[t] != old -> break
       od;
       skip;
       d_step { old = word[w].value[t]; learn (w, failure_order); has_swapped = false }
    fi
  }
}

inline swap (w, order, old, new)
{
  swap_or_load (w, order, order, old, new)
}

inline add (w, order, change)
{
  d_step { replace (w, order, LAST (w) + change) }
}

/* --- Operations, a death, and reclaims --- */

#if CASE == OPERATE

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

#endif

/* --- Resets --- */

#if CASE == RESET

#ifndef N_RESETS
#define N_RESETS 2
#endif
#ifndef N_OTHER_RESETS
#define N_OTHER_RESETS 0
#endif

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

#endif

/* --- Waiting --- */

#if CASE == WAIT

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

#endif

#if CASE == RECOUNT

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

#endif

#if CASE == CALL_OFF

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

#endif

/* --- Attaching, leaving, claiming --- */

#if CASE == LIFE

#ifndef N_LEAVERS
#define N_LEAVERS 1
#endif
#ifndef HAS_CLAIMER
#define HAS_CLAIMER 0
#endif
#ifndef HAS_SLOT
#define HAS_SLOT 0 /* it attaches again, with the slot that it has */
#endif

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

#endif

#if CASE == CLAIM

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

#endif

/* The dead process holds a unit in its first slot, and owes it in its second. */
#if CASE == SUM

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

#endif
