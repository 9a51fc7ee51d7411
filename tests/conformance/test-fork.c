/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"
#include "forking.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- What the child holds --- */

/* Nothing of its parent's: its death gives nothing back, the parent's does. */
static void
test_child_holds_nothing (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *parent = fixture_user (fixture, 0);
  Helper *child;

  helper_do (parent, "acquire 0 3");
  child = fixture_fork (fixture, parent);
  assert_value (semaphore, 2);
  helper_kill (child);
  assert_value (semaphore, 2);
  helper_kill (parent);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* Each gives back its own, whichever goes first. */
static void
test_each_its_own (Fixture *fixture)
{
  int parent_first;

  for (parent_first = 0; parent_first < 2; parent_first++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 9);
      Helper *parent = fixture_user (fixture, 0);
      Helper *child;

      helper_do (parent, "acquire 0 3");
      child = fixture_fork (fixture, parent);
      helper_do (child, "acquire 0 2");
      helper_do (parent, "acquire 0 1");
      assert_value (semaphore, 3);

      helper_kill (parent_first ? parent : child);
      assert_value (semaphore, parent_first ? 7 : 5);
      helper_kill (parent_first ? child : parent);
      assert_value (semaphore, 9);
      drop_object (&semaphore);
    }
}

/* To release what the parent acquired is to create, for the child. */
static void
test_child_releases (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *parent = fixture_user (fixture, 0);
  Helper *child;

  helper_do (parent, "acquire 0 3");
  child = fixture_fork (fixture, parent);
  helper_do (child, "release 0 3");
  assert_value (semaphore, 5);
  helper_kill (child);
  assert_value (semaphore, 5);
  helper_kill (parent);
  assert_value (semaphore, 8);

  drop_object (&semaphore);
}

/* And what the parent created does not count against the child. */
static void
test_parent_created (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *parent = fixture_user (fixture, 0);
  Helper *child;

  helper_do (parent, "release 0 5");
  child = fixture_fork (fixture, parent);
  helper_do (child, "acquire 0 2");
  assert_value (semaphore, 3);
  helper_kill (child);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* Nor does what the two make have anything in common. */
static void
test_both_create (Fixture *fixture)
{
  g_autofree char *other_key = g_strconcat (fixture->key, " other", NULL);
  Helper *parent = fixture_user (fixture, 1);
  Helper *child = fixture_fork (fixture, parent);

  /* Each makes the first semaphore since they are two. */
  helper_do (parent, "close 0");
  helper_open (child, 1, SSEM_ACCESS_MODE_OPEN, 5, TRUE, fixture->key);
  helper_open (parent, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, other_key);
  helper_open (child, 2, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, other_key);
  helper_open (parent, 2, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);

  helper_do (child, "acquire 1 1");
  helper_do (child, "release 2 1");
  helper_do (child, "release 1 1");
  helper_kill (child);
  g_assert_cmpint (helper_get_value (parent, 2), ==, 5);
  g_assert_cmpint (helper_get_value (parent, 1), ==, 1);
}

/* --- Who is attached --- */

/* A child that has not used it is no user: it keeps nothing alive, and nothing from being reset. */
static void
test_idle_child (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 2);
  Helper *child = fixture_fork (fixture, parent);
  Helper *next = fixture_helper (fixture);

  helper_do (parent, "close 0");
  fixture_assert_empty (fixture);

  /* After a crash as well. */
  helper_do (parent, "open 0 %d 2 1 %s", SSEM_ACCESS_MODE_OPEN, fixture->key);
  helper_kill (parent);
  helper_open (next, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 4, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (next, 0), ==, 4);
  helper_do (child, "close 0");
  g_assert_cmpint (helper_get_value (next, 0), ==, 4);
}

static void
test_idle_child_of_a_dead_parent (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 2);
  Helper *child = fixture_fork (fixture, parent);
  Helper *next = fixture_helper (fixture);

  helper_do (parent, "acquire 0 1");
  helper_kill (parent);
  helper_open (next, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 4, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (next, 0), ==, 4);

  /* The child's object is of that very semaphore, which has been taken over. */
  helper_do (child, "acquire 0 1");
  g_assert_cmpint (helper_get_value (next, 0), ==, 3);
}

/* The child itself may be the one that takes it over. */
static void
test_child_takes_over (Fixture *fixture)
{
  int lingers;

  for (lingers = 0; lingers < 2; lingers++)
    {
      Helper *other = fixture_user (fixture, 3);
      Helper *parent = fixture_user (fixture, 3);
      Helper *child;

      helper_do (parent, "acquire 0 1");
      if (lingers)
        helper_do (parent, "close 0");
      child = fixture_fork (fixture, parent);
      helper_kill (other);
      helper_kill (parent);

      helper_open (child, 1, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 7, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (child, 1), ==, 7);
      if (!lingers)
        g_assert_cmpint (helper_get_value (child, 0), ==, 7);
      helper_quit (child);
      fixture_assert_empty (fixture);
    }
}

/* What another has left under the key is not the child's, which neither gets it nor removes it. */
static void
test_leftover_of_another (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *parent = fixture_user (fixture, 3);
  Helper *child = fixture_fork (fixture, parent);
  Helper *other;

  helper_do (parent, "close 0");
  other = fixture_user (fixture, 5);
  helper_do (other, "acquire 0 2");
  helper_kill (other);

  helper_send (child, "try 0 1");
  helper_expect_error (child, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, 5);
  drop_object (&semaphore);
}

/* A child that could not open it at first is no two processes afterwards, through two objects. */
static void
test_out_of_descriptors_in_child (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Helper *parent = fixture_user (fixture, 3);
  Helper *child = fixture_fork (fixture, parent);

  helper_do (child, "files 0");
  helper_send_open (child, 1, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_expect_error (child, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  helper_do (child, "files 100");
  helper_open (child, 1, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_do (child, "acquire 0 1");
  helper_do (child, "release 1 1");
  helper_kill (child);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

/* The child's first use attaches it: it is the last user now. */
static void
test_child_is_a_user (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *parent = fixture_user (fixture, 4);
  Helper *child = fixture_fork (fixture, parent);

  g_assert_cmpint (helper_get_value (child, 0), ==, 4);
  helper_do (parent, "close 0");
  helper_do (child, "acquire 0 1");
  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 1, TRUE,
                                 &error);
  assert_code (error, ALREADY_EXISTS);
  g_assert_null (semaphore);
  g_assert_cmpint (helper_get_value (child, 0), ==, 3);
  helper_do (child, "close 0");
  fixture_assert_empty (fixture);
}

/* An object that goes in the child goes there only, used or not. */
static void
test_dropped_in_child (Fixture *fixture)
{
  int is_used;

  for (is_used = 0; is_used < 2; is_used++)
    {
      Helper *parent = fixture_user (fixture, 4);
      Helper *child;

      helper_do (parent, "acquire 0 1");
      child = fixture_fork (fixture, parent);
      if (is_used)
        helper_do (child, "release 0 2");
      helper_do (child, "close 0");
      g_assert_cmpint (helper_get_value (parent, 0), ==, is_used ? 5 : 3);
      helper_quit (child);
      helper_do (parent, "release 0 1");
      g_assert_cmpint (helper_get_value (parent, 0), ==, is_used ? 6 : 4);
      helper_quit (parent);
      fixture_assert_empty (fixture);
    }
}

/* Removed before the child came to use it. It must not get what another has made since. */
static void
test_removed_before_first_use (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 4);
  Helper *child = fixture_fork (fixture, parent);
  Helper *stranger;
  int i;

  helper_quit (parent);
  fixture_assert_empty (fixture);
  for (i = 0; i < 2; i++)
    {
      helper_send (child, "acquire 0 1");
      helper_expect_error (child, SSEM_SYSTEM_SEMAPHORE_ERROR,
                           SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
    }

  stranger = fixture_user (fixture, 7);
  helper_send (child, "release 0 1");
  helper_expect_error (child, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  g_assert_cmpint (helper_get_value (stranger, 0), ==, 7);

  /* Opening anew is what helps. */
  helper_open (child, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (child, "acquire 1 7");
  g_assert_cmpint (helper_get_value (stranger, 0), ==, 0);
}

static void
test_new_object_in_child (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 4);
  Helper *child = fixture_fork (fixture, parent);

  helper_open (child, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (child, "acquire 1 3");
  helper_do (child, "release 0 1");
  g_assert_cmpint (helper_get_value (parent, 0), ==, 2);
  helper_do (child, "close 1");
  g_assert_cmpint (helper_get_value (parent, 0), ==, 2);
  helper_kill (child);
  g_assert_cmpint (helper_get_value (parent, 0), ==, 4);
}

static void
test_set_key_in_child (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 4);
  Helper *child = fixture_fork (fixture, parent);

  helper_do (child, "set-key 0 0 9 of the child");
  g_assert_cmpint (helper_get_value (child, 0), ==, 9);
  g_assert_cmpint (helper_get_value (parent, 0), ==, 4);
  helper_do (parent, "acquire 0 1");
  helper_quit (child);
  g_assert_cmpint (helper_get_value (parent, 0), ==, 3);
}

/* --- Forking in the middle of things --- */

static void
check_among_threads (Fixture  *fixture,
                     gboolean  is_first_use)
{
  int i;

  for (i = 0; i < 40 && fixture_has_time (fixture); i++)
    {
      Helper *parent = fixture_user (fixture, 8);
      Helper *child;

      if (!is_first_use)
        {
          helper_do (parent, "async 0 2");
          helper_do (parent, "release 0 2");
        }
      helper_do (parent, "hammer 0 4");
      child = fixture_fork (fixture, parent);
      helper_do (child, "acquire 0 2");
      helper_do (child, "async 0 1");
      helper_open (child, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
      helper_do (child, "release 1 1");
      helper_do (child, "close 1");
      helper_do (child, "set-key 0 0 1 another");
      helper_quit (child);
      helper_do (parent, "calm");
      g_assert_cmpint (helper_get_value (parent, 0), ==, 8);
      helper_quit (parent);
      fixture_assert_empty (fixture);
    }
}

/* Whatever lock another thread of the parent had, the child must not wait for it. */
static void
test_among_threads (Fixture *fixture)
{
  check_among_threads (fixture, FALSE);
}

/* Nor for what a thread was about to set up for the first time. */
static void
test_among_first_uses (Fixture *fixture)
{
  check_among_threads (fixture, TRUE);
}

static atomic_bool is_enough;

static gpointer
change_key_again_and_again (gpointer data)
{
  SsemSystemSemaphore *semaphore = data;
  int i;

  for (i = 0; !atomic_load (&is_enough); i++)
    ssem_system_semaphore_set_key (semaphore, i % 2 == 0 ? "one" : "other", 1,
                                   SSEM_ACCESS_MODE_OPEN, NULL);

  return NULL;
}

/* The child drops an object that a thread of the parent's was just opening. */
static void
test_dropped_in_child_while_opened (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  GThread *thread;
  int i, status;

  atomic_store (&is_enough, FALSE);
  thread = g_thread_new ("opener", change_key_again_and_again, semaphore);
  for (i = 0; i < 40 && fixture_has_time (fixture); i++)
    {
      pid_t child = fork ();

      g_assert_cmpint (child, >=, 0);
      if (child == 0)
        {
          g_object_unref (semaphore);
          /* An end of its own would count what the thread has as lost. */
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

/* The queue of the parent, and the thread that serves it, are the parent's. */
static void
test_async_in_child (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 2);
  Helper *child;

  helper_do (parent, "async 0 1");
  child = fixture_fork (fixture, parent);
  helper_do (child, "async 0 1");
  g_assert_cmpint (helper_get_value (parent, 0), ==, 0);

  helper_send (child, "async 0 2");
  wait_until_blocked (fixture->backend, child->pid, 1);
  helper_kill (parent);
  helper_do (fixture_user (fixture, 0), "release 0 1");
  helper_expect_ok (child);
  g_assert_cmpint (helper_get_value (child, 0), ==, 0);
  helper_kill (child);
}

/* Also when the parent's thread waits at the moment of the fork. */
static void
test_async_pending (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 2);
  Helper *child;

  helper_do (parent, "begin 0 3");
  wait_until_blocked (fixture->backend, parent->pid, 1);
  child = fixture_fork (fixture, parent);
  helper_do (child, "async 0 1");
  helper_do (child, "async 0 1");
  g_assert_cmpint (helper_get_value (child, 0), ==, 0);

  /* The request is the parent's, and is served there. */
  helper_do (child, "release 0 3");
  helper_do (parent, "end 0");
  g_assert_cmpint (helper_get_value (child, 0), ==, 0);
  helper_kill (child);
  helper_kill (parent);
  helper_quit (fixture_user (fixture, 0));
}

/* The child is served when its parent dies. */
static void
test_parent_serves_child (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, 2);
  Helper *child;

  helper_do (parent, "acquire 0 2");
  child = fixture_fork (fixture, parent);
  helper_send (child, "acquire 0 2");
  wait_until_blocked (fixture->backend, child->pid, 1);
  helper_kill (parent);
  helper_expect_ok (child);
}

/* --- Siblings --- */

typedef struct
{
  pid_t pid;
  int commands_fd; /* it goes on when it reads a byte */
  int answers_fd;  /* it has written a byte when it has opened the key */
} Sibling;

/* A grandchild uses what its parent has opened, which was removed, and finds that. */
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

/* Children of one parent inherit the state of GLib's random numbers. Two semaphores with numbers from
 * there would be taken for one. */
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

static const Case cases[] = {
  { "child-holds-nothing", 0, test_child_holds_nothing },
  { "each-its-own", 0, test_each_its_own },
  { "child-releases", 0, test_child_releases },
  { "parent-created", 0, test_parent_created },
  { "both-create", 0, test_both_create },
  { "idle-child", 0, test_idle_child },
  { "idle-child-of-a-dead-parent", 0, test_idle_child_of_a_dead_parent },
  { "child-takes-over", 0, test_child_takes_over },
  { "leftover-of-another", 0, test_leftover_of_another },
  { "out-of-descriptors-in-child", NEEDS_LIMITS, test_out_of_descriptors_in_child },
  { "child-is-a-user", 0, test_child_is_a_user },
  { "dropped-in-child", 0, test_dropped_in_child },
  { "removed-before-first-use", 0, test_removed_before_first_use },
  { "new-object-in-child", 0, test_new_object_in_child },
  { "set-key-in-child", 0, test_set_key_in_child },
  { "among-threads", NEEDS_FORK_AMONG_THREADS, test_among_threads },
  { "dropped-in-child-while-opened", NEEDS_FORK_AMONG_THREADS, test_dropped_in_child_while_opened },
  { "async-in-child", NEEDS_FORK_AMONG_THREADS, test_async_in_child },
  { "async-pending", NEEDS_FORK_AMONG_THREADS, test_async_pending },
  { "parent-serves-child", 0, test_parent_serves_child },
  { "among-first-uses", NEEDS_FORK_AMONG_THREADS, test_among_first_uses },
  { "siblings", NEEDS_FILES, test_siblings },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "fork", cases);
}
