/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-fork-private.h"

#include "ssem-thread-private.h"

#include <pthread.h>

#define MAX_PROTECTED 8

typedef struct
{
  GMutex *lock;
  void  (*child) (void);
} Protected;

atomic_uint ssem_fork_count_;

/* Grows only, under table_lock; a fork in another thread sees each entry whole because it takes
 * table_lock first. */
static GMutex table_lock;
static Protected table[MAX_PROTECTED];
static int n_protected;

static void
prepare_cb (void)
{
  int i;

  ssem_thread_lock (&table_lock);
  for (i = 0; i < n_protected; i++)
    ssem_thread_lock (table[i].lock);
}

static void
unlock_all (void)
{
  int i;

  for (i = n_protected - 1; i >= 0; i--)
    ssem_thread_unlock (table[i].lock);
  ssem_thread_unlock (&table_lock);
}

static void
child_cb (void)
{
  SSEM_THREAD_SHIELD;
  int i;

  atomic_fetch_add_explicit (&ssem_fork_count_, 1, memory_order_relaxed);
  for (i = 0; i < n_protected; i++)
    {
      if (table[i].child != NULL)
        table[i].child ();
    }
  unlock_all ();
}

void
ssem_fork_protect (GMutex *lock,
                   void  (*child) (void))
{
  ssem_thread_lock (&table_lock);

  g_assert (n_protected < MAX_PROTECTED);
  table[n_protected].lock = lock;
  table[n_protected].child = child;
  if (n_protected++ == 0)
    pthread_atfork (prepare_cb, unlock_all, child_cb);

  ssem_thread_unlock (&table_lock);
}
