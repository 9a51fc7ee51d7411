/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-hooks-private.h"

#include "ssem-thread-private.h"

#include <stdlib.h>

typedef struct _Hook Hook;
typedef _Atomic (Hook *) Link;

struct _Hook
{
  void (*run) (void);
  Link next; /* written once */
};

static Link exit_hooks;
static Link thread_end_hooks;

/* Appends without a lock, so that a hook list can be walked at any time, in a child of fork ()
 * too. */
static void
append (Link  *link,
        void (*run) (void))
{
  Hook *hook = g_new0 (Hook, 1);
  Hook *other = NULL;

  hook->run = run;
  while (!atomic_compare_exchange_strong (link, &other, hook))
    {
      link = &other->next;
      other = NULL;
    }
}

static void
run_all (Link *link)
{
  Hook *hook;

  for (hook = atomic_load (link); hook != NULL; hook = atomic_load (&hook->next))
    hook->run ();
}

static void
exit_cb (void)
{
  SSEM_THREAD_SHIELD;

  if (!ssem_thread_may_hold_locks ())
    run_all (&exit_hooks);
}

void
ssem_hooks_add_exit (void (*hook) (void))
{
  static atomic_bool is_registered;

  append (&exit_hooks, hook);
  if (!atomic_exchange (&is_registered, TRUE))
    atexit (exit_cb);
}

void
ssem_hooks_add_thread_end (void (*hook) (void))
{
  append (&thread_end_hooks, hook);
}

static void
thread_end_cb (gpointer data)
{
  run_all (data);
}

void
ssem_hooks_watch_thread (void)
{
  static GPrivate at_thread_end = G_PRIVATE_INIT (thread_end_cb);

  g_private_set (&at_thread_end, &thread_end_hooks);
}
