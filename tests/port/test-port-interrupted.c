/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "port.h"

#include <errno.h>

typedef struct
{
  PortProcess *process;
  GThread *thread;
  int result;
} Waiter;

static void
acquire_cb (PortProcess *self,
            gpointer     data)
{
  ((Waiter *) data)->result = port_acquire (self, 1, -1);
}

static gpointer
waiter_thread (gpointer data)
{
  Waiter *self = data;

  g_assert_true (port_process_run (self->process, acquire_cb, self));
  port_process_end (self->process);

  return NULL;
}

static void
waiter_start (Waiter    *self,
              PortWorld *world,
              gboolean   is_interruptible)
{
  *self = (Waiter) { .process = port_process_new (world) };
  self->process->is_interruptible = is_interruptible;
  self->thread = g_thread_new ("process", waiter_thread, self);
}

static void
waiter_join (Waiter *self,
             int     result)
{
  g_thread_join (self->thread);
  g_assert_cmpint (self->result, ==, result);
}

static void
release_cb (PortProcess *self,
            gpointer     data)
{
  port_release (self, 1);
}

/* A signal handler ends a wait that is interruptible, and no other. The unit that comes then is for
 * the waiter that is left. */
void
port_test_interrupted (void)
{
  PortWorld *world = port_world_new (0, SSEM_SHM_FIRST_SLOTS, TRUE, TRUE);
  PortProcess *creator = port_process_new (world);
  Waiter interrupted, other;

  waiter_start (&interrupted, world, TRUE);
  waiter_start (&other, world, FALSE);
  port_world_wait_asleep (world, 2);
  port_process_interrupt (other.process);
  port_world_wait_asleep (world, 2);
  port_process_interrupt (interrupted.process);
  waiter_join (&interrupted, -EINTR);

  port_world_wait_asleep (world, 1);
  g_assert_true (port_process_run (creator, release_cb, NULL));
  waiter_join (&other, 0);
  port_process_end (creator);
  port_world_wait_noticed (world);
  port_world_free (world, 1);
}
