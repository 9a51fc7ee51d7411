/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "looking.h"

#include <unistd.h>

/* System V counts attached processes only where the kernel lists locks under the number of their
 * file system; elsewhere the count is -1. */
static void
assert_attached (Fixture           *fixture,
                 SsemSemaphoreInfo *info,
                 int                n)
{
  int found = ssem_semaphore_info_get_n_attached (info);

  if (!fixture_supports (fixture, NEEDS_SYSV) || found != -1)
    g_assert_cmpint (found, ==, n);
  g_assert_cmpint (ssem_semaphore_info_is_leftover (info), ==, n == 0);
}

/* The count is -1 where the backend does not count. */
static void
assert_waiters (Fixture           *fixture,
                SsemSemaphoreInfo *info,
                int                n)
{
  g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==,
                   fixture_supports (fixture, NEEDS_WAITER_COUNT) ? n : -1);
}

/* Looking at a semaphore from outside: its figures, listing, removing leftovers, resetting. A look
 * must disturb nobody. script.h explains the scripts. */

static void
test_unknown (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  assert_not_found (fixture);
  g_assert_null (ssem_semaphore_info_query ("", fixture->backend, &error));
  assert_code (error, KEY_ERROR);
  fixture_assert_empty (fixture);
}

static void
test_figures (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  GPtrArray *holders;

  assert_acquire (semaphore, 2);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, 5);
  assert_waiters (fixture, info, 0);
  assert_attached (fixture, info, 1);

  holders = ssem_semaphore_info_get_holders (info);
  if (fixture_supports (fixture, NEEDS_HOLDERS))
    {
      gint64 after = g_get_real_time () / G_USEC_PER_SEC;
      GDateTime *since;

      g_assert_cmpuint (holders->len, ==, 1);
      g_assert_cmpint (ssem_process_info_get_pid (holders->pdata[0]), ==, getpid ());
      g_assert_cmpint (ssem_process_info_get_units (holders->pdata[0]), ==, 2);
      g_assert_nonnull (ssem_process_info_get_command (holders->pdata[0]));
      since = ssem_process_info_get_since (holders->pdata[0]);
      g_assert_nonnull (since);
      /* The kernel's coarse clock may be a tick behind. */
      g_assert_cmpint (g_date_time_to_unix (since), >=, before - 1);
      g_assert_cmpint (g_date_time_to_unix (since), <=, after);
      g_assert_cmpuint (ssem_semaphore_info_get_waiters (info)->len, ==, 0);
    }
  else
    {
      g_assert_null (holders);
      g_assert_null (ssem_semaphore_info_get_waiters (info));
    }

  /* A snapshot: what happens later does not change it. */
  assert_release (semaphore, 2);
  drop_object (&semaphore);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
  assert_not_found (fixture);
}

/* The time of an acquire on the fast path right after a release is unknown: it does not look at the
 * clock. */
static void
test_since_unknown (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autoptr(SsemSemaphoreInfo) info = NULL;

  assert_acquire (semaphore, 1);
  assert_release (semaphore, 1);
  assert_acquire (semaphore, 3);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, 3);
  g_assert_null (ssem_process_info_get_since (ssem_semaphore_info_get_holders (info)->pdata[0]));
  drop_object (&semaphore);
}

static void
test_waiters (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *helper = fixture_open_helper (fixture, 0);
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  SsemSemaphoreInfo *info;
  GPtrArray *waiters;

  helper_send (helper, "acquire 0 3");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  info = look (fixture);
  assert_waiters (fixture, info, 1);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 1);
  waiters = ssem_semaphore_info_get_waiters (info);
  if (fixture_supports (fixture, NEEDS_HOLDERS))
    {
      g_assert_cmpuint (waiters->len, ==, 1);
      g_assert_cmpint (ssem_process_info_get_pid (waiters->pdata[0]), ==, helper->pid);
      g_assert_cmpint (ssem_process_info_get_units (waiters->pdata[0]), ==, 3);
      /* The kernel's coarse clock may be a tick behind. */
      g_assert_cmpint (g_date_time_to_unix (ssem_process_info_get_since (waiters->pdata[0])),
                       >=, before - 1);
    }
  else
    {
      g_assert_null (waiters);
    }
  ssem_semaphore_info_unref (info);

  /* A dead one waits no more. */
  helper_kill (helper);
  info = look (fixture);
  assert_waiters (fixture, info, 0);
  ssem_semaphore_info_unref (info);
  drop_object (&semaphore);
}

/* --- Listing --- */

static void
test_list (Fixture *fixture)
{
  const char *suffixes[] = { "c", "a", "b/../ü" };
  const char *sorted[] = { "a", "b/../ü", "c" };
  SsemSystemSemaphore *semaphores[G_N_ELEMENTS (suffixes)];
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GPtrArray) all = NULL;
  g_autoptr(GError) error = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *key = g_strconcat (fixture->key, suffixes[i], NULL);

      semaphores[i] = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, i, TRUE, &error);
      g_assert_no_error (error);
    }

  infos = ssem_semaphore_info_list (fixture->backend, &error);
  g_assert_no_error (error);
  all = ssem_semaphore_info_list (SSEM_BACKEND_DEFAULT, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, ==, G_N_ELEMENTS (sorted));
  /* A list of all backends has those alone that are linked in. */
  g_assert_cmpuint (all->len, ==,
                    fixture->backend == SSEM_BACKEND_ETCD ? 0 : G_N_ELEMENTS (sorted));
  for (i = 0; i < infos->len; i++)
    {
      g_autofree char *key = g_strconcat (fixture->key, sorted[i], NULL);

      g_assert_cmpstr (ssem_semaphore_info_get_key (infos->pdata[i]), ==, key);
      g_assert_cmpint (ssem_semaphore_info_get_backend (infos->pdata[i]), ==, fixture->backend);
      if (all->len > 0)
        g_assert_cmpstr (ssem_semaphore_info_get_key (all->pdata[i]), ==, key);
    }

  for (i = 0; i < G_N_ELEMENTS (suffixes); i++)
    drop_object (&semaphores[i]);
  assert_n_listed (fixture, 0);
}

const char conformance_topic[] = "info";
const Needs conformance_needs = NEEDS_INSPECT;

const Case conformance_cases[] = {
  { "unknown", 0, test_unknown },
  { "figures", 0, test_figures },
  { "since-unknown", NEEDS_SHARED_MEMORY, test_since_unknown },

  /* Units acquired without undo have no holder, and a process that has released what it acquired,
   * or more, is none. Nor is a dead process, though only this look has found that out. */
  { "holders", NEEDS_UNDO, .script =
    "w open OPEN 10; a open OPEN; a acquire 1; b open OPEN; b acquire 2; c open OPEN; c acquire 3;"
    "w look holders 3 held 6 held-by.a 1 held-by.b 2 held-by.c 3;"
    "a.1 open OPEN no-undo; a.1 acquire 1;"
    "w look holders 3 held 6 held-by.a 1 held-by.b 2 held-by.c 3;"
    "a release 1; w look holders 2 held 5 held-by.b 2 held-by.c 3;"
    "a release 1; w look holders 2 held 5 held-by.b 2 held-by.c 3;"
    "c kill; w look holders 1 held 2 held-by.b 2 value 8 attached 3; w value = 8" },

  /* A process that has closed the key holds on, and is not attached. */
  { "lingerer", NEEDS_UNDO, .script =
    "w open OPEN 10; a open OPEN; a acquire 4; a close;"
    "w look holders 1 held 4 held-by.a 4 attached 1 value 6; a kill; w look holders 0 held 0" },

  { "waiters", 0, test_waiters },
  { "list", 0, test_list },

  /* A process that looks at a semaphore that it uses must not lose its own locks by that: to others
   * it lives, and holds. */
  { "keeps-own-locks", .script =
    "a open OPEN 5; a try 2; repeat 3; a look attached 1 leftover 0; a list = 1; again;"
    "b open CREATE_EXCLUSIVE 1 = ALREADY_EXISTS; b open OPEN 1; b value = 3" },

  /* The figures of one look need not be of the same moment; but each has been true. */
  { "while-used", .script =
    "w open OPEN 5; a open OPEN; a hammer 1; b open OPEN; b hammer 1;"
    "repeat 100; w look value 3..5 held 0..2 attached 3 leftover 0; again;"
    "a calm; b calm; w value = 5" },

  /* --- Leftovers --- */

  /* A look does not attach, so that the leftover can be removed after it. */
  { "leftover", NEEDS_LEFTOVERS, .script =
    "a open OPEN 5; a acquire 2; a kill; w look attached 0 leftover 1 value 5 holders 0 held 0;"
    "w clear KEY; files 0; w look = NOT_FOUND; w list = 0; w clear KEY = NOT_FOUND" },

  /* What a process uses is no leftover, to the process itself as little as to others. */
  { "remove-in-use", .script =
    "a open OPEN 5; a try 2; a clear KEY = BUSY; w clear KEY = BUSY; a value = 3;"
    "b open OPEN; a close; a clear KEY = BUSY; b acquire 1; b value = 2" },

  /* A reset wakes whom the new value can serve, and forgets what was held before. */
  { "reset", NEEDS_RESET, .script =
    "w open OPEN 5; a open OPEN; b open OPEN; a acquire 4; b acquire 3 = blocks; w reset 7 KEY;"
    "b wakes; w look holders 1 held 3 held-by.b 3 value 4 initial 7 attached 3 leftover 0;"
    "a kill; w value = 4; w reset -1 KEY = INVALID_ARGUMENT; w value = 4" },

  /* A semaphore that nobody uses is not reset but removed. */
  { "reset-unused", NEEDS_RESET | NEEDS_LEFTOVERS, .script =
    "w reset 1 KEY = NOT_FOUND; a open OPEN 5; a kill; w reset 1 KEY;"
    "w look = NOT_FOUND; w list = 0" },
  { NULL },
};
