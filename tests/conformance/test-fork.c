/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster.h"
#include "conformance.h"
#include "forking.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* fork (): a child holds nothing of its parent's, and its first use of an object attaches it as a
 * process of its own. In the scripts `a` is the parent and `b` its child; script.h explains the
 * rest. */

static atomic_bool is_enough;

static gpointer
change_key_until_enough (gpointer data)
{
  SsemSystemSemaphore *semaphore = data;
  int i;

  for (i = 0; !atomic_load (&is_enough); i++)
    ssem_system_semaphore_set_key (semaphore, i % 2 == 0 ? "one" : "other", 1,
                                   SSEM_ACCESS_MODE_OPEN, NULL);

  return NULL;
}

/* The child drops an object that a thread of its parent was opening at the moment of the fork. */
static void
test_dropped_in_child_while_opened (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  GThread *thread;
  int i, status;

  atomic_store (&is_enough, FALSE);
  thread = g_thread_new ("opener", change_key_until_enough, semaphore);
  for (i = 0; i < 200 && fixture_has_time (fixture); i++)
    {
      pid_t child = fork ();

      g_assert_cmpint (child, >=, 0);
      if (child == 0)
        {
          g_object_unref (semaphore);
          /* At an exit, a sanitizer would count the memory of the parent's thread as lost. */
          raise (SIGKILL);
        }
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_true (WIFSIGNALED (status));
      g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
    }
  atomic_store (&is_enough, TRUE);
  g_thread_join (thread);

  drop_object (&semaphore);
}

/* --- A thread that the child does not have --- */

static void
use_often (SsemSystemSemaphore *semaphore)
{
  int i;

  for (i = 0; i < 10; i++)
    {
      assert_acquire (semaphore, 1);
      assert_release (semaphore, 1);
    }
}

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GAsyncQueue *used;
  GAsyncQueue *orders;
} User;

static gpointer
use_and_stay (gpointer data)
{
  User *self = data;

  use_often (self->semaphore);
  g_async_queue_push (self->used, self);
  g_async_queue_pop (self->orders);

  return NULL;
}

static gpointer
use_once (gpointer semaphore)
{
  use_often (semaphore);

  return NULL;
}

/* What an object remembers of a thread of the parent is not taken for that of a new thread in the
 * child, which the C library gives the memory of the other. */
static void
test_thread_in_child (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  User user = { semaphore, g_async_queue_new (), g_async_queue_new () };
  GThread *thread = g_thread_new ("user", use_and_stay, &user);
  pid_t child;
  int status;

  g_async_queue_pop (user.used);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      g_thread_join (g_thread_new ("user in child", use_once, semaphore));
      raise (SIGKILL);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
  cluster_wait_until_gone (child);

  use_often (semaphore);
  g_async_queue_push (user.orders, &user);
  g_thread_join (thread);
  g_async_queue_unref (user.used);
  g_async_queue_unref (user.orders);
  drop_object (&semaphore);
}

/* --- Siblings --- */

typedef struct
{
  pid_t pid;
  int commands_fd; /* it goes on when it reads a byte */
  int answers_fd;  /* it has written a byte when it has opened the key */
} Sibling;

/* A grandchild uses what its parent has opened, and finds that the semaphore was removed. */
static void
use_in_grandchild (SsemSystemSemaphore *semaphore)
{
  g_autoptr(GError) error = NULL;
  pid_t pid = fork ();

  if (pid == 0)
    child_end (!ssem_system_semaphore_try_acquire (semaphore, 1, &error) &&
           g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                            SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND) ? 0 : 1);
  g_assert_cmpint (pid, >, 0);
  child_expect_well (pid);
}

static Sibling
sibling_new (Fixture *fixture,
             gboolean has_child)
{
  Sibling self;
  int commands[2], answers[2];

  g_assert_cmpint (pipe (commands), ==, 0);
  g_assert_cmpint (pipe (answers), ==, 0);
  self = (Sibling) { fork (), commands[1], answers[0] };
  g_assert_cmpint (self.pid, >=, 0);
  if (self.pid == 0)
    {
      SsemSystemSemaphore *semaphore;
      int status = 1;
      char byte;

      prctl (PR_SET_PDEATHSIG, SIGKILL);
      close (commands[1]);
      semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, NULL);
      if (semaphore != NULL && write (answers[1], "x", 1) == 1 && read (commands[0], &byte, 1) == 1)
        status = 0;
      if (status == 0 && has_child)
        use_in_grandchild (semaphore);
      g_clear_object (&semaphore);
      child_end (status);
    }
  close (commands[0]);
  close (answers[1]);

  return self;
}

static void
sibling_expect_open (Sibling *self)
{
  char byte;

  g_assert_cmpint (read (self->answers_fd, &byte, 1), ==, 1);
}

static void
sibling_end (Sibling *self)
{
  g_assert_cmpint (write (self->commands_fd, "x", 1), ==, 1);
  close (self->commands_fd);
  child_expect_well (self->pid);
  close (self->answers_fd);
}

/* Children of one parent inherit the state of GLib's random numbers. Two semaphores that had their
 * ids from there would be taken for the same. */
static void
test_siblings (Fixture *fixture)
{
  Sibling removed, successor;

  g_random_int ();
  removed = sibling_new (fixture, TRUE);
  sibling_expect_open (&removed);
  fixture_remove (fixture, REMOVE_BOTH);
  successor = sibling_new (fixture, FALSE);
  sibling_expect_open (&successor);

  sibling_end (&removed);
  sibling_end (&successor);
}

/* Which process dies first | the value then | the other process. */
static const char *const deaths[] = { "b | 5 | a", "a | 7 | b", NULL };

/* Whether the parent has closed the key before the fork, and only holds a unit. */
static const char *const lingerings[] = { "| b value = 7", "a close |", NULL };

/* Whether the child has used the object before it drops it | the values afterwards. */
static const char *const uses[] = { "| 3 | 4", "b release 2 | 5 | 6", NULL };

/* What the parent has set up before the fork. */
static const char *const set_up[] = { "a async 2; a release 2", NULL };
static const char *const nothing_set_up[] = { "|", NULL };

/* Whatever lock another thread of the parent had at the moment of the fork, the child must not wait
 * for it; nor for what a thread was about to set up for the first time. */
static const char among_threads[] =
  "repeat 40; a open OPEN 8; $1; a hammer 4; a fork b;"
  "b acquire 2; b async 1; b.1 open OPEN; b.1 release 1; b.1 close; b set-key OPEN 1 other; b quit;"
  "a calm; a value = 8; a quit; files 0; again";

const char conformance_topic[] = "fork";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  /* --- What the child holds --- */

  /* The death of the child gives nothing of its parent's back; the death of the parent does. */
  { "child-holds-nothing", NEEDS_UNDO, .script =
    "w open OPEN 5; a open OPEN; a acquire 3; a fork b; w value = 2;"
    "b kill; w value = 2; a kill; w value = 5" },

  { "each-its-own", NEEDS_UNDO | NEEDS_PRIVATE_MEMORY, .rows = deaths, .script =
    "w open OPEN 9; a open OPEN; a acquire 3; a fork b; b acquire 2; a acquire 1; w value = 3;"
    "$1 kill; w value = $2; $3 kill; w value = 9" },

  /* A child that releases what its parent acquired creates units: the parent's come back as
   * well. */
  { "child-releases", NEEDS_UNDO, .script =
    "w open OPEN 5; a open OPEN; a acquire 3; a fork b; b release 3; w value = 5;"
    "b kill; w value = 5; a kill; w value = 8" },

  /* What the parent created does not count against what the child acquires. */
  { "parent-created", NEEDS_UNDO, .script =
    "w open OPEN; a open OPEN; a release 5; a fork b; b acquire 2; w value = 3;"
    "b kill; w value = 5" },

  /* Parent and child make a semaphore each, the first since the fork: they must not be taken for
   * the same. */
  { "both-create", .script =
    "a open OPEN 1; a fork b; a close; b.1 open OPEN 5; a.1 open OPEN other;"
    "b.2 open OPEN_EXISTING other; a.2 open OPEN_EXISTING;"
    "b.1 acquire 1; b.2 release 1; b.1 release 1; b kill; a.2 value = 5; a.1 value = 1" },

  /* --- Whether the child is attached --- */

  /* A child that has not used the semaphore is no user: it keeps nothing alive, and it keeps
   * nothing from being reset, also after a crash of its parent. */
  { "idle-child", NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 2; a fork b; a close; files 0;"
    "a open OPEN 2; a kill; c open CREATE_EXCLUSIVE 4; c value = 4; b close; c value = 4" },

  /* The child's object is of that very semaphore, which has been taken over. */
  { "idle-child-of-a-dead-parent", NEEDS_LEFTOVERS | NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 2; a fork b; a acquire 1; a kill;"
    "c open CREATE_EXCLUSIVE 4; c value = 4; b acquire 1; c value = 3" },

  /* The child itself may take the semaphore over. */
  { "child-takes-over", NEEDS_LEFTOVERS | NEEDS_PRIVATE_MEMORY, .rows = lingerings, .script =
    "c open OPEN 3; a open OPEN 3; a acquire 1; $1; a fork b; c kill; a kill;"
    "b.1 open CREATE_EXCLUSIVE 7; b.1 value = 7; $2; b quit; files 0" },

  /* What another process has left over under the key is not the child's: the child neither gets it
   * nor removes it. */
  { "leftover-of-another", NEEDS_UNDO, .script =
    "a open OPEN 3; a fork b; a close; c open OPEN 5; c acquire 2; c kill;"
    "b try 1 = NOT_FOUND; w open OPEN_EXISTING; w value = 5" },

  /* A child that could not open the semaphore at first is no two processes afterwards, through two
   * objects. */
  { "out-of-descriptors-in-child", NEEDS_LIMITS, .script =
    "w open OPEN 3; a open OPEN 3; a fork b;"
    "b files 0; b.1 open OPEN 3 = OUT_OF_RESOURCES; b files 100; b.1 open OPEN 3;"
    "b acquire 1; b.1 release 1; b kill; w value = 3" },

  /* The first use attaches the child, which now is the last user. */
  { "child-is-a-user", .script =
    "a open OPEN 4; a fork b; b value = 4; a close; b acquire 1;"
    "c open CREATE_EXCLUSIVE 1 = ALREADY_EXISTS; b value = 3; b close; files 0" },

  /* An object that the child drops goes in the child alone. */
  { "dropped-in-child", .rows = uses, .script =
    "a open OPEN 4; a acquire 1; a fork b; $1; b close; a value = $2; b quit;"
    "a release 1; a value = $3; a quit; files 0" },

  /* A semaphore that was removed before the child's first use is gone. The child must not get what
   * another process has made since, unless it opens the key again. */
  { "removed-before-first-use", .script =
    "a open OPEN 4; a fork b; a quit; files 0; b acquire 1 = NOT_FOUND; b acquire 1 = NOT_FOUND;"
    "c open OPEN 7; b release 1 = NOT_FOUND; c value = 7;"
    "b.1 open OPEN; b.1 acquire 7; c value = 0" },

  { "new-object-in-child", NEEDS_UNDO, .script =
    "a open OPEN 4; a fork b; b.1 open OPEN; b.1 acquire 3; b release 1; a value = 2;"
    "b.1 close; a value = 2; b kill; a value = 4" },

  { "set-key-in-child", .script =
    "a open OPEN 4; a fork b; b set-key OPEN 9 other; b value = 9; a value = 4;"
    "a acquire 1; b quit; a value = 3" },

  /* --- In the middle of things --- */

  { "among-threads", NEEDS_UNDO | NEEDS_FORK_AMONG_THREADS, .rows = set_up,
    .script = among_threads },
  { "among-first-uses", NEEDS_UNDO | NEEDS_FORK_AMONG_THREADS, .rows = nothing_set_up,
    .script = among_threads },
  { "dropped-in-child-while-opened", NEEDS_FORK_AMONG_THREADS, test_dropped_in_child_while_opened },
  { "thread-in-child", NEEDS_FORK_AMONG_THREADS, test_thread_in_child },

  /* The parent's queue of requests, and the thread that serves it, are the parent's. */
  { "async-in-child", NEEDS_UNDO | NEEDS_FORK_AMONG_THREADS | NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 2; a async 1; a fork b; b async 1; a value = 0; b async 2 = blocks;"
    "a kill; c open OPEN; c release 1; b wakes; b value = 0; b kill" },

  /* So is a request for which that thread waits at the moment of the fork. */
  { "async-pending", NEEDS_WAITING_THREAD | NEEDS_FORK_AMONG_THREADS, .script =
    "a open OPEN 2; a begin 3; a blocks; a fork b; b async 1; b async 1; b value = 0;"
    "b release 3; a end; b value = 0; b kill; a kill; c open OPEN" },

  { "parent-serves-child", NEEDS_UNDO | NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 2; a acquire 2; a fork b; b acquire 2 = blocks; a kill; b wakes" },

  { "siblings", NEEDS_FILES, test_siblings },
  { NULL },
};
