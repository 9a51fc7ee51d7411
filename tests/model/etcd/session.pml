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

#include "cluster.pml"

inline forget (r)
{
  r.what = NOTHING; r.name = 0; r.waiters = 0; r.no_new = false; r.no_state = false;
  r.free = 0; r.total = 0; r.mark = 0
}

/* Each request of a session, and its answer. */
inline send (p_)
{
  sent.no_new = no_new[p_];
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
       :: sent.what == RELEASE || sent.what == CANCEL || sent.what == RESET -> goto request
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
       :: answer == AGAIN && sent.what != OFFER -> goto request
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
    :: has_news[p] ->
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
    :: seen_fit[p] != 0 && DECIDE_ONCE ->
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
    sent.what = (DECIDE_ONCE -> RELEASE : CANCEL);
    sent.name = x;
    goto request
  }

end:
  atomic {
    !is_over[p] ->
    close_eyes (p); number = 0; answer = 0; x = 0; sent.what = NOTHING; sent.name = 0
  }
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
    run watchdog ()
  }
}
