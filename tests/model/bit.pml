/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The waiters bit of `state`: ssem/shm/ssem-shm-waiters.c and ssem-shm-acquire.c.
 *
 * A release on the fast path swaps only a word without the bit, and wakes nobody. Any other release
 * looks at the count of waiters. It clears the bit if it finds nobody. Memory is sequentially
 * consistent; order/wait.pml has the orders.
 *
 * Each access to `state` and to the count is a step of its own, so a kill, and any other process,
 * can come between any two. A swap that depends on nothing but the word that it replaces is one
 * step with the load before it. So only the swap that clears the bit may fail, since it depends on
 * the count, too. Its process is in `fresh` if `state` still names the operation that it named at
 * the load. Setting and clearing the bit does not change the name.
 *
 * Waiters acquire a unit each, or give up. Users release a unit, try to acquire one, and so on. A
 * user may take the fast path whenever the bit is clear, also if another process changed `state`
 * last. Any of them may be killed at any step.
 *
 * The model asserts that a living waiter sleeps only while
 *
 *   - the bit is set; or
 *   - a process has cleared the bit and has not yet woken all; or
 *   - such a process is dead and has not been reclaimed.
 *
 * The search also looks for a moment at which nothing moves any more, and a process sleeps although
 * there is a unit. After a kill, this needs a process that watches for deaths (waiting.pml): a
 * process can die after a release and before it wakes. If no process watches (WATCH=0), or if a
 * process stops between clearing the bit and waking, a waiter looks after a sleep of a second. The
 * model leaves out that look; OBSERVE=0 leaves out this assertion.
 *
 * Each of the following, set to 0, leaves out a part without which an assertion must fail.
 */
#ifndef SET
#define SET 1            /* a waiter sets the bit before it sleeps */
#endif
#ifndef SET_AGAIN
#define SET_AGAIN 1      /* it does so before each sleep */
#endif
#ifndef KEEP
#define KEEP 1           /* an acquire keeps the bit */
#endif
#ifndef COMPARE_BIT
#define COMPARE_BIT 1    /* the kernel compares the bit, too, before it lets a process sleep */
#endif
#ifndef LOOK_AGAIN
#define LOOK_AGAIN 1     /* a release that found nobody looks at the count again after its swap */
#endif
#ifndef WAKE_ALL
#define WAKE_ALL 1       /* a release that has cleared the bit wakes all, not one */
#endif
#ifndef SWEEP_SETS
#define SWEEP_SETS 1     /* a process that reclaims a dead one sets the bit if somebody waits */
#endif

/* Without this one, nothing fails. */
#ifndef ANNOUNCE_FIRST
#define ANNOUNCE_FIRST 1 /* a waiter is counted before it sets the bit */
#endif

/* The size of the world. */
#ifndef N_WAITERS
#define N_WAITERS 2
#endif
#ifndef N_IMPATIENT
#define N_IMPATIENT 1  /* these may give up at any moment, the others do not */
#endif
#ifndef N_USERS
#define N_USERS 2
#endif
#ifndef UNITS
#define UNITS 2        /* each of the first users has one */
#endif
#ifndef N_OPERATIONS
#define N_OPERATIONS 1 /* of each user */
#endif
#ifndef HAS_BIT
#define HAS_BIT 1      /* in the beginning: an earlier waiter has set it */
#endif
#ifndef N_KILLS
#define N_KILLS 0
#endif
#ifndef WATCH
#define WATCH 1
#endif
#ifndef OBSERVE
#define OBSERVE 1
#endif

#define N_PROCESSES (N_WAITERS + N_USERS)
#define USER_1      (N_WAITERS + 1)
#define USER_2      (N_WAITERS + 2)

byte value;
bool has_bit = HAS_BIT;
byte fresh; /* a bit for each process */

byte n_waiting;

byte held[N_PROCESSES + 1];
bool waiting[N_PROCESSES + 1];
bool asleep[N_PROCESSES + 1];

bool dead[N_PROCESSES + 1];
bool closed[N_PROCESSES + 1]; /* its file is closed, which a watching process notices */
bool reclaimed[N_PROCESSES + 1];
byte n_kills;

bool has_cleared[N_PROCESSES + 1]; /* and has not woken yet */

#if N_WAITERS > 2
#define ANY_WAITER(what) (what (1) || what (2) || what (3))
#else
#define ANY_WAITER(what) (what (1) || what (2))
#endif
#if N_USERS > 1
#define IS_WAKE_DUE      (has_cleared[USER_1] || has_cleared[USER_2])
#else
#define IS_WAKE_DUE      has_cleared[USER_1]
#endif
#define IS_ASLEEP(w)     asleep[w]
#define SLEEPS(w)        (asleep[w] && !dead[w])

/* Inside atomic, where a waiter falls asleep, the bit is cleared, or a wake-up is not due any
 * more. */
#define CHECK assert (has_bit || IS_WAKE_DUE || !ANY_WAITER (SLEEPS))

/* A swap that succeeds; it changes the holding of @owner. Inside atomic. */
inline swap_value (change, owner)
{
  value = value + (change);
  held[owner] = held[owner] - (change);
  fresh = 0
}

inline acquire ()
{
  swap_value (-1, me);
  has_bit = has_bit && KEEP;
  CHECK
}

/* Wakes any @n sleepers. A dying one can take the wake-up. Inside atomic. */
inline wake (n)
{
  do
  :: n > 0 && asleep[1] -> asleep[1] = false; n--
  :: n > 0 && asleep[2] -> asleep[2] = false; n--
#if N_WAITERS > 2
  :: n > 0 && asleep[3] -> asleep[3] = false; n--
#endif
  :: n == 0 || !ANY_WAITER (IS_ASLEEP) -> n = 0; break
  od
}

#define MAY_GIVE_UP (me <= N_IMPATIENT)

proctype waiter (byte me) provided (!dead[me])
{
  byte n;
  bool is_ready; /* it has found no unit, and falls asleep next */
  bool b;        /* the bit, as it was then */
  bool has_set;

#if ANNOUNCE_FIRST
  waiting[me] = true;
  n_waiting++;
#endif
  do
  :: atomic { !is_ready && value > 0 -> acquire (); break }

  /* It finds the bit set, or sets it. */
  :: atomic {
       !is_ready && value == 0 ->
       has_bit = has_bit || (SET && (SET_AGAIN || !has_set));
       has_set = !SET_AGAIN;
       b = has_bit;
       is_ready = true
     };
#if !ANNOUNCE_FIRST
     if
     :: atomic { !waiting[me] -> waiting[me] = true; n_waiting++ }
     :: waiting[me]
     fi;
#endif
     atomic {
       is_ready = false;
       if
       :: value == 0 && (has_bit == b || !COMPARE_BIT) -> asleep[me] = true; CHECK
       :: else
       fi;
       b = false
     };
     if
     :: !asleep[me]
     :: atomic { MAY_GIVE_UP && asleep[me] -> asleep[me] = false }
     fi

  /* It may have got a wake-up, and has no use for it. */
  :: atomic {
       MAY_GIVE_UP && !is_ready ->
       if
       :: n_waiting > 0 -> n = N_WAITERS; wake (n)
       :: else
       fi;
       break
     }
  od;
  atomic { if :: waiting[me] -> n_waiting-- :: else fi };
  waiting[me] = false
}

proctype user (byte me) provided (!dead[me])
{
  byte n, k;

  do
  :: k < N_OPERATIONS ->
     k++;
     if
     :: held[me] == 0 ->
        atomic {
          if
          :: value > 0 -> acquire ()
          :: else
          fi
        }

     /* The fast path. */
     :: atomic { held[me] > 0 && !has_bit -> swap_value (1, me) }
     :: held[me] > 0 ->
        if
        :: atomic { has_bit -> fresh = fresh | (1 << me) };
           if
           :: n_waiting > 0
           :: n_waiting == 0 ->
              atomic {
                if
                :: has_bit && (fresh & (1 << me)) != 0 ->
                   has_bit = false; has_cleared[me] = true; CHECK
                :: else
                fi
              }
           fi
        :: !has_bit
        fi;
        atomic { swap_value (1, me) };
        atomic {
          if
          :: n_waiting > 0 && (LOOK_AGAIN || !has_cleared[me]) ->
             n = (has_cleared[me] && WAKE_ALL -> N_WAITERS : 1)
          :: else
          fi
        };
        atomic { wake (n); has_cleared[me] = false; CHECK }
     fi
  :: else -> break
  od
}

#if WATCH
#define IS_CLOSED(q)  (closed[q] && !reclaimed[q])
#define IS_COUNTED(w) (waiting[w] && !reclaimed[w])

proctype watcher ()
{
  byte q, n;

  do
  :: atomic {
       if
       :: IS_CLOSED (1) -> q = 1
       :: IS_CLOSED (2) -> q = 2
#if N_WAITERS > 2
       :: IS_CLOSED (3) -> q = 3
#endif
       :: IS_CLOSED (USER_1) -> q = USER_1
#if N_USERS > 1
       :: IS_CLOSED (USER_2) -> q = USER_2
#endif
       fi
     };
     atomic {
       if
       :: held[q] > 0 -> swap_value (held[q], q)
       :: else
       fi
     };

     /* The version of the count makes the recount one step: see order/recount.pml. */
     atomic {
       reclaimed[q] = true;
#if N_WAITERS > 2
       n_waiting = IS_COUNTED (1) + IS_COUNTED (2) + IS_COUNTED (3);
#else
       n_waiting = IS_COUNTED (1) + IS_COUNTED (2);
#endif
       n = n_waiting
     };
     atomic {
       if
       :: n > 0 && SWEEP_SETS -> has_bit = true
       :: else
       fi
     };
     n = value;
     atomic {
       if
       :: n_waiting > 0 -> wake (n)
       :: else -> n = 0
       fi;
       has_cleared[q] = false;
       q = 0;
       CHECK
     }
  od
}
#endif

#define KILL(q) atomic { n_kills < N_KILLS && !dead[q] -> dead[q] = true; n_kills++; victim = q }

/* The kernel, and the killer. */
proctype fate ()
{
  byte victim;

  do
  :: if
     :: KILL (1)
     :: KILL (2)
#if N_WAITERS > 2
     :: KILL (3)
#endif
     :: KILL (USER_1)
#if N_USERS > 1
     :: KILL (USER_2)
#endif
     fi;
     /* Before, it can take a wake-up. */
     atomic { asleep[victim] = false; closed[victim] = true; victim = 0 }
  od
}

#if OBSERVE
proctype observer ()
{
  timeout;
  assert (value == 0 || !ANY_WAITER (SLEEPS))
}
#endif

init
{
  atomic {
    run waiter (1);
    run waiter (2);
#if N_WAITERS > 2
    run waiter (3);
#endif
    held[USER_1] = (UNITS > 0);
    run user (USER_1);
#if N_USERS > 1
    held[USER_2] = (UNITS > 1);
    run user (USER_2);
#endif
#if WATCH
    run watcher ();
#endif
    run fate ();
#if OBSERVE
    run observer ()
#endif
  }
}
