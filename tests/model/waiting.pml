/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sleeping and waking: ssem/shm/ssem-shm-waiters.c, ssem-shm-acquire.c, ssem-shm-recovery.c and
 * linux/ssem-shm-death-watch.c.
 *
 * Some processes wait for units, one releases the units that it has, one only looks. Any of them
 * may be killed at any step. The counter is taken for granted (counter.pml): to take, and to
 * reclaim, is one step each. So is the waiters bit (bit.pml): a release wakes somebody from the
 * time at which a waiter sets the bit until this waiter takes a unit or is reclaimed. The search
 * looks for a moment at which nothing moves any more, and
 *
 *   - a process sleeps although there are enough units for it, those of the dead included, while
 *     some process watches for deaths; or
 *   - a process sleeps that is no listener, although there is room for another listener and some
 *     process watches.
 *
 * If no process watches, because all listeners were killed together, a waiter looks after a sleep
 * of a second. The model leaves this look out, or nothing could ever be lost.
 *
 * A kill takes three steps: the process does not move any more; its file is closed, which the
 * listeners notice; its lock is gone. Before the second, it may still be woken in place of another.
 * One kill ends before the next one begins.
 *
 * A short sleep ends when no lock of a process is left whose file was closed. A waiter that finds
 * no room to listen sleeps longer than a new listener, so its sleep ends after the second look of
 * those that it found. A listener may die between a waiter's last look for room and its long sleep.
 * Then there is one listener fewer for a second; the model leaves out this moment.
 *
 * Known limit (N_WAITERS=3, N_KILLS=2, UNITS=1, RELEASER_LISTENS=1): all listeners are killed at
 * about the same time, and the only new one takes its units before its second look. Then nobody
 * takes a dead listener's place until a waiter has slept for a second.
 *
 * Each of the following, set to 0, leaves out a part without which something is lost.
 */
#ifndef SET_BIT
#define SET_BIT 1          /* a waiter sets the waiters bit before it sleeps */
#endif
#ifndef COMPARE
#define COMPARE 1          /* the kernel compares the value before it lets a process sleep */
#endif
#ifndef GREEDY
#define GREEDY 1           /* all are woken if one waits for more than one unit */
#endif
#ifndef LOOK_AFTER_WATCH
#define LOOK_AFTER_WATCH 1 /* a process that begins to watch looks for the dead */
#endif
#ifndef SECOND_LOOK
#define SECOND_LOOK 1      /* it looks again a little later, when the locks are gone */
#endif
#ifndef STAYS_DUE
#define STAYS_DUE 1        /* it does so, too, if it was woken before */
#endif
#ifndef WATCH_AGAIN
#define WATCH_AGAIN 1      /* a waiter that found no room to listen tries once more */
#endif
#ifndef LOOK_WHEN_TRYING
#define LOOK_WHEN_TRYING 1 /* then it looks, too, if no listener has looked again */
#endif
#ifndef WAKE_FOR_ANY
#define WAKE_FOR_ANY 1     /* waiters are woken also if the dead process had no units */
#endif
#ifndef WAKE_FOR_VALUE
#define WAKE_FOR_VALUE 1   /* as many are woken as there are units, not only as came back */
#endif
#ifndef WAKE_SUCCESSOR
#define WAKE_SUCCESSOR 1   /* all are woken after the death of a listener */
#endif
#ifndef WAKE_AT_LOOK
#define WAKE_AT_LOOK 1     /* and by a second look that finds a dead listener */
#endif
#ifndef TAKE_OVER
#define TAKE_OVER 1        /* a dead listener's entry stays until others are woken or take it */
#endif

/* The size of the world. */
#ifndef N_WAITERS
#define N_WAITERS 2
#endif
#ifndef FIRST_NEEDS
#define FIRST_NEEDS 1
#endif
#ifndef UNITS
#define UNITS 2         /* the releaser has them */
#endif
#ifndef N_PLACES
#define N_PLACES 2
#endif
#ifndef N_KILLS
#define N_KILLS 2
#endif
#ifndef LOOKER
#define LOOKER 0
#endif
#ifndef LOOKER_UNITS
#define LOOKER_UNITS 0  /* the process that only looks has them */
#endif
#ifndef SLOW_LOCKS
#define SLOW_LOCKS 1    /* a lock is gone a moment after the file is closed, not at once */
#endif
#ifndef RELEASER_LISTENS
#define RELEASER_LISTENS 0 /* the releaser has waited before, so it is a listener */
#endif

#define RELEASER    (N_WAITERS + 1)
#define N_PROCESSES (N_WAITERS + 1 + LOOKER)

byte value;
byte n_waiting;
bool someone_is_greedy;
byte place[N_PLACES + 1]; /* `listeners` */
bool is_look_due;         /* no process has looked since `next_wait_look` was set */

byte held[N_PROCESSES + 1];
byte waiting[N_PROCESSES + 1];
bool has_set_bit[N_PROCESSES + 1];
bool has_slot[N_PROCESSES + 1];
bool asleep[N_PROCESSES + 1];
bool watching[N_PROCESSES + 1];
byte dying[N_PROCESSES + 1]; /* the processes of which a listener has a notice, a bit for each */

bool dead[N_PROCESSES + 1];
byte going;                  /* whose file is closed and whose lock is not gone, a bit for each */
bool unlocked[N_PROCESSES + 1];
byte n_kills;

#define NEEDS(w)       (w == 1 -> FIRST_NEEDS : 1)
#define IS_FREE(i)     (place[i] == 0 || unlocked[place[i]])
#define HAS_ROOM       (IS_FREE (1) || IS_FREE (N_PLACES))
#define IS_LISTENER(q) (place[1] == q || place[N_PLACES] == q)
#define HAS_DEAD_LISTENER \
  ((place[1] != 0 && unlocked[place[1]]) || (place[N_PLACES] != 0 && unlocked[place[N_PLACES]]))

/* Inside atomic. */
inline wake_all ()
{
  asleep[1] = false;
#if N_WAITERS > 2
  asleep[3] = false;
#endif
  asleep[2] = false
}

#if N_WAITERS > 2
#define ANY(what) (what (1) || what (2) || what (3))
#else
#define ANY(what) (what (1) || what (2))
#endif
#define IS_ASLEEP(w)   asleep[w]
#define HAS_SET_BIT(w) has_set_bit[w]

/* Wakes any @n sleepers, all if one is greedy. Inside atomic. */
inline wake (n)
{
  do
  :: n == 0 -> break
  :: n > 0 && GREEDY && someone_is_greedy -> wake_all (); n = 0
  :: n > 0 && !(GREEDY && someone_is_greedy) ->
     if
     :: asleep[1] -> asleep[1] = false; n--
     :: asleep[2] -> asleep[2] = false; n--
#if N_WAITERS > 2
     :: asleep[3] -> asleep[3] = false; n--
#endif
     :: !ANY (IS_ASLEEP) -> n = 0
     fi
  od
}

/* ssem_shm_waiters_recount (): the version in the word makes it one step. */
inline recount (q)
{
  n_waiting = 0;
  someone_is_greedy = false;
  q = 1;
  do
  :: q <= N_WAITERS ->
     if
     :: waiting[q] != 0 && has_slot[q] ->
        n_waiting++;
        someone_is_greedy = someone_is_greedy || waiting[q] > 1
     :: else
     fi;
     q++
  :: else -> break
  od;
  q = 0
}

/* Adds to @n the units that come back. Inside atomic. */
inline reclaim (q, n)
{
  n = n + held[q];
  value = value + held[q];
  held[q] = 0;
  has_set_bit[q] = false;
  has_slot[q] = false
}

/* How many to wake when @n units have come back. */
#define N_TO_WAKE(n) \
  (n_waiting == 0 -> 0 : (n == 0 -> WAKE_FOR_ANY * value : (WAKE_FOR_VALUE -> value : n)))

/* Inside atomic: reclaims all processes that are seen as dead and have units. Then @n is how many
 * to wake, in a step of its own. */
inline look (q, n)
{
  q = 1;
  do
  :: q <= N_PROCESSES ->
     if
     :: has_slot[q] && unlocked[q] && held[q] > 0 -> reclaim (q, n)
     :: else
     fi;
     q++
  :: else -> break
  od;
  q = 0;
  if
  :: n > 0 -> recount (q); n = N_TO_WAKE (n)
  :: else
  fi
}

/* What a process did without TAKE_OVER. Inside atomic. */
inline clear_places ()
{
  if :: !TAKE_OVER && IS_FREE (1) -> place[1] = 0 :: else fi;
  if :: !TAKE_OVER && IS_FREE (N_PLACES) -> place[N_PLACES] = 0 :: else fi
}

#define MAY_SLEEP(w) \
  (n == 0 && value < NEEDS (w) && (has_set_bit[w] || !SET_BIT) && \
   (IS_LISTENER (w) || (others_listen && (is_short || !HAS_ROOM))))

proctype waiter (byte w) provided (!dead[w])
{
  byte q;
  byte n;               /* to wake */
  bool others_listen;
  bool is_short = true; /* the next sleep; for a listener, the second look is due */

  waiting[w] = NEEDS (w);
  d_step { n_waiting++; if :: NEEDS (w) > 1 -> someone_is_greedy = true :: else fi };
  do
  :: atomic { n > 0 -> wake (n) }
  :: atomic {
       n == 0 && value >= NEEDS (w) ->
       value = value - NEEDS (w);
       held[w] = NEEDS (w);
       has_set_bit[w] = false;
       break
     }
  :: d_step { n == 0 && value < NEEDS (w) && !has_set_bit[w] && SET_BIT -> has_set_bit[w] = true }

  /* Makes sure that some process listens. */
  :: d_step {
       n == 0 && value < NEEDS (w) && !others_listen && !IS_LISTENER (w) && !HAS_ROOM ->
       others_listen = true
     }
  :: d_step {
       n == 0 && value < NEEDS (w) && !IS_LISTENER (w) && HAS_ROOM &&
       (!others_listen || !is_short) ->
       others_listen = false;
       clear_places ()
     };
     watching[w] = true;
     if
     :: d_step {
          HAS_ROOM ->
          if :: IS_FREE (1) -> place[1] = w :: else -> place[N_PLACES] = w fi
        };
        atomic {
#if LOOK_AFTER_WATCH
          look (q, n);
#endif
          is_short = SECOND_LOOK;
          is_look_due = SECOND_LOOK
        }
     :: d_step { else -> watching[w] = false; dying[w] = 0; others_listen = true }
     fi

  /* The look and the kernel's comparison are one step: nothing changes in between. */
#if COMPARE
  :: d_step { MAY_SLEEP (w) -> asleep[w] = true; others_listen = false };
#else
  :: MAY_SLEEP (w);
     d_step { asleep[w] = true; others_listen = false };
#endif
     if
     :: d_step {
          !asleep[w] ->
          is_short = !IS_LISTENER (w) || (is_short && STAYS_DUE)
        }
     :: atomic {
          asleep[w] && is_short && going == 0 && (WATCH_AGAIN || IS_LISTENER (w)) ->
          asleep[w] = false;
          is_short = false;
          if
          :: IS_LISTENER (w) || (is_look_due && LOOK_WHEN_TRYING) ->
             is_look_due = false;
             look (q, n);
             n = (n_waiting == 0 -> 0 : (WAKE_AT_LOOK && HAS_DEAD_LISTENER -> N_WAITERS : value));
             clear_places ()
          :: else
          fi
        }
     fi
  od;
  atomic { if :: n_waiting > 0 -> n_waiting-- :: else fi };
  waiting[w] = 0
}

#define HAS_NOTICE(q) (n == 0 && !is_to_clear && (dying[w] & (1 << q)) != 0 && unlocked[q])

/* Inside atomic: wakes all after the death of a listener; to clear its entry is another step. */
inline call_successor (q)
{
  if
  :: IS_LISTENER (q) ->
     is_to_clear = true;
     if :: WAKE_SUCCESSOR && n_waiting > 0 -> wake_all () :: else fi
  :: else -> q = 0
  fi
}

/* The thread of a listener, which stays when the process has its units. */
proctype listener (byte w) provided (!dead[w])
{
  byte q, victim;
  byte n;   /* to wake */
  bool is_to_clear; /* the victim's entry */

  do
  :: atomic {
       if
       :: HAS_NOTICE (1) -> victim = 1
       :: HAS_NOTICE (2) -> victim = 2
#if N_WAITERS > 2
       :: HAS_NOTICE (3) -> victim = 3
#endif
       :: HAS_NOTICE (RELEASER) -> victim = RELEASER
#if LOOKER
       :: HAS_NOTICE (N_PROCESSES) -> victim = N_PROCESSES
#endif
       fi;
       dying[w] = dying[w] & ~(1 << victim);
       if
       :: has_slot[victim] -> reclaim (victim, n); recount (q); n = N_TO_WAKE (n)
       :: else
       fi;
       if
       :: n == 0 -> call_successor (victim)
       :: else
       fi
     }
  :: atomic { n > 0 -> wake (n); call_successor (victim) }
  :: d_step {
       is_to_clear ->
       if
       :: place[1] == victim -> place[1] = 0
       :: place[1] != victim && place[N_PLACES] == victim -> place[N_PLACES] = 0
       :: else
       fi;
       is_to_clear = false;
       victim = 0
     }
  od
}

proctype releaser () provided (!dead[RELEASER])
{
  byte n;

  do
  :: d_step { held[RELEASER] > 0 -> held[RELEASER]--; value++; n = ANY (HAS_SET_BIT) };
     if
     :: atomic { n > 0 -> wake (n) }
     :: n == 0
     fi
  :: held[RELEASER] == 0 -> break
  od
}

#if LOOKER
/* Asks for the value once. */
proctype looker () provided (!dead[N_PROCESSES])
{
  byte q, n;

  atomic { look (q, n) };
  atomic { wake (n) }
}
#endif

#define KILL(q) atomic { n_kills < N_KILLS && !dead[q] -> dead[q] = true; n_kills++; victim = q }

/* The kernel, and the killer. */
proctype fate ()
{
  byte victim, i;

  do
  :: if
     :: KILL (1)
     :: KILL (2)
#if N_WAITERS > 2
     :: KILL (3)
#endif
     :: KILL (RELEASER)
#if LOOKER
     :: KILL (N_PROCESSES)
#endif
     fi;
     d_step {
       going = 1 << victim;
       asleep[victim] = false;
       i = 1;
       do
       :: i <= RELEASER ->
          if :: watching[i] && !dead[i] -> dying[i] = dying[i] | going :: else fi;
          i++
       :: else -> break
       od;
       i = 0
#if SLOW_LOCKS
     };
     d_step {
#endif
       going = 0;
       unlocked[victim] = true;
       victim = 0
     }
  od
}

#define SLEEPS(w)    (!dead[w] && asleep[w])
#define OWED(q)      ((unlocked[q] && has_slot[q]) -> held[q] : 0)
#define IS_LOST(w)   (SLEEPS (w) && value + ALL_OWED >= NEEDS (w))
#define HEARS(w)     (!dead[w] && watching[w])
#define IS_UNSUNG(w) (SLEEPS (w) && !IS_LISTENER (w))
#if N_WAITERS > 2
#define ALL_OWED \
  (OWED (1) + OWED (2) + OWED (3) + OWED (RELEASER) + LOOKER * OWED (N_PROCESSES))
#else
#define ALL_OWED     (OWED (1) + OWED (2) + OWED (RELEASER) + LOOKER * OWED (N_PROCESSES))
#endif
#define ANY_HEARS    (ANY (HEARS) || HEARS (RELEASER))

proctype observer ()
{
  timeout;
  assert (!(ANY (IS_LOST) && ANY_HEARS));
  assert (!(ANY (IS_UNSUNG) && ANY_HEARS && HAS_ROOM))
}

init
{
  atomic {
    held[RELEASER] = UNITS;
    has_slot[RELEASER] = true;
    has_slot[1] = true; run waiter (1); run listener (1);
    has_slot[2] = true; run waiter (2); run listener (2);
#if N_WAITERS > 2
    has_slot[3] = true; run waiter (3); run listener (3);
#endif
#if RELEASER_LISTENS
    place[1] = RELEASER; watching[RELEASER] = true; run listener (RELEASER);
#endif
    run releaser ();
#if LOOKER
    has_slot[N_PROCESSES] = true;
    held[N_PROCESSES] = LOOKER_UNITS;
    run looker ();
#endif
    run fate ();
    run observer ()
  }
}
