/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "looking.h"
#include "refusals-win32.h"

#include <stdio.h>
#include <string.h>

/* Shared memory on Windows, in a process for which the system has no handles or no memory left. A
 * helper plays that process, the victim: the system refuses calls of the library in it. Opening and
 * looking fail then, with OUT_OF_RESOURCES, and change nothing. A wait gets its units all the same,
 * and so does a process for which the victim releases some. */

#define INITIAL 3    /* of the semaphore that is there */
#define REQUESTED 5  /* what the victim asks for when it opens */

#define MAX_ROUNDS 8

/* Enough for the two looks of a process that has begun to watch. */
#define N_BLIND_SLEEPS 20

/* What is there when the victim opens. */
typedef enum
{
  NOTHING,
  USED,     /* another process is attached, and holds a unit */
  LEFTOVER, /* the last process that was attached was killed, and another one holds a unit */
  N_SCENES,
} Scene;

static void
refuse (Helper     *victim,
        const char *name,
        int         n)
{
  helper_run_expect_ok (victim, "refuse %s %d %d", name, (int) ERROR_NO_SYSTEM_RESOURCES, n);
}

static int
ask (Helper     *helper,
     const char *command)
{
  g_autofree char *answer = NULL;
  int n;

  helper_send (helper, "%s", command);
  answer = helper_receive (helper);
  g_assert_cmpint (sscanf (answer, "ok %d", &n), ==, 1);

  return n;
}

/* Returns how many calls were refused. */
static int
grant (Helper *victim)
{
  helper_run_expect_ok (victim, "grant");

  return ask (victim, "refusals");
}

/* Has a victim do the same again and again. At first, parts of the process that are not the
 * library's may open handles, too; once they have done so, no more may stay open. */
static void
expect_no_leak (Fixture *fixture,
                void   (*func) (Fixture *fixture,
                                Helper  *victim))
{
  Helper *victim = fixture_helper (fixture);
  int round = 0, before, after;

  do
    {
      before = ask (victim, "handles");
      func (fixture, victim);
      after = ask (victim, "handles");
      g_assert_cmpint (round++, <, MAX_ROUNDS);
    }
  while (round == 1 || after > before);
}

static void
say_error (char *text,
           gsize size,
           int   code)
{
  g_snprintf (text, size, "error ssem-system-semaphore-error-quark %d ", code);
}

/* --- Opening --- */

/* Returns the value after opening, or a code of SSEM_SYSTEM_SEMAPHORE_ERROR, negative. */
static int
get_outcome (Scene          scene,
             SsemAccessMode mode)
{
  if (mode == SSEM_ACCESS_MODE_OPEN_EXISTING && scene == NOTHING)
    return -SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;
  if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && scene == USED)
    return -SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS;
  if (scene == NOTHING || mode == SSEM_ACCESS_MODE_CREATE ||
      mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE ||
      (mode == SSEM_ACCESS_MODE_JOIN && scene == LEFTOVER))
    return REQUESTED;

  return INITIAL - 1;
}

static void
set_scene (Fixture *fixture,
           Helper  *neighbour,
           Scene    scene)
{
  Helper *last;

  if (scene == NOTHING)
    return;
  helper_open (neighbour, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
  helper_run_expect_ok (neighbour, "acquire 0 1");
  if (scene == LEFTOVER)
    {
      last = fixture_open_helper (fixture, 0);
      helper_run_expect_ok (neighbour, "close 0");
      helper_kill (last);
    }
}

/* All is as it was before the victim tried to open. */
static void
check_scene (Fixture *fixture,
             Scene    scene)
{
  g_autoptr(SsemSemaphoreInfo) info = NULL;

  if (scene == NOTHING)
    {
      assert_not_found (fixture);
      return;
    }
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, INITIAL - 1);
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, INITIAL);
  g_assert_cmpint (ssem_semaphore_info_get_n_attached (info), ==, scene == USED);
}

/* Without knowing who is alive, the victim takes all for alive. */
static gboolean
is_in_doubt (Scene          scene,
             SsemAccessMode mode,
             const char    *answer,
             int            value)
{
  char existing[64];

  say_error (existing, sizeof existing, SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS);

  return scene == LEFTOVER &&
         ((mode == SSEM_ACCESS_MODE_JOIN && value == INITIAL - 1) ||
          (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && g_str_has_prefix (answer, existing)));
}

/* Opens with the @n-th call refused. Returns whether there was such a call. Sets *@is_open to
 * whether the victim has changed the scene. */
static gboolean
open_refused (Fixture        *fixture,
              Helper         *victim,
              Scene           scene,
              SsemAccessMode  mode,
              int             n,
              gboolean       *is_open)
{
  int outcome = get_outcome (scene, mode), value = 0, n_refused;
  g_autofree char *answer = NULL;
  char refusal[64], expected[64] = "ok";

  say_error (refusal, sizeof refusal, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  if (outcome < 0)
    say_error (expected, sizeof expected, -outcome);

  refuse (victim, REFUSALS_ANY, n);
  helper_send_open (victim, 0, mode, REQUESTED, TRUE, fixture->key);
  answer = helper_receive (victim);
  n_refused = grant (victim);
  *is_open = g_str_equal (answer, "ok");

  if (n_refused == 0 || *is_open)
    g_assert_true (g_str_has_prefix (answer, expected) ||
                   is_in_doubt (scene, mode, answer, helper_get_value (victim, 0)));
  else if (!g_str_has_prefix (answer, expected) && !is_in_doubt (scene, mode, answer, 0))
    g_assert_true (g_str_has_prefix (answer, refusal) && strstr (answer, "windows-refused"));

  if (*is_open)
    {
      value = helper_get_value (victim, 0);
      if (!is_in_doubt (scene, mode, answer, value))
        g_assert_cmpint (value, ==, outcome);
      helper_run_expect_ok (victim, "close 0");
    }
  else
    {
      check_scene (fixture, scene);
    }

  return n_refused > 0;
}

static void
open_with_each_refused (Fixture        *fixture,
                        Scene           scene,
                        SsemAccessMode  mode,
                        Helper         *neighbour,
                        Helper         *victim)
{
  gboolean is_set = FALSE, is_open, is_refused;
  int n = 0;

  do
    {
      if (!is_set)
        set_scene (fixture, neighbour, scene);
      is_refused = open_refused (fixture, victim, scene, mode, n++, &is_open);
      is_set = !is_open;
      if (is_open && scene == USED)
        helper_run_expect_ok (neighbour, "close 0");
    }
  while (is_refused);

  /* At least the anchor and the segment. */
  g_assert_cmpint (n, >, 3);
  if (is_set && scene == USED)
    helper_run_expect_ok (neighbour, "close 0");
}

static void
open_in_every_way (Fixture *fixture,
                   Helper  *victim)
{
  Helper *neighbour = fixture->helpers->pdata[0];
  SsemAccessMode mode;
  Scene scene;

  for (scene = NOTHING; scene < N_SCENES; scene++)
    {
      for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_JOIN; mode++)
        open_with_each_refused (fixture, scene, mode, neighbour, victim);
    }
}

static void
test_open (Fixture *fixture)
{
  fixture_helper (fixture);
  expect_no_leak (fixture, open_in_every_way);
}

/* The first time, a process finds out who its user is, and may do so later. */
static void
test_first_open (Fixture *fixture)
{
  Helper *neighbour = fixture_helper (fixture);
  gboolean is_open, is_refused;
  int n = 0;

  set_scene (fixture, neighbour, USED);
  do
    {
      Helper *victim = fixture_helper (fixture);

      is_refused = open_refused (fixture, victim, USED, SSEM_ACCESS_MODE_OPEN, n++, &is_open);
      helper_open (victim, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (victim, 0), ==, INITIAL - 1);
      helper_kill (victim);
    }
  while (is_refused);
  g_assert_cmpint (n, >, 6);
}

/* Whatever the system calls it, there is too little of something. */
static void
test_errors (Fixture *fixture)
{
  static const int errors[] = {
    ERROR_TOO_MANY_OPEN_FILES,
    ERROR_NOT_ENOUGH_MEMORY,
    ERROR_OUTOFMEMORY,
    ERROR_DISK_FULL,
    ERROR_NO_SYSTEM_RESOURCES,
    ERROR_PAGEFILE_QUOTA,
    ERROR_COMMITMENT_LIMIT,
    ERROR_NOT_ENOUGH_QUOTA,
  };
  Helper *victim = fixture_helper (fixture);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      helper_run_expect_ok (victim, "refuse CreateFileMappingW %d %d", errors[i], REFUSALS_ALL);
      helper_send_open (victim, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
      helper_expect_code (victim, OUT_OF_RESOURCES);
    }
  g_assert_cmpint (grant (victim), ==, 1);
}

/* --- Waiting --- */

static gboolean
has_waiter (gpointer data)
{
  g_autoptr(SsemSemaphoreInfo) info = look (data);

  return ssem_semaphore_info_get_n_waiters (info) == 1;
}

/* The victim waits in a thread, so that its helper can obey meanwhile. */
static void
begin_wait (Fixture    *fixture,
            Helper     *victim,
            const char *name,
            int         n)
{
  refuse (victim, name, n);
  helper_run_expect_ok (victim, "begin 0 1");
  wait_for ("a waiter", has_waiter, fixture);
}

static void
end_wait (Helper *victim)
{
  helper_run_expect_ok (victim, "end 0");
  grant (victim);
  helper_run_expect_ok (victim, "release 0 1");
  helper_run_expect_ok (victim, "close 0");
}

typedef void (* RefusalFunc) (Fixture    *fixture,
                              Helper     *victim,
                              const char *name);

/* Calls @func for each function that can be refused, and for all of them. */
static void
for_each_refusal (Fixture     *fixture,
                  Helper      *victim,
                  RefusalFunc  func)
{
  const char *name;
  guint i;

  for (i = 0; (name = refusals_get_name (i)) != NULL; i++)
    func (fixture, victim, name);
  func (fixture, victim, REFUSALS_ANY);
}

static void
wait_for_release (Fixture    *fixture,
                  Helper     *victim,
                  const char *name)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);

  assert_acquire (semaphore, 1);
  helper_open (victim, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  begin_wait (fixture, victim, name, REFUSALS_ALL);
  assert_release (semaphore, 1);
  end_wait (victim);
  drop_object (&semaphore);
}

static void
wait_for_releases (Fixture *fixture,
                   Helper  *victim)
{
  for_each_refusal (fixture, victim, wait_for_release);
}

static void
test_wait_for_release (Fixture *fixture)
{
  expect_no_leak (fixture, wait_for_releases);
}

static void
wait_for_death_with (Fixture    *fixture,
                     Helper     *victim,
                     const char *name,
                     int         n)
{
  Helper *holder = fixture_open_helper (fixture, 1);

  helper_run_expect_ok (holder, "acquire 0 1");
  helper_open (victim, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  begin_wait (fixture, victim, name, n);
  helper_kill (holder);
  /* Where nobody can be watched or asked about, the units come back when the system grants that. */
  if (g_str_equal (name, REFUSALS_ANY))
    g_assert_cmpint (grant (victim), >, 0);
  end_wait (victim);
}

static void
wait_for_death (Fixture    *fixture,
                Helper     *victim,
                const char *name)
{
  wait_for_death_with (fixture, victim, name, REFUSALS_ALL);
}

static void
wait_for_deaths (Fixture *fixture,
                 Helper  *victim)
{
  for_each_refusal (fixture, victim, wait_for_death);
  /* The victim learns who arrives, and cannot wait for the process that is there. */
  wait_for_death_with (fixture, victim, "RegisterWaitForSingleObject", 1);
}

static void
test_wait_for_death (Fixture *fixture)
{
  expect_no_leak (fixture, wait_for_deaths);
}

static gboolean
has_looked_often (gpointer data)
{
  return ask (data, "refusals") > N_BLIND_SLEEPS;
}

/* A process that watches for deaths has no handle to the holder, and cannot be woken. So it looks
 * for the dead itself, again and again. */
static void
test_blind (Fixture *fixture)
{
  Helper *victim = fixture_helper (fixture);
  Helper *holder;

  /* From then on it has all that it needs to watch. */
  wait_for_death (fixture, victim, "OpenProcess");

  holder = fixture_open_helper (fixture, 1);
  helper_run_expect_ok (holder, "acquire 0 1");
  helper_open (victim, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  begin_wait (fixture, victim, "CreateEventW,OpenProcess", REFUSALS_ALL);
  wait_for ("the first looks", has_looked_often, victim);
  helper_kill (holder);
  end_wait (victim);
}

/* A time that passes, and units that are not there. */
static void
test_no_units (Fixture *fixture)
{
  Helper *holder = fixture_open_helper (fixture, 1);
  Helper *victim = fixture_open_helper (fixture, 1);

  helper_run_expect_ok (holder, "acquire 0 1");
  refuse (victim, REFUSALS_ANY, REFUSALS_ALL);
  helper_send (victim, "timeout 0 1 50000");
  helper_expect_error (victim, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_send (victim, "try 0 1");
  helper_expect_error (victim, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_cmpint (helper_get_value (victim, 0), ==, 0);
  g_assert_cmpint (grant (victim), >, 0);
  helper_run_expect_ok (holder, "release 0 1");
  g_assert_cmpint (helper_get_value (victim, 0), ==, 1);
}

/* --- Releasing --- */

/* Two wait, and are served, although the victim may wake nobody. */
static void
release_refused (Fixture    *fixture,
                 Helper     *victim,
                 const char *name)
{
  Helper *const waiters[] = { fixture->helpers->pdata[0], fixture->helpers->pdata[1] };
  guint i;

  helper_open (victim, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  helper_run_expect_ok (victim, "acquire 0 2");
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      helper_open (waiters[i], 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      helper_send (waiters[i], "acquire 0 1");
      wait_until_blocked (fixture->backend, waiters[i]->pid, 1);
    }
  refuse (victim, name, REFUSALS_ALL);
  helper_run_expect_ok (victim, "release 0 2");
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      helper_expect_ok (waiters[i]);
      helper_run_expect_ok (waiters[i], "release 0 1");
      helper_run_expect_ok (waiters[i], "close 0");
    }
  helper_run_expect_ok (victim, "close 0");
  grant (victim);
}

static void
release_in_every_way (Fixture *fixture,
                      Helper  *victim)
{
  for_each_refusal (fixture, victim, release_refused);
}

static void
test_release (Fixture *fixture)
{
  fixture_helper (fixture);
  fixture_helper (fixture);
  expect_no_leak (fixture, release_in_every_way);
}

/* --- Looking --- */

/* Sends the command with each call refused. It fails with OUT_OF_RESOURCES, or answers as without
 * any refusal. */
static void
look_refused (Helper     *victim,
              const char *command,
              const char *expected)
{
  char refusal[64];
  int n = 0;

  say_error (refusal, sizeof refusal, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  do
    {
      g_autofree char *answer = NULL;

      refuse (victim, REFUSALS_ANY, n++);
      helper_send (victim, "%s", command);
      answer = helper_receive (victim);
      if (!g_str_has_prefix (answer, refusal))
        g_assert_true (g_str_has_prefix (answer, expected));
    }
  while (grant (victim) > 0);
  g_assert_cmpint (n, >, 3);
}

static void
look_in_every_way (Fixture *fixture,
                   Helper  *victim)
{
  g_autofree char *key = g_strescape (fixture->key, NULL);
  g_autofree char *look_command = g_strdup_printf ("look %s", key);
  g_autofree char *clear_command = g_strdup_printf ("clear %s", key);
  g_autofree char *busy = g_strdup_printf ("error g-io-error-quark %d ", G_IO_ERROR_BUSY);

  look_refused (victim, "list", "ok 1");
  look_refused (victim, look_command,
                "ok value=2 initial=3 attached=1 waiters=0 held=1 holders=1 leftover=0");
  look_refused (victim, clear_command, busy);
}

static void
test_look (Fixture *fixture)
{
  Helper *holder = fixture_open_helper (fixture, INITIAL);

  helper_run_expect_ok (holder, "acquire 0 1");
  expect_no_leak (fixture, look_in_every_way);
}

const char conformance_topic[] = "windows-refused";
const Needs conformance_needs = NEEDS_SHARED_MEMORY;

const Case conformance_cases[] = {
  { "open", 0, test_open },
  { "first-open", 0, test_first_open },
  { "errors", 0, test_errors },
  { "wait-for-release", 0, test_wait_for_release },
  { "wait-for-death", 0, test_wait_for_death },
  { "blind", 0, test_blind },
  { "no-units", 0, test_no_units },
  { "release", 0, test_release },
  { "look", 0, test_look },
  { NULL },
};
