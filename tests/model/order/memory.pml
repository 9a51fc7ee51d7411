/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The order of memory accesses on processors that order less than x86, such as arm64.
 *
 * Each word keeps all values that it ever had. For each word, a process has the oldest value that
 * it can still load: its view. A load yields that value or any later one, so stores to different
 * words become visible in any order, and a load can happen before an earlier load. A store with
 * release attaches the process's view to the value. A load with acquire takes over the view that is
 * attached to what it loads. Sequentially consistent stores have one order. A sequentially
 * consistent load may happen earlier than the model makes it, but not before the last sequentially
 * consistent access of its process. A swap always replaces the last value. A failed swap is a load.
 *
 * A swap without release keeps the view that was attached to the value before. Nothing else orders
 * anything: the model knows no dependencies, and no barrier of a system call except those of a
 * process's lock. A store is never visible before an earlier load of the same process.
 *
 * A case, another file in this directory, defines N_WORDS and N_TIMES and includes this one. There,
 * each access of the C code has its order as a macro, with the order that the C code names.
 */

#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define ACQ_REL 3
#define SEQ_CST 7

#define HAS_ACQUIRE(order) ((order) % 2 == 1)
#define HAS_RELEASE(order) ((order) / 2 % 2 == 1)
#define HAS_SEQ_CST(order) ((order) >= 4)

#define N_PROCESSES 4

/* 1 in a case with fences. */
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
