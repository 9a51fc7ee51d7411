/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How a segment gets its name and loses it: ssem/shm/linux/ssem-shm-naming.c.
 *
 * Some processes open the key and close it again; any of them may be killed at any step. Names are
 * those of the C code, and each of its system calls and accesses to a word that processes share is
 * a step of its own. Nobody need be stopped: nothing waits for a process, so a run in which one
 * never moves on is among those searched.
 *
 * A file is what open (2) makes: each process has one of the segment that it uses, and one more of
 * what it finds in other places. Its number is that of its locks, too. Versions and numbers that
 * are never used again would make the model endless. So what stands for them is who has seen a word
 * since it changed: nobody else's compare-and-swap succeeds. A listing has what lies there at its
 * beginning, which is the least that readdir (3) tells. The wings of a crowd are left out.
 *
 * The model asserts that
 *
 *   - all who are attached are attached to the same segment, which has its name;
 *   - nobody unlinks the name of another segment than its own, or of one that somebody uses;
 *   - nobody tries more than a few times, whatever the others do or don't;
 *   - when all have left in good order nothing is left, and what a kill leaves is gone when one
 *     more has opened and closed the key.
 *
 * Each of the following, set to 0, leaves out a part without which one of these must fail.
 */
#ifndef NASCENT_PHASE
#define NASCENT_PHASE 1   /* who gives a name to a segment has yet to look before it is open */
#endif
#ifndef LOOK_FOR_RIVALS
#define LOOK_FOR_RIVALS 1 /* the look at the other places */
#endif
#ifndef DOOM_RIVALS
#define DOOM_RIVALS 1     /* who sees another nascent one makes it doomed */
#endif
#ifndef YIELD
#define YIELD 1           /* of two nascent ones that in the later place makes way */
#endif
#ifndef FURTHER
#define FURTHER 1         /* while the first place is blocked, another is used */
#endif
#ifndef CLOSE_FIRST
#define CLOSE_FIRST 1     /* who leaves makes it closing before it looks for others */
#endif
#ifndef VETO
#define VETO 1            /* who attaches to a closing one makes it open again */
#endif
#ifndef REMOVER
#define REMOVER 1         /* one process alone has the right to unlink the name */
#endif
#ifndef REMOVER_LIVES
#define REMOVER_LIVES 1   /* the right is taken from the dead only */
#endif
#ifndef LOOK_IN_PLACE
#define LOOK_IN_PLACE 1   /* who has taken it from a dead one looks whether the name is there */
#endif
#ifndef CLEAR_FURTHER
#define CLEAR_FURTHER 1   /* the last one looks at the further places */
#endif

/* The size of the world. */
#ifndef N_USERS
#define N_USERS 2
#endif
#ifndef N_TIMES
#define N_TIMES 1         /* how often the first opens the key; the others do once */
#endif
#ifndef N_KILLS
#define N_KILLS 0
#endif
#ifndef N_NAMES
#define N_NAMES 3         /* the first place, and further ones */
#endif
#ifndef N_SEGMENTS
#define N_SEGMENTS 4
#endif
#ifndef MAX_ROUNDS
#define MAX_ROUNDS 8
#endif

/* Phases. What is not there is 0 all over. */
#define OPEN    1
#define CLOSING 2
#define DOOMED  3
#define NASCENT 4

/* Sets of files have a bit for each. */
typedef Segment {
  byte phase;
  byte remover;      /* the number of a file; GONE when that is closed */
  byte seen_phase;   /* who has loaded what stands there now */
  byte seen_remover;
  byte opened;       /* by whom */
  byte locks;
  byte place;        /* where it got its name */
  bool is_known      /* whether more than one number was given out */
};

#define GONE 15

Segment segment[N_SEGMENTS + 1];
byte named[N_NAMES + 1];
bool has_folder;

/* Which segment each file is of. */
byte opened[2 * N_USERS + 1];

/* Who is attached, and to which segment all of them are. */
byte users;
byte used;

bool dead[N_USERS + 1];
bool is_over[N_USERS + 1];
bool is_dying;
byte n_kills;

/* The process's other file. */
#define other (p + N_USERS)

#define BIT(f)      (1 << ((f) - 1))
#define SEG(f)      segment[opened[f]]
#define IS_NAMED(s) (named[segment[s].place] == s)

/* --- Inside atomic --- */

inline forget_if_unused (s)
{
  if
  :: segment[s].opened == 0 && !IS_NAMED (s) ->
     segment[s].phase = 0; segment[s].remover = 0; segment[s].place = 0;
     segment[s].seen_phase = 0; segment[s].seen_remover = 0; segment[s].is_known = false
  :: else
  fi
}

inline open_file (f, name_)
{
  opened[f] = named[name_];
  if
  :: opened[f] != 0 -> SEG (f).opened = SEG (f).opened | BIT (f)
  :: else
  fi
}

inline close_file (f)
{
  SEG (f).opened = SEG (f).opened & ~BIT (f);
  SEG (f).locks = SEG (f).locks & ~BIT (f);
  SEG (f).seen_phase = SEG (f).seen_phase & ~BIT (f);
  SEG (f).seen_remover = SEG (f).seen_remover & ~BIT (f);
  if
  :: opened[f] != 0 && SEG (f).remover == f -> SEG (f).remover = GONE
  :: else
  fi;
  forget_if_unused (opened[f]);
  opened[f] = 0
}

inline use ()
{
  assert (SEG (p).phase != DOOMED && IS_NAMED (opened[p]));
  assert (users == 0 || used == opened[p]);
  users = users | BIT (p);
  used = opened[p];
  is_attached = true
}

inline stop_using (p_)
{
  users = users & ~BIT (p_);
  if
  :: users == 0 -> used = 0
  :: else
  fi
}

/* The next of those listed; beyond N_NAMES when there is none. */
inline go_on ()
{
  do
  :: name++;
     if
     :: name > N_NAMES || (listed & BIT (name)) != 0 -> break
     :: else
     fi
  od
}

/* --- Steps --- */

inline load_phase (f)
{
  atomic { SEG (f).seen_phase = SEG (f).seen_phase | BIT (f); phase = SEG (f).phase }
}

/* Like C's, it loads what is there when it fails. */
inline swap_phase (f, phase_)
{
  atomic {
    if
    :: (SEG (f).seen_phase & BIT (f)) != 0 ->
       SEG (f).seen_phase = BIT (f); SEG (f).phase = phase_; phase = phase_; ok = true
    :: else ->
       SEG (f).seen_phase = SEG (f).seen_phase | BIT (f); phase = SEG (f).phase; ok = false
    fi
  }
}

inline take_number (f)
{
  SEG (f).is_known = true;
  SEG (f).locks = SEG (f).locks | BIT (f)
}

inline list_further ()
{
  atomic {
    name = 2;
    do
    :: name <= N_NAMES ->
       if
       :: named[name] != 0 -> listed = listed | BIT (name)
       :: else
       fi;
       name++
    :: else -> break
    od;
    name = 1
  }
}

/* --- Giving up the name --- */

/* ok tells whether it is doomed. */
inline doom (f)
{
  load_phase (f);
  do
  :: phase == DOOMED -> ok = true; break
  :: else -> ok = true;
     if
     :: CLOSE_FIRST && phase != NASCENT -> swap_phase (f, CLOSING)
     :: else
     fi;
     if
     :: ok ->
        atomic { ok = (SEG (f).locks & ~BIT (f)) == 0 };
        if
        :: ok -> swap_phase (f, DOOMED)
        :: else -> break
        fi;
        if
        :: ok -> break
        :: else
        fi
     :: else
     fi
  od;
  atomic { phase = 0; SEG (f).seen_phase = SEG (f).seen_phase & ~BIT (f) }
}

/* Of the remover that was loaded. The right is taken from the dead only: who lost it is dead. */
#define REMOVER_IS_ALIVE(f) \
  (REMOVER_LIVES && (SEG (f).seen_remover & BIT (f)) != 0 && SEG (f).remover != GONE && \
   (SEG (f).locks & BIT (SEG (f).remover)) != 0)

/* ok tells whether nobody else is about to. */
inline remove_doomed (f)
{
  ok = true;
#if REMOVER
  atomic { SEG (f).seen_remover = SEG (f).seen_remover | BIT (f); remover = SEG (f).remover };
  do
  :: atomic { remover != 0 && remover != f && REMOVER_IS_ALIVE (f) -> ok = false; break }
  :: atomic { remover == 0 || remover == f || !REMOVER_IS_ALIVE (f) -> skip };
     atomic {
       if
       :: (SEG (f).seen_remover & BIT (f)) != 0 ->
          SEG (f).seen_remover = 0; SEG (f).remover = f; break
       :: else ->
          SEG (f).seen_remover = SEG (f).seen_remover | BIT (f); remover = SEG (f).remover
       fi
     }
  od;
#endif
  if
  :: atomic { ok && (remover == 0 || !LOOK_IN_PLACE || IS_NAMED (opened[f])) -> remover = 0 };
     atomic {
       assert (named[SEG (f).place] == 0 || IS_NAMED (opened[f]));
       assert (named[SEG (f).place] == 0 || named[SEG (f).place] != used);
       k = named[SEG (f).place];
       named[SEG (f).place] = 0;
       forget_if_unused (k);
       k = 0
     }
  :: atomic { else -> remover = 0; SEG (f).seen_remover = SEG (f).seen_remover & ~BIT (f) }
  fi
}

/* ok tells whether it has gone. */
inline remove_folder ()
{
  atomic {
    k = 2;
    do
    :: k <= N_NAMES && named[k] == 0 -> k++
    :: else -> break
    od;
    if
    :: k > N_NAMES -> has_folder = false
    :: else
    fi;
    k = 0;
    ok = !has_folder
  }
}

inline clear_further ()
{
  remove_folder ();
  if
  :: CLEAR_FURTHER && !ok ->
     list_further ();
     do
     :: atomic {
          go_on ();
          if
          :: name > N_NAMES -> name = 0; listed = 0; break
          :: else -> open_file (other, name); is_open = opened[other] != 0
          fi
        };
        if
        :: is_open ->
           is_open = false;
           load_phase (other);
           ok = false;
           if
           :: phase == DOOMED || phase == NASCENT -> doom (other)
           :: else
           fi;
           if
           :: ok -> take_number (other); remove_doomed (other)
           :: else
           fi;
           atomic { close_file (other); phase = 0 }
        :: else
        fi
     od;
     remove_folder ()
  :: else
  fi
}

inline leave ()
{
  atomic { stop_using (p); is_attached = false };
  load_phase (p);

  /* doom_own () */
  ok = false;
  if
  :: phase == OPEN || phase == CLOSING ->
     if
     :: CLOSE_FIRST -> swap_phase (p, CLOSING)
     :: else -> ok = true
     fi;
     if
     :: ok ->
        atomic { ok = !SEG (p).is_known };
        if
        :: ok -> swap_phase (p, DOOMED)
        :: else
        fi
     :: else
     fi
  :: else
  fi;

  if
  :: atomic { !ok -> SEG (p).locks = SEG (p).locks & ~BIT (p) };
     doom (p);
     if
     :: ok -> SEG (p).locks = SEG (p).locks | BIT (p)
     :: else
     fi
  :: else
  fi;
  if
  :: ok -> remove_doomed (p); clear_further ()
  :: else
  fi;
  atomic { close_file (p); phase = 0; ok = false }
}

/* --- Taking the name --- */

/* Of two nascent ones that in the later place makes way. */
#define YIELDS (YIELD && name < SEG (p).place)

/* ok tells whether no other place has a segment that is open. */
inline look_for_rivals ()
{
  atomic { ok = true; name = 1 };
  do
  :: atomic {
       if
       :: name != SEG (p).place -> open_file (other, name); is_open = opened[other] != 0
       :: else
       fi
     };
     if
     :: is_open ->
        load_phase (other);
        do
        :: DOOM_RIVALS && phase == NASCENT && !YIELDS -> swap_phase (other, DOOMED)
        :: else -> break
        od;
        atomic {
          ok = phase != OPEN && phase != CLOSING && !(phase == NASCENT && YIELDS);
          close_file (other);
          is_open = false
        }
     :: else
     fi;
     if
     :: ok && name == 1 -> list_further ()
     :: else
     fi;
     atomic {
       if
       :: ok -> go_on ()
       :: else
       fi;
       if
       :: !ok || name > N_NAMES -> name = 0; listed = 0; phase = NASCENT; break
       :: else
       fi
     }
  od
}

/* Whoever finds it open and staying is a user from then on. */
inline settle ()
{
  load_phase (p);
  do
  :: phase == DOOMED -> break
  :: phase == OPEN || (!VETO && phase == CLOSING) -> break
  :: VETO && phase == CLOSING -> swap_phase (p, OPEN)
  :: phase == NASCENT ->
     ok = true;
#if LOOK_FOR_RIVALS
     look_for_rivals ();
#endif
     if
     :: ok -> swap_phase (p, OPEN)
     :: else -> swap_phase (p, DOOMED)
     fi
  od;
  atomic {
    if
    :: phase != DOOMED -> use ()
    :: else
    fi;
    phase = 0; ok = false; SEG (p).seen_phase = SEG (p).seen_phase & ~BIT (p)
  }
}

/* Segments and further places are all alike, so the first that is free will do. */
inline publish ()
{
  if
  :: FURTHER && is_blocked -> atomic { has_folder = true; name = 2 }
  :: else -> name = 1
  fi;
  atomic {
    do
    :: name > 1 && name <= N_NAMES && named[name] != 0 -> name++
    :: else -> break
    od;
    assert (name <= N_NAMES);
    if
    :: named[name] == 0 && (name == 1 || has_folder) ->
       k = 1;
       do
       :: segment[k].phase != 0 -> k++
       :: else -> break
       od;
       assert (k <= N_SEGMENTS);
       named[name] = k;
       open_file (p, name);
       is_open = true;
       segment[k].phase = (NASCENT_PHASE -> NASCENT : OPEN);
       segment[k].locks = BIT (p);
       segment[k].place = name;
       k = 0
     :: else
     fi;
     name = 0
  }
}

inline find ()
{
  name = 1;
  do
  :: atomic { open_file (p, name); is_open = opened[p] != 0; ok = true };
     if
     :: is_open ->
        atomic { is_open = SEG (p).phase != DOOMED };
        if
        :: is_open -> break
        :: else
        fi;
        take_number (p);
        remove_doomed (p);
        atomic { close_file (p) }
     :: else
     fi;
     if
     :: name == 1 && (!ok || is_thorough) -> is_blocked = !ok; list_further ()
     :: name == 1 && ok && !is_thorough -> break
     :: else
     fi;
     atomic {
       go_on ();
       if
       :: name > N_NAMES -> break
       :: else
       fi
     }
  od;
  atomic { name = 0; listed = 0; ok = false }
}

inline attach ()
{
  do
  :: is_attached -> break
  :: atomic { !is_attached -> n_rounds++; assert (n_rounds <= MAX_ROUNDS) };
     find ();
     if
     :: is_open -> take_number (p)
     :: else -> publish ()
     fi;
     is_blocked = false;
     if
     :: is_open ->
        is_open = false;
        settle ();
        if
        :: !is_attached ->
           remove_doomed (p);
           atomic { close_file (p); is_thorough = true; ok = false }
        :: else
        fi
     :: else
     fi
  od;
  atomic { is_thorough = false; n_rounds = 0 }
}

proctype user (byte p, n_times)
{
  byte phase, remover, listed, name, n_rounds, k;
  bool ok, is_open, is_attached, is_thorough, is_blocked;

  {
    do
    :: atomic { n_times > 0 -> n_times-- };
       attach ();
       leave ()
    :: else -> break
    od;
    skip
  } unless {
    dead[p]
  };
  d_step {
    phase = 0; remover = 0; listed = 0; name = 0; n_rounds = 0; k = 0; n_times = 0;
    ok = false; is_open = false; is_attached = false; is_thorough = false; is_blocked = false;
    is_over[p] = true
  }
}

/* The kernel closes one file after the other. */
inline kill (p)
{
  if
  :: atomic { n_kills < N_KILLS && !is_over[p] && !dead[p] ->
              dead[p] = true; is_dying = true; n_kills++; stop_using (p); close_file (p) };
     atomic { close_file (other); is_dying = false }
  fi
}

proctype killer ()
{
  do
  :: kill (1)
  :: kill (2)
#if N_USERS > 2
  :: kill (3)
#endif
  od
}

#define ALL_ARE_OVER (is_over[1] && is_over[2] && is_over[N_USERS] && !is_dying)

#define NOTHING_IS_LEFT (named[1] == 0 && named[2] == 0 && named[N_NAMES] == 0 && !has_folder)

proctype observer ()
{
  ALL_ARE_OVER;
  assert (n_kills > 0 || NOTHING_IS_LEFT);

  /* One more, who takes the place of the first. */
  atomic { n_kills = N_KILLS; dead[1] = false; is_over[1] = false; run user (1, 1) };
  ALL_ARE_OVER;
  assert (NOTHING_IS_LEFT)
}

init
{
  atomic {
    run user (1, N_TIMES);
    run user (2, 1);
#if N_USERS > 2
    run user (3, 1);
#endif
#if N_KILLS > 0
    run killer ();
#endif
    run observer ()
  }
}
