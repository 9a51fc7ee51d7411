/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-fork-private.h"

#include "ssem-thread-private.h"

#include <pthread.h>

typedef struct _Protected Protected;

struct _Protected
{
  GMutex *lock;
  void (*child) (void);
  Protected *next;
};

atomic_uint ssem_fork_count_;
atomic_uint ssem_fork_n_begun_;

/* A fork takes it before all other locks. */
static GMutex block_lock;

/* In the order of protection. The list grows only, under list_lock. A fork takes list_lock first,
 * so it gives back the locks that it took and no others. */
static GMutex list_lock;
static Protected *first_protected;
static Protected **end_of_list = &first_protected;

static void
prepare_cb (void)
{
  Protected *each;

  ssem_thread_lock (&block_lock);
  ssem_thread_lock (&list_lock);
  for (each = first_protected; each != NULL; each = each->next)
    ssem_thread_lock (each->lock);

  /* Sequentially consistent: see ssem_fork_get_n_begun (). */
  atomic_fetch_add (&ssem_fork_n_begun_, 1);
}

static void
unlock_all (void)
{
  Protected *each;

  for (each = first_protected; each != NULL; each = each->next)
    ssem_thread_unlock (each->lock);
  ssem_thread_unlock (&list_lock);
  ssem_thread_unlock (&block_lock);
}

static void
child_cb (void)
{
  SSEM_THREAD_SHIELD;
  Protected *each;

  atomic_fetch_add_explicit (&ssem_fork_count_, 1, memory_order_relaxed);
  for (each = first_protected; each != NULL; each = each->next)
    {
      if (each->child != NULL)
        each->child ();
    }
  unlock_all ();
}

void
ssem_fork_block (void)
{
  ssem_thread_lock (&block_lock);
}

void
ssem_fork_unblock (void)
{
  ssem_thread_unlock (&block_lock);
}

void
ssem_fork_protect (GMutex *lock,
                   void  (*child) (void))
{
  Protected *added = g_new0 (Protected, 1);

  added->lock = lock;
  added->child = child;

  ssem_thread_lock (&list_lock);
  if (first_protected == NULL)
    pthread_atfork (prepare_cb, unlock_all, child_cb);
  *end_of_list = added;
  end_of_list = &added->next;
  ssem_thread_unlock (&list_lock);
}
