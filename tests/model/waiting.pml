/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sleeping and waking: ssem/shm/ssem-shm-waiters.c, ssem-shm-acquire.c, ssem-shm-recovery.c and
 * linux/ssem-shm-death-watch.c.
 *
 * Some processes wait for units, one releases those it has, one only looks; any of them may be
 * killed at any step. The counter is taken for granted (counter.pml): to take, and to reclaim, is
 * one step each. The search looks for a moment at which nothing moves any more, and
 *
 *   - a process sleeps though there are units enough for it, those of the dead among them, while
 *     some process watches for deaths; or
 *   - a process sleeps that does not watch, though there is room for another watcher and some
 *     process watches.
 *
 * If no process watches, because all watchers were killed together, sleepers look on their own
 * after a second. That look is left out here, or nothing could ever be lost.
 *
 * A kill takes three steps: the process does not move any more; its files are closed, which the
 * death watch notices; its locks are gone. In between, it may still be woken in place of another. A
 * watcher's last look comes a third of a second after the notice, when the locks are gone.
 *
 * Each of the following, set to 0, leaves out a part without which something is lost.
 */
#ifndef ANNOUNCE_FIRST
#define ANNOUNCE_FIRST 1 /* a waiter is counted before it looks at the value */
#endif
#ifndef COMPARE
#define COMPARE 1        /* the kernel compares the value before it lets a process sleep */
#endif
#ifndef GREEDY
#define GREEDY 1         /* all are woken if one waits for more than one unit */
#endif
#ifndef LAST_LOOK
#define LAST_LOOK 1      /* the look at all dead processes, a while after the notice */
#endif
#ifndef LOOK_AFTER_WATCH
#define LOOK_AFTER_WATCH 1 /* a process that begins to watch looks for the dead again */
#endif
#ifndef WAKE_AT_LAST
#define WAKE_AT_LAST 1     /* the last look wakes all, whatever it finds */
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

#define RELEASER    (N_WAITERS + 1)
#define N_PROCESSES (N_WAITERS + 1 + LOOKER)

byte value;
byte n_waiting;
bool someone_is_greedy;
byte place[N_PLACES + 1];

byte held[N_PROCESSES + 1];
byte waiting[N_PROCESSES + 1];
bool has_slot[N_PROCESSES + 1];
bool asleep[N_PROCESSES + 1];
bool watching[N_PROCESSES + 1];
bool listens[N_PROCESSES + 1];
bool rung[N_PROCESSES + 1];

bool dead[N_PROCESSES + 1];
bool closed[N_PROCESSES + 1];
bool unlocked[N_PROCESSES + 1];
byte n_kills;

#define NEEDS(w) (w == 1 -> FIRST_NEEDS : 1)

/* Sweeps: the dead whose units would be returned; those that waited; all. */
#define FOR_UNITS   0
#define FOR_WAITERS 1
#define FOR_ALL     2
#define MATTERS(q, sweep) \
  (sweep == FOR_ALL || (sweep == FOR_UNITS && held[q] > 0) || \
   (sweep == FOR_WAITERS && waiting[q] != 0))

/* Inside atomic. */
inline wake_all ()
{
  asleep[1] = false;
#if N_WAITERS > 2
  asleep[3] = false;
#endif
  asleep[2] = false
}

/* Wakes any one sleeper; all if one is greedy. */
inline wake_one ()
{
  if
  :: GREEDY && someone_is_greedy -> wake_all ()
  :: else ->
     if
     :: asleep[1] -> asleep[1] = false
     :: asleep[2] -> asleep[2] = false
#if N_WAITERS > 2
     :: asleep[3] -> asleep[3] = false
#endif
     :: else
     fi
  fi
}

/* Inside atomic: all deaths that can be seen are reclaimed in one step. To wake the
 * sleepers is another, unless there are none. */
inline sweep (which, q, found)
{
  q = 1;
  do
  :: q <= N_PROCESSES ->
     if
     :: has_slot[q] && unlocked[q] && MATTERS (q, which) ->
        value = value + held[q];
        held[q] = 0;
        has_slot[q] = false;
        found = true
     :: else
     fi;
     q++
  :: else -> break
  od;
  q = 0
}

/* ssem_shm_waiters_recount (): the version in the word makes it one step. */
inline mend (q)
{
  n_waiting = 0;
  someone_is_greedy = false;
  q = 1;
  do
  :: q <= N_WAITERS ->
     if
     :: waiting[q] != 0 && !unlocked[q] ->
        n_waiting++;
        someone_is_greedy = someone_is_greedy || waiting[q] > 1
     :: else
     fi;
     q++
  :: else -> break
  od;
  q = 0
}

#define IS_FREE(i) (place[i] == 0 || unlocked[place[i]])

inline announce ()
{
  waiting[w] = NEEDS (w);
  d_step { n_waiting++; if :: NEEDS (w) > 1 -> someone_is_greedy = true :: else fi }
}

proctype waiter (byte w) provided (!dead[w])
{
  byte q;
  bool found;

#if ANNOUNCE_FIRST
  announce ();
#endif
  do
  :: atomic {
       value >= NEEDS (w) ->
       value = value - NEEDS (w);
       held[w] = NEEDS (w);
       break
     }
  :: atomic { value < NEEDS (w) -> sweep (FOR_UNITS, q, found) };
     if
     :: d_step { found -> found = false; if :: n_waiting > 0 -> wake_all () :: else fi }
     :: d_step { !found && !listens[w] && (IS_FREE (1) || IS_FREE (N_PLACES)) ->
                 if :: IS_FREE (1) -> place[1] = w :: else -> place[N_PLACES] = w fi;
                 listens[w] = true };
        d_step { watching[w] = true; rung[w] = LOOK_AFTER_WATCH }
     :: d_step { !found && !(!listens[w] && (IS_FREE (1) || IS_FREE (N_PLACES))) };
        /* The look and the kernel's comparison are one step: nothing changes in between. */
        if
#if COMPARE && ANNOUNCE_FIRST
        :: d_step { value < NEEDS (w) -> asleep[w] = true }; !asleep[w]
#else
        :: value < NEEDS (w);
#if !ANNOUNCE_FIRST
           announce ();
#endif
           asleep[w] = true; !asleep[w]
#endif
        :: value >= NEEDS (w)
        fi
     fi
  od;
  atomic { if :: n_waiting > 0 -> n_waiting-- :: else fi };
  waiting[w] = 0
}

#define IS_GOING(q) (closed[q] && !unlocked[q])

/* The thread of a waiter's process, which stays when the waiter has its units. */
proctype listener (byte w) provided (!dead[w])
{
  byte q;
  bool found;

  do
  :: atomic { rung[w] -> rung[w] = false;
              sweep (FOR_UNITS, q, found);
              sweep (FOR_WAITERS, q, found) };
     d_step { if :: found && n_waiting > 0 -> wake_all () :: else fi; found = false };
#if LAST_LOOK
     /* The locks of processes that were noticed are gone by then. */
     atomic {
       !IS_GOING (1) && !IS_GOING (2) && !IS_GOING (N_PROCESSES) && !IS_GOING (RELEASER) ->
       sweep (FOR_ALL, q, found);
       mend (q)
     };
     d_step {
       if
       :: n_waiting > 0 && (found || WAKE_AT_LAST || IS_FREE (1) || IS_FREE (N_PLACES)) ->
          wake_all ()
       :: else
       fi;
       found = false
     }
#endif
  od
}

proctype releaser () provided (!dead[RELEASER])
{
  do
  :: d_step { held[RELEASER] > 0 -> held[RELEASER]--; value++ };
     if
     :: atomic { n_waiting > 0 -> skip }; atomic { wake_one () }
     :: else
     fi
  :: held[RELEASER] == 0 -> break
  od
}

#if LOOKER
/* Asks for the value once. It has no slot. */
proctype looker () provided (!dead[N_PROCESSES])
{
  byte q;
  bool found;

  atomic { sweep (FOR_UNITS, q, found) };
  d_step { if :: found && n_waiting > 0 -> wake_all () :: else fi; found = false }
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
       closed[victim] = true;
       asleep[victim] = false;
       i = 1;
       do
       :: i <= N_WAITERS -> rung[i] = rung[i] || (watching[i] && !dead[i]); i++
       :: else -> break
       od;
       i = 0
     };
     atomic { unlocked[victim] = true; victim = 0 }
  od
}

#define SLEEPS(w)    (!dead[w] && asleep[w])
#define OWED(q)      ((unlocked[q] && has_slot[q]) -> held[q] : 0)
#if N_WAITERS > 2
#define ALL_OWED     (OWED (1) + OWED (2) + OWED (3) + OWED (RELEASER))
#else
#define ALL_OWED     (OWED (1) + OWED (2) + OWED (RELEASER))
#endif
#define IS_LOST(w)   (SLEEPS (w) && value + ALL_OWED >= NEEDS (w))
#define HEARS(w)     (!dead[w] && watching[w])
#define IS_UNSUNG(w) (SLEEPS (w) && !listens[w])
#if N_WAITERS > 2
#define ANY(what) (what (1) || what (2) || what (3))
#else
#define ANY(what) (what (1) || what (2))
#endif

proctype observer ()
{
  timeout;
  assert (!(ANY (IS_LOST) && ANY (HEARS)));
  assert (!(ANY (IS_UNSUNG) && ANY (HEARS) && (IS_FREE (1) || IS_FREE (N_PLACES))))
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
    run releaser ();
#if LOOKER
    run looker ();
#endif
    run fate ();
    run observer ()
  }
}
