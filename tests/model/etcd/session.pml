/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A semaphore on an etcd cluster: ssem/etcd/. The records and the transactions are in cluster.pml.
 *
 * Some sessions acquire and release, each with one lease. A transaction is one step of the cluster.
 * A session decides from its view of the records what to send, and that view may be old. Any reply
 * may be lost. A request may also be late: the session has no reply and goes on, and the cluster
 * applies the request at any later time, or never.
 *
 * Any lease may end at any moment. First the session's own clock says so: from then on the session
 * does nothing and does not believe that it holds units. A killed process stops in the same way.
 * Some time later the cluster ends the lease, and deletes the records that lie on it.
 *
 * A release passes on what its own hold occupies: it deletes the hold and puts holds of waiters for
 * at most as many units. So the sum of the holds does not grow, and new holds of others do not
 * matter. A waiter that sees free units offers them to the first waiter that they are enough for.
 * New holds do matter for an offer.
 *
 * A comparison with a revision is a flag here, and each later write clears it: nobody has put a hold
 * or the state since the session read its view, or since it sent the late request. A watch is a
 * flag, too: a record has changed since the session read its view. To look then copies the records
 * as they are. Sessions that do not wait may look at any time.
 *
 * In a very long queue, a session may become the dispatcher: it puts a record on its lease. While
 * the record exists, a release may delete its hold and serve nobody. Waiting sessions watch only
 * their own records. The dispatcher watches all records, and offers free units to waiters. It has
 * one view for this and for its own acquires. It may resign. It may also stop serving, and then the
 * record exists until the lease ends. Waiting sessions look again and again, and serve in its place.
 * In the model, they may look whenever a waiter waits for units that are free.
 *
 * The words that no session can see, believes[], is_sure[], epoch and n_added[], change in the very
 * step that makes the change true. The model asserts that
 *
 *   - the valid holds are never more units than there are, nor is what sessions believe to hold;
 *   - a session that believes to hold units has a hold, until a reset makes it forget them;
 *   - an operation in doubt is done at most once, and once if it is reported as done;
 *   - when nothing more happens, nobody waits for units that are there, and no unit is lost.
 *
 * Each of the following, set to 0, leaves out a part without which one of these must fail.
 */
#ifndef DECIDE_ONCE
#define DECIDE_ONCE 1     /* nobody holds because of the order of the records that are there now */
#endif
#ifndef LOOK
#define LOOK 1            /* a hold that was put among new ones is valid only if all fit */
#endif
#ifndef NEW_NUMBERS
#define NEW_NUMBERS 1     /* a record is named by its revision, which is not used again */
#endif
#ifndef MARK
#define MARK 1            /* a session in doubt moves its mark, and so disables late requests */
#endif
#ifndef LOCAL_FIRST
#define LOCAL_FIRST 1     /* the session's clock ends the lease before the cluster's does */
#endif
#ifndef COMPARE_NEW
#define COMPARE_NEW 1     /* an offer compares for new holds */
#endif
#ifndef COMPARE_OWN
#define COMPARE_OWN 1     /* a release compares for its own hold */
#endif
#ifndef COMPARE_WAITER
#define COMPARE_WAITER 1  /* a release compares for the waiter; otherwise, failed counts as given */
#endif
#ifndef COMPARE_STATE
#define COMPARE_STATE 1   /* an addition of units compares for a new state */
#endif
#ifndef SEND_AGAIN
#define SEND_AGAIN 1      /* an addition in doubt is sent again, with the same mark */
#endif
#ifndef LOOK_AT_ANSWER
#define LOOK_AT_ANSWER 1  /* a new waiter looks at what there was when its record was put */
#endif
#ifndef WATCH_PREDECESSOR
#define WATCH_PREDECESSOR 1  /* a waiter sees that the one before it has left the queue */
#endif
#ifndef COMPARE_DISPATCHER
#define COMPARE_DISPATCHER 1  /* a release that serves nobody compares for the dispatcher */
#endif
#ifndef LAST_LOOK
#define LAST_LOOK 1       /* a dispatcher that resigns reads everything, and serves once more */
#endif
#ifndef LOOKS
#define LOOKS 1           /* waiting sessions look again and again whether a dispatcher serves */
#endif

/* The size of the world. */
#ifndef N_SESSIONS
#define N_SESSIONS 3
#endif
#ifndef N_NUMBERS
#define N_NUMBERS 1       /* of names that each session has */
#endif
#ifndef UNITS
#define UNITS 1
#endif
#ifndef WANTS
#define WANTS 111         /* how many units each session acquires, a digit each */
#endif
#ifndef N_LOSSES
#define N_LOSSES 0        /* of replies or requests */
#endif
#ifndef N_ENDS
#define N_ENDS 0          /* of leases */
#endif
#ifndef N_RESETS
#define N_RESETS 0        /* by the first session */
#endif
#ifndef N_ADDITIONS
#define N_ADDITIONS 0     /* of a unit, by each of the first two sessions */
#endif
#ifndef N_CANCELS
#define N_CANCELS 0       /* of waits */
#endif
#ifndef PASS_ON
#define PASS_ON 1         /* a release passes on its units; otherwise it compares for new holds */
#endif
#ifndef COMPARE_NOBODY
#define COMPARE_NOBODY 1  /* a release that passes on nothing compares for new waiters */
#endif
#ifndef ONLY_FIRST
#define ONLY_FIRST 0      /* only the first in the queue watches all records */
#endif
#ifndef DISPATCHER
#define DISPATCHER 0      /* how often a session may become the dispatcher: at most twice */
#endif
#ifndef ANYBODY
#define ANYBODY 0         /* any session may become the dispatcher, not only the first one */
#endif
#ifndef N_RESIGNS
#define N_RESIGNS 1       /* of dispatchers */
#endif
#ifndef N_STOPS
#define N_STOPS 0         /* of dispatchers: their records stay */
#endif

#include "cluster.pml"

inline forget (r)
{
  r.what = NOTHING; r.name = 0; r.waiters = 0; r.no_new = false; r.no_state = false;
  r.free = 0; r.total = 0; r.mark = 0
}

/* The session may have changed its view as dispatcher since it chose the request. The C code chooses
 * and sends in one step. */
#define IS_STILL_RIGHT(p_) \
  (!DISPATCHER || (sent.what == OFFER -> seen_fit[p_] == sent.name + 1 \
                   : (sent.what != TAKE || (seen_free[p_] >= WANTED (p_) && \
                                            seen_waiters[p_] == 0))))

/* Each request of a session, and its answer. */
inline send (p_)
{
  sent.no_new = no_new[p_] && IS_STILL_RIGHT (p_);
  sent.no_state = no_state[p_];
  sent.waiters = seen_waiters[p_];
  sent.free = seen_free[p_];
  sent.total = seen_total[p_];
  sent.mark = own_mark[p_];
  if
  :: d_step { is_heard = true; apply (p_, sent); answer = result; own_mark[p_] = mark[p_] }
  :: n_losses < N_LOSSES ->
     d_step { n_losses++; is_heard = false; apply (p_, sent); answer = DOUBT }
  :: n_losses < N_LOSSES ->
     d_step {
       n_losses++;
       late[p_].what = sent.what;
       late[p_].name = sent.name;
       late[p_].waiters = sent.waiters;
       late[p_].no_new = sent.no_new;
       late[p_].no_state = sent.no_state;
       late[p_].free = sent.free;
       late[p_].total = sent.total;
       late[p_].mark = sent.mark;
       answer = DOUBT
     }
  fi;
  granted_in = epoch;
  sent.no_new = false; sent.no_state = false; sent.waiters = 0;
  sent.free = 0; sent.total = 0; sent.mark = 0
}

/* The holders by the order of the records: each that fits what those before it have left. */
inline derive (p_)
{
  rest = total; result = QUEUED; i = 1;
  do
  :: i <= n_waiting ->
     j = 0;
     do
     :: j < N_NAMES && place[j] != i -> j++
     :: else -> break
     od;
     if
     :: WANTED (OWNER (j)) <= rest ->
        rest = rest - WANTED (OWNER (j));
        if
        :: OWNER (j) == p_ -> result = HELD
        :: else
        fi
     :: else
     fi;
     i++
  :: else -> break
  od
}

proctype session (byte p)
{
  Request sent;
  byte number = 0, answer, granted_in, n_done;
  byte x = NAME (p, 0);       /* the name in use */
  bool is_adding;

idle:
  atomic {
    !is_over[p] ->
    if
    :: number < N_NUMBERS ->
       if
       :: d_step { look (p) }
       :: true
       fi;
       x = NAME (p, (NEW_NUMBERS -> number : 0));
       number++;
       sent.what = (DECIDE_ONCE && seen_free[p] >= WANTED (p) && seen_waiters[p] == 0 ->
                    TAKE : QUEUE)
    :: p < 2 && n_done < N_ADDITIONS -> is_adding = true; sent.what = ADD
    :: p == 0 && n_resets < N_RESETS -> n_resets++; sent.what = RESET
    :: number == N_NUMBERS && (p >= 2 || n_done == N_ADDITIONS) -> goto end
    fi;
    sent.name = x
  }

request:
  atomic {
    !is_over[p] ->
    send (p);
    if
    :: answer == DOUBT ->
       if
       :: sent.what == RELEASE || sent.what == LEAVE || sent.what == CANCEL ||
          sent.what == RESET -> goto request
       :: sent.what == OFFER -> goto waiting
       :: is_adding && SEND_AGAIN -> goto request
       :: else -> sent.what = SETTLE; goto request
       fi

    :: answer != DOUBT && is_adding ->
       if
       :: answer == REFUSED -> goto end
       :: answer == AGAIN -> goto request
       :: sent.what == SETTLE && answer != MOVED -> sent.what = ADD; goto request
       :: else ->
          /* It is done now, or it was: nothing else has moved the mark. */
          n_done++;
          assert (n_added[p] == n_done);
          is_adding = false;
          goto idle
       fi

    :: answer != DOUBT && !is_adding ->
       if
       :: answer == HELD && sent.what != CANCEL -> goto holding
       :: answer == HELD && sent.what == CANCEL -> goto release
       :: answer == TOO_MANY -> sent.what = CONVERT; goto request
       :: answer == AGAIN && sent.what == LEAVE -> sent.what = RELEASE; goto request
       :: answer == AGAIN && sent.what != LEAVE && sent.what != OFFER -> goto request
       :: answer == QUEUED -> has_news[p] = has_news[p] || !DECIDE_ONCE; goto waiting
       :: sent.what == OFFER -> has_news[p] = true; goto waiting
       :: (answer == DONE && sent.what != OFFER) || answer == ABSENT || answer == MOVED -> goto idle
       :: answer == REFUSED && sent.what == RELEASE -> goto idle
       :: answer == REFUSED && sent.what != RELEASE -> goto end
       fi
    fi
  }

waiting:
  atomic {
    !is_over[p] ->
    if
    :: has_news[p] || (DISPATCHER && LOOKS && is_any_fit) ->
       d_step {
         look (p);
         is_heard = true;
         if
         :: DECIDE_ONCE -> examine (x)
         :: else -> derive (p)
         fi;
         answer = result
       };
       if
       :: answer == HELD -> answer = 0; granted_in = epoch; goto holding
       :: answer == QUEUED -> goto waiting
       :: answer == ABSENT -> goto idle
       fi
    :: seen_fit[p] != 0 && DECIDE_ONCE && !is_serving[p] ->
       sent.what = OFFER;
       sent.name = seen_fit[p] - 1;
       goto request
    :: n_cancels < N_CANCELS ->
       n_cancels++;
       sent.what = CANCEL;
       sent.name = x;
       goto request
    fi
  }

holding:
  atomic {
    !is_over[p] ->
    d_step {
      if
      :: granted_in == epoch ->
         believes[p] = WANTED (p);
         believed[p] = x;
         check ()
      :: else
      fi
    }
  }

release:
  atomic {
    !is_over[p] ->
    believes[p] = 0;
    believed[p] = 0;
    if
    :: d_step { look (p) }
    :: true
    fi;
    if
    :: sent.what = (DECIDE_ONCE -> RELEASE : CANCEL)
    :: DISPATCHER -> sent.what = LEAVE
    fi;
    sent.name = x;
    goto request
  }

end:
  atomic {
    !is_over[p] ->
    if
    :: is_serving[p] -> is_blind[p] = true; has_news[p] = false
    :: else -> close_eyes (p)
    fi;
    number = 0; answer = 0; x = 0; sent.what = NOTHING; sent.name = 0
  }
}

/* The dispatcher offers free units to a waiter. If it cannot, the watch has news about the reason.
 * Its view then has its own hold, but nothing else that is new. */
inline serve (p_)
{
  sent.what = OFFER;
  sent.name = seen_fit[p_] - 1;
  sent.no_new = no_new[p_];
  if
  :: d_step {
       is_heard = false;
       apply (p_, sent);
       if
       :: result == DONE ->
          no_new[p_] = sent.no_new;
          seen_free[p_] = seen_free[p_] - WANTED (OWNER (sent.name));
          seen_waiters[p_] = seen_waiters[p_] & ~BIT (sent.name);
          choose (seen_waiters[p_], seen_free[p_]);
          seen_fit[p_] = (taken == N_NAMES -> 0 : taken + 1)
       :: else -> seen_fit[p_] = 0
       fi;
       answer = result;
       sent.what = NOTHING; sent.name = 0; sent.no_new = false
     }
  :: n_losses < N_LOSSES && late[p_].what == NOTHING ->
     d_step {
       n_losses++;
       late[p_].what = OFFER;
       late[p_].name = sent.name;
       late[p_].no_new = sent.no_new;
       answer = AGAIN;
       seen_fit[p_] = 0;
       has_all_news = dispatcher != 0;
       sent.what = NOTHING; sent.name = 0; sent.no_new = false
     }
  fi
}

inline look_as_dispatcher (p_)
{
  is_dispatching = true;
  look (p_);
  is_dispatching = false
}

inline end_serving (p_)
{
  is_serving[p_] = false;
  seen_fit[p_] = 0;
  if
  :: is_blind[p_] -> close_eyes (p_)
  :: else
  fi
}

#define MAY_SERVE(p_) (dispatcher == 0 && n_waiting != 0 && !is_blind[p_] && !is_serving[p_])

/* What a session does as dispatcher. The transactions that put and delete its record read
 * everything. */
proctype dispatching ()
{
  Request sent;
  byte p, answer;

  atomic {
    if
    :: MAY_SERVE (0) -> p = 0
    :: ANYBODY && MAY_SERVE (1) -> p = 1
    :: ANYBODY && N_SESSIONS > 2 && MAY_SERVE (N_SESSIONS - 1) -> p = N_SESSIONS - 1
    fi;
    d_step { dispatcher = p + 1; is_serving[p] = true; look_as_dispatcher (p) }
  }

serving:
  atomic {
    if
    :: !is_serving[p] -> goto end
    :: is_serving[p] && has_all_news -> d_step { look_as_dispatcher (p) }; goto serving
    :: is_serving[p] && seen_fit[p] != 0 -> serve (p); answer = 0; goto serving
    :: is_serving[p] && n_stops < N_STOPS -> n_stops++; d_step { end_serving (p) }; goto end
    :: is_serving[p] && n_resigns < N_RESIGNS ->
       n_resigns++;
       d_step {
         dispatcher = 0;
         if
         :: LAST_LOOK -> look_as_dispatcher (p)
         :: else -> seen_fit[p] = 0; has_all_news = false
         fi
       }
    fi
  }

resigned:
  atomic {
    if
    :: !is_serving[p] -> goto end
    :: is_serving[p] && seen_fit[p] == 0 -> d_step { end_serving (p) }
    :: is_serving[p] && seen_fit[p] != 0 ->
       serve (p);
       if
       :: answer == AGAIN && (dispatcher == 0 || LOOKS) ->
          d_step { look_as_dispatcher (p); has_all_news = dispatcher != 0 }
       :: else
       fi;
       answer = 0;
       goto resigned
    fi
  }

end:
  atomic { p = 0; answer = 0 }
}

/* A session's late request, and its lease. */
proctype cluster (byte q)
{
  do
  :: atomic {
       late[q].what != NOTHING ->
       if
       :: d_step { is_heard = false; apply (q, late[q]) }
       :: true
       fi;
       forget (late[q])
     }
  :: atomic {
       n_ends < N_ENDS && !is_over[q] && !is_gone[q] ->
       n_ends++;
       is_over[q] = true;
       believes[q] = 0;
       close_eyes (q)
     }
  :: !LOCAL_FIRST && n_ends < N_ENDS && !is_over[q] && !is_gone[q] -> n_ends++; break
  :: is_over[q] && !is_gone[q] -> break
  od;
  atomic {
    is_gone[q] = true;
    if
    :: dispatcher == q + 1 -> dispatcher = 0; has_all_news = false
    :: else
    fi;
    d_step {
      rest = 0;
      do
      :: rest < N_NUMBERS ->
         if
         :: held[NAME (q, rest)] != 0 -> delete_hold (NAME (q, rest))
         :: else
         fi;
         delete_waiter (NAME (q, rest));
         rest++
      :: else -> break
      od;
      check ()
    }
  }
  /* A request may still be on its way. */
  if
  :: late[q].what != NOTHING -> d_step { is_heard = false; apply (q, late[q]); forget (late[q]) }
  fi
}

/* Nothing more happens. */
proctype watchdog ()
{
  timeout ->
  d_step {
    sum_up ();
    assert (sum == 0);
    i = 0;
    do
    :: i < N_NAMES -> assert (place[i] == 0 || WANTED (OWNER (i)) > total); i++
    :: else -> break
    od
  }
}

init {
  atomic {
    run session (0);
    run session (1);
    run cluster (0);
    run cluster (1);
    if
    :: N_SESSIONS > 2 -> run session (2); run cluster (2)
    :: else
    fi;
    if
    :: true
    :: DISPATCHER > 0 -> run dispatching ()
    :: DISPATCHER > 1 -> run dispatching (); run dispatching ()
    fi;
    run watchdog ()
  }
}
