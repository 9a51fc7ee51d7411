/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"
#include "forking.h"

#include <dlfcn.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* The fast path of POSIX semaphores. A thread stays inside sem_post () while another one gives the
 * object another key. The thread then adds its unit to the old semaphore, which must still be
 * mapped. A helper keeps that semaphore and sees the unit.
 */

/* --- A slow sem_post () --- */

static _Thread_local void (* on_post) (void); /* the thread's next sem_post () calls it first */
static _Thread_local int n_values;            /* how often the thread has called sem_getvalue () */

static int (* real_post) (sem_t *semaphore);
static int (* real_getvalue) (sem_t *semaphore,
                              int   *value);

/* Not when they are needed: that may be in a signal handler. */
__attribute__ ((constructor)) static void
find_real (void)
{
  *(void **) &real_post = dlsym (RTLD_NEXT, "sem_post");
  *(void **) &real_getvalue = dlsym (RTLD_NEXT, "sem_getvalue");
}

/* These two in place of the C library's: the library calls them, too. */
int
sem_post (sem_t *semaphore)
{
  void (* call) (void) = on_post;

  on_post = NULL;
  if (call != NULL)
    call ();

  return real_post (semaphore);
}

int
sem_getvalue (sem_t *semaphore,
              int   *value)
{
  n_values++;

  return real_getvalue (semaphore, value);
}

/* --- A thread that stays inside --- */

static SsemSystemSemaphore *used;
static GAsyncQueue *inside; /* gets an item when the thread is inside sem_post () */
static GAsyncQueue *go_on;  /* an item lets it go on */

static void
stay (void)
{
  g_async_queue_push (inside, inside);
  g_async_queue_pop (go_on);
}

/* The handler interrupts an operation, so it takes the slow path. */
static void
use_in_handler (int number)
{
  int n_before = n_values;

  if (!ssem_system_semaphore_release (used, 1, NULL) ||
      !ssem_system_semaphore_try_acquire (used, 1, NULL))
    abort ();
  n_values = n_before;
}

static void
handle_signal_and_stay (void)
{
  raise (SIGUSR1);
  stay ();
}

/* The first release finds the fast path, unless the thread has it already. Only the slow path reads
 * the value. */
static void
use_fast_path (SsemSystemSemaphore *semaphore)
{
  int n_before;

  assert_release (semaphore, 1);
  assert_acquire (semaphore, 1);
  n_before = n_values;
  assert_release (semaphore, 1);
  g_assert_cmpint (n_values, ==, n_before);
  assert_acquire (semaphore, 1);
}

static gpointer
use_and_end (gpointer semaphore)
{
  use_fast_path (semaphore);

  return NULL;
}

static gpointer
release_inside (gpointer data)
{
  void (* call) (void) = *(void (**) (void)) data;
  int n_before;

  use_fast_path (used);
  n_before = n_values;
  on_post = call;
  assert_release (used, 1);
  g_assert_cmpint (n_values, ==, n_before);

  return NULL;
}

/* Closes the semaphore under a thread that stays inside the fast path and does @call there. This
 * thread has a fast path of its own meanwhile. */
static void
close_under_release (Fixture *fixture,
                     void  (* call) (void))
{
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_open_helper (fixture, 0);
  GThread *thread;

  inside = g_async_queue_new ();
  go_on = g_async_queue_new ();
  thread = g_thread_new ("release", release_inside, &call);
  g_async_queue_pop (inside);
  use_fast_path (used);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 0);
  assert_done (ssem_system_semaphore_set_key (used, "another", 5, SSEM_ACCESS_MODE_OPEN, &error));
  g_async_queue_push (go_on, go_on);
  g_thread_join (thread);

  g_assert_cmpint (helper_get_value (helper, 0), ==, 1);
  assert_value (used, 5);
  g_async_queue_unref (inside);
  g_async_queue_unref (go_on);
}

/* In the thread whose hazard the object keeps. */
static void
test_close (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);

  used = semaphore;
  close_under_release (fixture, stay);
  drop_object (&semaphore);
}

/* In another one, while the object keeps the hazard of a thread that lives. */
static void
test_close_in_second_thread (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);

  used = semaphore;
  use_fast_path (semaphore);
  close_under_release (fixture, stay);
  drop_object (&semaphore);
}

/* In another one, while the object keeps the hazard of a thread that has ended: nobody looks at
 * that hazard any more. */
static void
test_close_in_next_thread (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);

  used = semaphore;
  g_thread_join (g_thread_new ("first", use_and_end, semaphore));
  close_under_release (fixture, stay);
  drop_object (&semaphore);
}

/* A signal handler that uses the object leaves the operation that it interrupts inside. */
static void
test_close_after_handler (Fixture *fixture)
{
  struct sigaction action = { .sa_handler = use_in_handler };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  struct sigaction before;

  used = semaphore;
  g_assert_cmpint (sigaction (SIGUSR1, &action, &before), ==, 0);
  close_under_release (fixture, handle_signal_and_stay);
  g_assert_cmpint (sigaction (SIGUSR1, &before, NULL), ==, 0);
  drop_object (&semaphore);
}

/* --- A child --- */

/* A child has no mapping of the semaphore before its first operation. After that, it is as fast as
 * its parent. */
static void
test_child (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  pid_t child;

  use_fast_path (semaphore);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      use_fast_path (semaphore);
      assert_acquire (semaphore, 1);
      child_end (0);
    }
  child_expect_well (child);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
}

const char conformance_topic[] = "posix-inside";
const Needs conformance_needs = NEEDS_POSIX;

const Case conformance_cases[] = {
  { "close", 0, test_close },
  { "close-in-second-thread", 0, test_close_in_second_thread },
  { "close-in-next-thread", 0, test_close_in_next_thread },
  { "close-after-handler", NEEDS_SIGNALS, test_close_after_handler },
  { "child", NEEDS_PRIVATE_MEMORY, test_child },
  { NULL },
};
