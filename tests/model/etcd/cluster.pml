/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The records of one key on an etcd cluster, what sessions know of them, and the transactions.
 * session.pml has the assumptions and the size of the world.
 */

#define N_NAMES     (N_SESSIONS * N_NUMBERS)
#define NAME(p_, k) ((p_) * N_NUMBERS + (k))
#define OWNER(x_)   ((x_) / N_NUMBERS)
#define WANTED(p_)  ((p_) == 0 -> WANTS % 10 : ((p_) == 1 -> WANTS / 10 % 10 : WANTS / 100))
#define BIT(x_)     (1 << (x_))

/* Requests. */
#define NOTHING 0
#define TAKE    1             /* put a hold if it fits, otherwise a waiter */
#define QUEUE   2             /* put a waiter */
#define CONVERT 3             /* turn a hold that does not fit into a waiter */
#define SETTLE  4             /* move the mark, and see what became of the request in doubt */
#define OFFER   5             /* free units to a waiter */
#define RELEASE 6
#define CANCEL  7             /* delete a waiter */
#define ADD     8             /* a unit that nobody has acquired */
#define RESET   9
#define LEAVE   10            /* release, and leave the units to the dispatcher */

/* Answers. */
#define DOUBT    1            /* there was none */
#define REFUSED  2            /* the lease is gone */
#define ABSENT   3            /* neither hold nor waiter has that name */
#define HELD     4
#define TOO_MANY 5
#define QUEUED   6
#define DONE     7
#define MOVED    8            /* as ABSENT, and another request has moved the mark */
#define AGAIN    9            /* something had changed: the answer has the new view */

/* --- Records --- */

byte total = UNITS;
byte held[N_NAMES];           /* units */
bool to_look[N_NAMES];        /* the hold was put among new ones */
byte place[N_NAMES];          /* of the waiter in the queue, from 1; 0: there is none */
byte n_waiting;
byte mark[N_SESSIONS];        /* the revision of the session's record */
bool is_gone[N_SESSIONS];     /* the lease, and with it all records of the session */
byte dispatcher;              /* the session, plus 1, that its record names; 0: there is none */

/* --- Sessions --- */

bool is_over[N_SESSIONS];     /* says the session's own clock */

/* The view. */
byte seen_free[N_SESSIONS];
byte seen_total[N_SESSIONS];
short seen_waiters[N_SESSIONS];
bool seen_first[N_SESSIONS];  /* in the queue */
byte seen_fit[N_SESSIONS];    /* the waiter, plus 1, that the free units are enough for */
bool no_new[N_SESSIONS];      /* hold or state since then */
bool no_state[N_SESSIONS];    /* put since then */
bool has_news[N_SESSIONS];
bool is_blind[N_SESSIONS];    /* has ended, or does nothing any more */
byte own_mark[N_SESSIONS];
bool is_serving[N_SESSIONS];  /* as dispatcher */
bool has_all_news;            /* the dispatcher's view is old */

/* The request that is late. */
typedef Request {
  byte what;
  byte name;
  short waiters;
  bool no_new;
  bool no_state;
  byte free;
  byte total;
  byte mark
};
Request late[N_SESSIONS];

byte n_losses;
byte n_ends;
byte n_resets;
byte n_cancels;
byte n_resigns;
byte n_stops;

/* What is true, known to nobody. */
byte believes[N_SESSIONS];    /* units */
byte believed[N_SESSIONS];    /* the name of the hold */
bool is_sure[N_NAMES];        /* the hold is valid */
byte epoch;
byte n_added[N_SESSIONS];     /* how often this addition was done */
byte n_units = UNITS;
bool is_any_fit;              /* free units are enough for a waiter */

/* --- Inside d_step --- */

hidden byte i, j, sum, result, rest, taken;
hidden byte is_heard;         /* the session gets the answer */
hidden byte all_known;
hidden byte is_dispatching;   /* the dispatcher looks, not the session whose view it shares */

#define FREE (sum < total -> total - sum : 0)

inline sum_up ()
{
  sum = 0; i = 0;
  do
  :: i < N_NAMES -> sum = sum + held[i]; i++
  :: else -> break
  od
}

inline look (p_)
{
  sum_up ();
  seen_free[p_] = FREE;
  seen_total[p_] = total;
  seen_waiters[p_] = 0;
  seen_first[p_] = false;
  seen_fit[p_] = 0;
  i = 0;
  do
  :: i < N_NAMES ->
     if
     :: place[i] != 0 ->
        seen_waiters[p_] = seen_waiters[p_] | BIT (i);
        if
        :: WANTED (OWNER (i)) <= FREE &&
           (seen_fit[p_] == 0 || place[i] < place[seen_fit[p_] - 1]) -> seen_fit[p_] = i + 1
        :: else
        fi;
        if
        :: place[i] == 1 && OWNER (i) == (p_) -> seen_first[p_] = true
        :: else
        fi
     :: else
     fi;
     i++
  :: else -> break
  od;
  /* A session serves in the place of the dispatcher only if it looks again and again. */
  if
  :: dispatcher != 0 && !is_serving[p_] && !LOOKS -> seen_fit[p_] = 0
  :: else
  fi;
  no_new[p_] = true;
  no_state[p_] = true;
  if
  :: is_dispatching -> has_all_news = false
  :: else -> has_news[p_] = false
  fi
}

/* The session does not look at anything any more. */
inline close_eyes (p_)
{
  seen_free[p_] = 0; seen_total[p_] = 0; seen_waiters[p_] = 0; seen_first[p_] = false;
  seen_fit[p_] = 0; no_new[p_] = false; no_state[p_] = false; has_news[p_] = false;
  is_serving[p_] = false;
  is_blind[p_] = true
}

/* In a short queue everybody who waits watches everything. In a very long one, only the dispatcher
 * does. */
#define WATCHES_ALL(i_) (!DISPATCHER && (!ONLY_FIRST || seen_first[i_]))

/* The record of a name has changed. */
inline tell (x_)
{
  i = 0;
  do
  :: i < N_SESSIONS ->
     if
     :: !is_blind[i] && (OWNER (x_) == i || WATCHES_ALL (i)) -> has_news[i] = true
     :: else
     fi;
     i++
  :: else -> break
  od;
  has_all_news = dispatcher != 0
}

inline tell_all ()
{
  i = 0;
  do
  :: i < N_SESSIONS ->
     if
     :: !is_blind[i] && WATCHES_ALL (i) -> has_news[i] = true
     :: else
     fi;
     i++
  :: else -> break
  od;
  has_all_news = dispatcher != 0
}

inline outdate ()
{
  i = 0;
  do
  :: i < N_SESSIONS -> no_new[i] = false; late[i].no_new = false; i++
  :: else -> break
  od
}

inline put_hold (x_, looks)
{
  held[x_] = WANTED (OWNER (x_));
  to_look[x_] = looks;
  is_sure[x_] = !looks;
  outdate ();
  tell (x_)
}

inline delete_hold (x_)
{
  held[x_] = 0;
  to_look[x_] = false;
  is_sure[x_] = false;
  tell (x_)
}

inline put_waiter (x_)
{
  if
  :: place[x_] == 0 -> n_waiting++; place[x_] = n_waiting
  :: else
  fi;
  tell (x_)
}

inline delete_waiter (x_)
{
  j = 0;
  do
  :: j < N_NAMES ->
     if
     :: place[x_] != 0 && place[j] > place[x_] ->
        /* The next one sees that its predecessor is gone. */
        if
        :: WATCH_PREDECESSOR && !DISPATCHER &&
           place[j] == place[x_] + 1 && !is_blind[OWNER (j)] ->
           has_news[OWNER (j)] = true
        :: else
        fi;
        place[j]--
     :: else
     fi;
     j++
  :: else -> break
  od;
  if
  :: place[x_] != 0 -> place[x_] = 0; n_waiting--; tell (x_)
  :: else
  fi
}

inline put_state (units)
{
  total = units;
  outdate ();
  i = 0;
  do
  :: i < N_SESSIONS -> no_state[i] = false; late[i].no_state = false; i++
  :: else -> break
  od;
  tell_all ()
}

/* What an answer with all records says of a name. The owner decides whether the hold is valid. */
#define FITS(x_) (!to_look[x_] || !LOOK || sum <= total)

inline examine (x_)
{
  sum_up ();
  if
  :: held[x_] != 0 && FITS (x_) ->
     result = HELD;
     if
     :: is_heard -> is_sure[x_] = true
     :: else
     fi
  :: held[x_] != 0 && !FITS (x_) -> result = TOO_MANY
  :: held[x_] == 0 && place[x_] != 0 -> result = QUEUED
  :: else -> result = ABSENT
  fi
}

/* The answer has all records, too. */
inline read (p_)
{
  if
  :: is_heard -> look (p_)
  :: else
  fi
}

/* The first in the queue of those known waiters that want at most so many units. */
inline choose (known, units)
{
  taken = N_NAMES; j = 0;
  do
  :: j < N_NAMES ->
     if
     :: ((known) & BIT (j)) && WANTED (OWNER (j)) <= (units) &&
        (place[j] != 0 || !COMPARE_WAITER) &&
        (taken == N_NAMES || place[j] < place[taken]) -> taken = j
     :: else
     fi;
     j++
  :: else -> break
  od
}

inline see_whether_all_known (known)
{
  all_known = true; j = 0;
  do
  :: j < N_NAMES ->
     if
     :: place[j] != 0 && !((known) & BIT (j)) -> all_known = false
     :: else
     fi;
     j++
  :: else -> break
  od
}

inline apply_take (p_, r)
{
  if
  :: r.what == TAKE && n_waiting == 0 && r.no_new -> put_hold (r.name, false); result = HELD
  :: r.what == TAKE && n_waiting == 0 && !r.no_new ->
     put_hold (r.name, true);
     read (p_);
     examine (r.name)
  :: else ->
     if
     :: r.what == CONVERT -> delete_hold (r.name)
     :: else
     fi;
     put_waiter (r.name);
     if
     :: is_heard && LOOK_AT_ANSWER && dispatcher == 0 -> look (p_)
     :: is_heard && LOOK_AT_ANSWER && dispatcher != 0 ->
        /* The dispatcher gives what is free. */
        has_news[p_] = false;
        seen_fit[p_] = (is_serving[p_] -> seen_fit[p_] : 0)
     :: is_heard && !LOOK_AT_ANSWER -> has_news[p_] = false
     :: else
     fi;
     result = QUEUED
  fi
}

/* The waiters that the releaser knows, one after the other, until one is still there. If all are
 * gone that these units are enough for, and no other one has come, the units become free. */
inline apply_release (p_, r)
{
  rest = WANTED (OWNER (r.name)) + (PASS_ON -> 0 : r.free);
  choose (r.waiters, rest);
  see_whether_all_known (r.waiters);
  if
  :: held[r.name] == 0 && COMPARE_OWN -> result = DONE
  :: else ->
     if
     :: taken == N_NAMES && (all_known || !COMPARE_NOBODY) -> delete_hold (r.name); result = DONE
     :: taken != N_NAMES && is_gone[OWNER (taken)] -> result = REFUSED
     :: taken != N_NAMES && !is_gone[OWNER (taken)] && (PASS_ON || r.no_new) ->
        delete_hold (r.name);
        do
        :: taken != N_NAMES && !is_gone[OWNER (taken)] ->
           sum = taken;
           rest = rest - WANTED (OWNER (sum));
           delete_waiter (sum);
           put_hold (sum, false);
           choose ((r.waiters & ~BIT (sum)), rest)
        :: else -> break
        od;
        result = DONE
     :: else -> read (p_); result = AGAIN
     fi
  fi
}

inline apply_reset (r)
{
  mark[OWNER (r.name)]++;
  rest = 0;
  do
  :: rest < N_NAMES ->
     if
     :: held[rest] != 0 -> delete_hold (rest)
     :: else
     fi;
     rest++
  :: else -> break
  od;
  rest = 0;
  do
  :: rest < N_SESSIONS -> believes[rest] = 0; rest++
  :: else -> break
  od;
  put_state (UNITS);
  n_units = UNITS;
  epoch++
}

#define PUTS(what_)     (what_ == TAKE || what_ == QUEUE || what_ == CONVERT || what_ == ADD || \
                         what_ == RESET || what_ == SETTLE)
#define IS_LATE(p_, r_) (mark[p_] != r_.mark && MARK)

/* The cluster applies a request. What the request compares with is as it was when it was sent. */
inline apply (p_, r)
{
  if
  :: PUTS (r.what) && is_gone[p_] -> result = REFUSED
  :: (r.what == TAKE || r.what == QUEUE || r.what == CONVERT) && !is_gone[p_] ->
     if
     :: IS_LATE (p_, r) -> read (p_); result = AGAIN
     :: else -> apply_take (p_, r)
     fi
  :: r.what == SETTLE && !is_gone[p_] ->
     examine (r.name);
     if
     :: mark[p_] == r.mark && MARK -> mark[p_]++
     :: mark[p_] != r.mark && result == ABSENT -> result = MOVED
     :: else
     fi;
     read (p_)
  :: r.what == OFFER ->
     if
     :: place[r.name] != 0 && (r.no_new || !COMPARE_NEW) ->
        delete_waiter (r.name); put_hold (r.name, false); result = DONE
     :: else -> result = AGAIN
     fi;
     read (p_)
  :: r.what == RELEASE -> apply_release (p_, r)
  :: r.what == LEAVE ->
     if
     :: held[r.name] != 0 && (dispatcher != 0 || !COMPARE_DISPATCHER) ->
        delete_hold (r.name); result = DONE
     :: else -> result = AGAIN
     fi
  :: r.what == CANCEL ->
     if
     :: place[r.name] != 0 -> delete_waiter (r.name); result = DONE
     :: else -> read (p_); examine (r.name)
     fi
  :: r.what == ADD && !is_gone[p_] ->
     if
     :: !IS_LATE (p_, r) && (r.no_state || !COMPARE_STATE) ->
        put_state (r.total + 1);
        n_units++;
        mark[p_]++;
        n_added[p_]++;
        result = DONE
     :: else -> result = (IS_LATE (p_, r) -> MOVED : AGAIN); read (p_)
     fi
  :: r.what == RESET && !is_gone[p_] ->
     if
     :: !IS_LATE (p_, r) -> apply_reset (r)
     :: else -> read (p_)
     fi;
     result = DONE
  fi;
  check ()
}

inline see_whether_any_fits ()
{
  sum_up ();
  is_any_fit = false; i = 0;
  do
  :: i < N_NAMES ->
     is_any_fit = is_any_fit || (place[i] != 0 && WANTED (OWNER (i)) <= FREE);
     i++
  :: else -> break
  od
}

inline check ()
{
  sum = 0; i = 0;
  do
  :: i < N_NAMES -> sum = sum + (is_sure[i] -> held[i] : 0); i++
  :: else -> break
  od;
  assert (sum <= total);
  assert (total == n_units);
  if
  :: DISPATCHER && LOOKS -> see_whether_any_fits ()
  :: else
  fi;
  sum = 0; i = 0;
  do
  :: i < N_SESSIONS ->
     sum = sum + believes[i];
     assert (!DECIDE_ONCE || believes[i] == 0 || held[believed[i]] == believes[i]);
     i++
  :: else -> break
  od;
  assert (sum <= total)
}
