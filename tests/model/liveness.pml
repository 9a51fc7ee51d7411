/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which processes live, and which segment is the key's: ssem/shm/ssem-shm-attach.c,
 * ssem-shm-life.c, ssem-shm-recovery.c, linux/ssem-shm-process.c and
 * linux/ssem-shm-linux-member.c.
 *
 * Some processes attach, acquire, release, leave and end. Any of them may be killed at any step,
 * and may come again as a new process with a new ID. Each system call and each access to a word
 * that processes share is a step of its own. No process need be stopped: nothing waits for a
 * process, so the search includes runs in which one never moves on.
 *
 * A killed process stops in one step and loses its lock in another. A process may ask about another
 * at any time: when it hears of a death is in waiting.pml. A reclaim returns the units of a process
 * once: that is in counter.pml. So an operation is one step here, and a reclaim is two: the units
 * return, and the slot becomes free.
 *
 * No process can find a private directory before it is renamed. So to prepare a segment and to
 * publish it is one step. Nobody outside removes files.
 *
 * The words that no process can see, lives[], attached[], holds[] and owed, change in the very step
 * that makes the change true. The model asserts that
 *
 *   - nobody reclaims units of a living process or frees its slot. The value, what living processes
 *     hold and what dead ones held add up to the initial value;
 *   - all living processes that are attached are attached to the same segment, which is neither
 *     marked as removed nor unlinked;
 *   - no process tries more than a few times to attach or to leave, whatever the others do;
 *   - if nobody was killed, no segment is left in the end. Otherwise one more process gets all
 *     units back. When that process has ended, no segment and no directory is left, and any process
 *     file that is left can be removed.
 *
 * Each of the following, set to 0, leaves out a part without which one of these must fail.
 */
#ifndef LOCK_FIRST
#define LOCK_FIRST 1      /* a process file is locked before it gets its name */
#endif
#ifndef SWEEP_ASKS
#define SWEEP_ASKS 1      /* only an unlocked process file is removed */
#endif
#ifndef ABSENT_IS_DEAD
#define ABSENT_IS_DEAD 1  /* a process without a file counts as dead */
#endif
#ifndef KEEP_IF_NAMED
#define KEEP_IF_NAMED 1   /* a process that holds units at exit () keeps its file */
#endif
#ifndef NEW_IDS
#define NEW_IDS 1         /* no two processes have the same ID */
#endif
#ifndef CLAIM_FIRST
#define CLAIM_FIRST 1     /* an attaching process claims its slot before it looks at life */
#endif
#ifndef LOOK_AT_LIFE
#define LOOK_AT_LIFE 1    /* it looks at life */
#endif
#ifndef VETO
#define VETO 1            /* it changes "closing" to "in use" */
#endif
#ifndef CLOSE_FIRST
#define CLOSE_FIRST 1     /* a leaving process changes life before it looks for others */
#endif
#ifndef VERSION
#define VERSION 1         /* life has a version */
#endif
#ifndef SEGMENT_IDS
#define SEGMENT_IDS 1     /* no two segments have the same name */
#endif
#ifndef FINISH
#define FINISH 1          /* whoever finds a segment that is marked as removed unlinks it */
#endif

/* The size of the world. */
#ifndef N_WORKERS
#define N_WORKERS 2
#endif
#ifndef N_LIVES
#define N_LIVES 1         /* how often the first comes; the others come once */
#endif
#ifndef N_KILLS
#define N_KILLS 0
#endif
#ifndef N_SWEEPS
#define N_SWEEPS 0
#endif
#ifndef UNITS
#define UNITS 1           /* with 0, nobody tries to acquire any */
#endif

/* Each life needs a slot and an ID, the last process too. A sweep may cost an ID. */
#define N_SLOTS    (N_WORKERS + N_LIVES)
#define N_IDS      (N_WORKERS + N_LIVES + N_SWEEPS)
#define N_SEGMENTS (N_WORKERS + 1)
#define MAX_ROUNDS (2 * (N_WORKERS + N_LIVES))

/* Names of a process file. */
#define TENTATIVE 1
#define FINAL     2

byte file[N_IDS + 1];
bool locked[N_IDS + 1];
byte last_id;

/* life: a version, and a phase. */
#define IN_USE  0
#define CLOSING 1
#define REMOVED 2
#define PHASE(life_)       ((life_) & 3)
#define NEXT(life_, phase) ((VERSION -> (((life_) >> 2) + 1) << 2 : 0) | (phase))

typedef Segment {
  byte life;
  byte value;
  byte used;                   /* the last slot that was ever claimed */
  byte owner[N_SLOTS + 1];
  bool is_attached[N_SLOTS + 1];
  byte held[N_SLOTS + 1];
  byte owed                    /* what dead processes held */
};

Segment segment[N_SEGMENTS + 1];

/* The key's directory, and the segment in it. */
bool has_directory;
byte named;

byte id[N_WORKERS + 1];
byte mapped[N_WORKERS + 1];
bool dead[N_WORKERS + 1];
bool is_over[N_WORKERS + 1];
byte n_kills;

/* What is true, known to nobody: by ID; by worker, the segment. */
bool lives[N_IDS + 1];
byte attached[N_WORKERS + 1];
byte holds[N_WORKERS + 1];

/* The worker's own. */
#define p id[w]
#define s mapped[w]
#define S segment[s]

#define NONE(words, s_) \
  (words[1] != (s_) && words[2] != (s_) && words[N_WORKERS] != (s_))

#if N_WORKERS > 2
#define N_HOLDERS ((holds[1] == s) + (holds[2] == s) + (holds[3] == s))
#else
#define N_HOLDERS ((holds[1] == s) + (holds[2] == s))
#endif
#define ADDS_UP   (S.value + N_HOLDERS + S.owed == UNITS)

/* The answer to the question about q. */
#define IS_ALIVE(q) (file[q] == FINAL -> locked[q] : !ABSENT_IS_DEAD)

/* --- Inside atomic --- */

/* A segment that no process can reach any more makes room for another. */
inline forget_if_unused (s_)
{
  if
  :: s_ != 0 && named != s_ && NONE (mapped, s_) ->
     segment[s_].life = 0; segment[s_].value = 0; segment[s_].used = 0; segment[s_].owed = 0;
     k = 1;
     do
     :: k <= N_SLOTS ->
        segment[s_].owner[k] = 0; segment[s_].is_attached[k] = false; segment[s_].held[k] = 0; k++
     :: else -> k = 0; break
     od
  :: else
  fi
}

inline unmap ()
{
  old = s;
  s = 0;
  forget_if_unused (old);
  old = 0
}

inline begin_use ()
{
  assert (PHASE (S.life) != REMOVED && named == s);
  k = 1;
  do
  :: k <= N_WORKERS -> assert (attached[k] == 0 || attached[k] == s); k++
  :: else -> k = 0; break
  od;
  attached[w] = s
}

/* dead[] comes last: a process that ends does not get beyond it. */
inline die (w_)
{
  lives[id[w_]] = false;
  attached[w_] = 0;
  if
  :: holds[w_] != 0 -> segment[holds[w_]].owed++; holds[w_] = 0
  :: else
  fi;
  dead[w_] = true
}

/* --- Process files --- */

inline make_process_file ()
{
  do
  :: atomic {
       last_id++;
       p = (NEW_IDS -> last_id : w);
       lives[p] = true;
       file[p] = (LOCK_FIRST -> TENTATIVE : FINAL)
     };
     locked[p] = true;
     if
     :: atomic { LOCK_FIRST && file[p] == TENTATIVE -> file[p] = FINAL; break }
     :: atomic { !LOCK_FIRST -> break }
     :: atomic { else -> lives[p] = false; locked[p] = false }
     fi
  od
}

/* --- Reclaiming --- */

inline reclaim_units ()
{
  atomic {
    if
    :: S.owner[i] == q ->
       assert (!lives[q] && S.held[i] <= S.owed);
       S.value = S.value + S.held[i];
       S.owed = S.owed - S.held[i];
       S.held[i] = 0;
       assert (ADDS_UP)
    :: else
    fi
  }
}

inline free_slot ()
{
  atomic {
    if
    :: S.owner[i] == q ->
       assert (!lives[q]);
       S.owner[i] = 0; S.is_attached[i] = false
    :: else
    fi
  }
}

inline unlink_process_file ()
{
  if
  :: file[q] == FINAL -> file[q] = 0
  :: else
  fi
}

inline reclaim_from_dead ()
{
  do
  :: atomic { i < S.used -> i++; q = S.owner[i]; if :: q == p -> q = 0 :: else fi };
     if
     :: q == 0
     :: atomic { q != 0 && IS_ALIVE (q) -> q = 0 }
     :: q != 0 && !IS_ALIVE (q);
        reclaim_units ();
        free_slot ();
        atomic { unlink_process_file (); q = 0 }
     fi
  :: atomic { i >= S.used -> i = 0; break }
  od
}

/* --- Removing a segment: anybody may do this at any time --- */

inline finish_removal ()
{
  atomic {
    if
    :: named == s || (!SEGMENT_IDS && named != 0) ->
       assert (PHASE (segment[named].life) == REMOVED && NONE (attached, named));
       named = 0
    :: else
    fi
  };
  atomic { if :: named == 0 -> has_directory = false :: else fi; life = 0; unmap () }
}

/* --- Attaching --- */

inline claim ()
{
  me = 1;
  do
  :: S.owner[me] != 0 -> me++
  :: else -> break
  od;
  assert (me <= N_SLOTS);
  S.owner[me] = p;
  S.is_attached[me] = true;
  if
  :: S.used < me -> S.used = me
  :: else
  fi
}

#define IS_ACCEPTED(life_) (PHASE (life_) == IN_USE || (!VETO && PHASE (life_) == CLOSING))

/* The segment that is found is used as soon as life is loaded, or changed. */
inline look_at_life ()
{
  atomic { life = S.life; if :: CLAIM_FIRST && IS_ACCEPTED (life) -> begin_use () :: else fi };
  do
  :: atomic {
       !IS_ACCEPTED (life) && PHASE (life) != REMOVED ->
       if
       :: S.life == life -> S.life = NEXT (life, IN_USE)
       :: else
       fi;
       life = S.life;
       if
       :: CLAIM_FIRST && IS_ACCEPTED (life) -> begin_use ()
       :: else
       fi
     }
  :: atomic { IS_ACCEPTED (life) || PHASE (life) == REMOVED -> break }
  od
}

/* A directory with a segment in it is renamed to the key's name. The slot is the first. */
inline publish ()
{
  if
  :: named == 0 ->
     has_directory = true;
     s = 1;
     do
     :: segment[s].used != 0 -> s++
     :: else -> break
     od;
     assert (s <= N_SEGMENTS);
     named = s;
     S.value = UNITS;
     claim ();
     begin_use ()
  :: else
  fi
}

inline attach ()
{
  do
  :: atomic { attached[w] != 0 -> life = 0; n_rounds = 0; break }
  :: atomic { attached[w] == 0 -> n_rounds++; assert (n_rounds <= MAX_ROUNDS); s = named };
     if
     :: atomic { s == 0 -> publish () }
     :: s != 0;
#if !LOOK_AT_LIFE
        atomic { claim (); begin_use () };
#elif CLAIM_FIRST
        atomic { claim () };
        look_at_life ();
#else
        look_at_life ();
        atomic { if :: PHASE (life) != REMOVED -> claim (); begin_use () :: else fi };
#endif
        if
        :: atomic { attached[w] == 0 -> me = 0 };
#if FINISH
           finish_removal ()
#else
           atomic { life = 0; unmap () }
#endif
        :: attached[w] != 0
        fi
     fi
  od
}

/* --- Leaving --- */

/* Ends with i at 0 if there is none. */
inline look_for_others ()
{
  do
  :: atomic { i < S.used -> i++; q = (S.is_attached[i] && S.owner[i] != p -> S.owner[i] : 0) };
     if
     :: atomic { q == 0 || !IS_ALIVE (q) -> q = 0 }
     :: atomic { q != 0 && IS_ALIVE (q) -> q = 0; break }
     fi
  :: atomic { i >= S.used -> i = 0; break }
  od
}

/* Units that are held go with the segment. */
inline remove_segment ()
{
  assert (NONE (attached, s));
  S.life = NEXT (life, REMOVED);
  k = 1;
  do
  :: k <= N_WORKERS -> if :: holds[k] == s -> holds[k] = 0 :: else fi; k++
  :: else -> k = 0; break
  od
}

/* Processes that close at the same time do not hinder each other: they share the phase. */
inline remove_if_last ()
{
  life = S.life;
  do
  :: atomic {
       CLOSE_FIRST && PHASE (life) == IN_USE ->
       if
       :: S.life == life -> S.life = NEXT (life, CLOSING)
       :: else
       fi;
       life = S.life
     }
  :: PHASE (life) != REMOVED && !(CLOSE_FIRST && PHASE (life) == IN_USE);
     look_for_others ();
     if
     :: atomic { i != 0 -> i = 0; life = 0; n_rounds = 0; unmap (); break }
     :: atomic {
          i == 0 ->
          n_rounds++;
          assert (n_rounds <= MAX_ROUNDS);
          if
          :: S.life == life -> remove_segment ()
          :: else
          fi;
          life = S.life
        }
     fi
  :: atomic { PHASE (life) == REMOVED -> n_rounds = 0 };
     finish_removal ();
     break
  od
}

/* Units that the process holds stay in its slot. */
inline leave ()
{
  atomic {
    S.is_attached[me] = false;
    if
    :: S.held[me] == 0 -> S.owner[me] = 0
    :: else
    fi;
    attached[w] = 0;
    me = 0
  };
  remove_if_last ()
}

/* --- Processes --- */

inline acquire ()
{
  S.value--;
  S.held[me]++;
  holds[w] = s;
  assert (ADDS_UP)
}

inline release ()
{
  assert (S.owner[me] == p && S.held[me] == 1);
  S.held[me]--;
  S.value++;
  holds[w] = 0;
  assert (ADDS_UP)
}

inline use ()
{
  if
  :: atomic { !is_last && S.value > 0 -> acquire () }
  :: !is_last && S.value == 0 && UNITS > 0;
     reclaim_from_dead ();
     atomic { if :: S.value > 0 -> acquire () :: else fi }
  :: !is_last && UNITS == 0
  :: is_last;
     reclaim_from_dead ();
     assert (S.value == UNITS && S.owed == 0)
  fi;
  if
  :: atomic { holds[w] != 0 -> release () }
  :: skip
  fi
}

inline end ()
{
  atomic {
    if
    :: KEEP_IF_NAMED && holds[w] != 0 -> skip
    :: else -> file[p] = 0
    fi
  };
  atomic { die (w) }
}

proctype worker (byte w, n_lives; bool is_last)
{
  byte me, i, q, k, old, life, n_rounds;

  do
  :: atomic { n_lives > 0 -> n_lives-- };
     {
       make_process_file ();
       attach ();
       use ();
       leave ();
       end ()
     } unless {
       dead[w]
     };
     d_step {
       me = 0; i = 0; q = 0; life = 0; n_rounds = 0;
       unmap ();
       locked[p] = false; p = 0; dead[w] = false
     }
  :: atomic { n_lives == 0 -> is_over[w] = true; break }
  od
}

#define KILL(w_) atomic { n_kills < N_KILLS && lives[id[w_]] -> n_kills++; die (w_) }

proctype killer ()
{
  do
  :: KILL (1)
  :: KILL (2)
#if N_WORKERS > 2
  :: KILL (3)
#endif
  od
}

#define SWEEP(id_) \
  atomic { \
    n < N_SWEEPS && file[id_] != 0 && (!SWEEP_ASKS || !locked[id_]) -> \
    n++; q = id_; name = file[q] \
  }

/* Asks, and unlinks the name about which it asked. */
proctype sweeper ()
{
  byte n, q, name;

  do
  :: if
     :: SWEEP (1)
     :: SWEEP (2)
     :: SWEEP (3)
#if N_IDS > 3
     :: SWEEP (4)
#endif
#if N_IDS > 4
     :: SWEEP (5)
#endif
#if N_IDS > 5
     :: SWEEP (6)
#endif
     fi;
     atomic { if :: file[q] == name -> file[q] = 0 :: else fi; q = 0; name = 0 }
  od
}

#define ALL_ARE_OVER (is_over[1] && is_over[2] && is_over[N_WORKERS])

proctype observer ()
{
  byte i;

  ALL_ARE_OVER;
  assert (n_kills > 0 || !has_directory);

  atomic { n_kills = N_KILLS; is_over[1] = false; run worker (1, 1, true) };
  ALL_ARE_OVER;
  assert (!has_directory && named == 0);
  d_step {
    i = 1;
    do
    :: i <= N_IDS -> assert (file[i] == 0 || !locked[i]); i++
    :: else -> break
    od
  }
}

init
{
  atomic {
    run worker (1, N_LIVES, false);
    run worker (2, 1, false);
#if N_WORKERS > 2
    run worker (3, 1, false);
#endif
#if N_KILLS > 0
    run killer ();
#endif
#if N_SWEEPS > 0
    run sweeper ();
#endif
    run observer ()
  }
}
