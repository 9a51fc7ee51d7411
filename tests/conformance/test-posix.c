/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "stranger.h"

#include "system-call.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* What is promised of POSIX semaphores alone: their names, programs that use them without this
 * library, and what the system cannot do. script.h explains the scripts. */

/* The names of keys, written down. */
static void
test_names (Fixture *fixture)
{
  g_autofree char *plain = stranger_make_key (fixture);
  g_autofree char *letters = g_strnfill (251 - strlen (plain), 'x');
  g_autofree char *longest = g_strconcat (letters, plain, NULL);
  g_autofree char *too_long = g_strconcat ("y", longest, NULL);
  g_autofree char *too_long_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, too_long, -1);
  const struct { const char *before, *name_before; } keys[] = {
    { "", "/" },
    { " \n.~%ü€", "/ \n.~%ü€" },
    { ".", "/." },
    { "..", "/.." },
    { "/", "/ssem_%2F" },
    { "a/b", "/ssem_a%2Fb" },
    { "../../ü ", "/ssem_..%2F..%2F%C3%BC%20" },
    { "ssem_", "/ssem_ssem_" },
    { "ssem=", "/ssem_ssem%3D" },
    { "ssem-", "/ssem_ssem-" },
  };
  guint i;

  stranger_use_names_of_system (fixture);
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *key = g_strconcat (keys[i].before, plain, NULL);
      g_autofree char *name = g_strconcat (keys[i].name_before, plain, NULL);
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
      g_assert_no_error (error);
      if (!stranger_exists (name))
        g_error ("\"%s\" does not lead to \"%s\"", key, name);
      drop_object (&semaphore);
      g_assert_false (stranger_exists (name));
    }

  for (i = 0; i < 2; i++)
    {
      const char *key = i == 0 ? longest : too_long;
      g_autofree char *name = NULL;
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;
      GString *only_letters = g_string_new ("");
      const char *p;

      for (p = key; *p != '\0' && only_letters->len < 200; p++)
        {
          if (g_ascii_isalpha (*p))
            g_string_append_c (only_letters, *p);
        }
      name = i == 0 ? g_strconcat ("/", key, NULL)
                    : g_strconcat ("/ssem=", only_letters->str, too_long_hash, NULL);
      g_string_free (only_letters, TRUE);
      semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
      g_assert_no_error (error);
      g_assert_true (stranger_exists (name));
      drop_object (&semaphore);
      g_assert_false (stranger_exists (name));
    }
  stranger_use_own_names (fixture);
}

/* The directory of the environment leads away from the names that others find. */
static void
test_moved (Fixture *fixture)
{
  g_autofree char *key = stranger_make_key (fixture);
  g_autofree char *name = g_strconcat ("/", key, NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  g_assert_false (stranger_exists (name));
  g_assert_true (sem_open (name, 0) == SEM_FAILED);
  drop_object (&semaphore);
}

/* --- Joining --- */

static gboolean
waits_for_lock_cb (gpointer data)
{
  const Helper *helper = data;
  g_autofree char *thread = g_strdup_printf ("%d", (int) helper->pid);
  SystemCall call;

  return system_call_read (helper->pid, thread, &call) && call.kind == SYSTEM_CALL_FCNTL;
}

/* Two processes join a leftover at the same time. The one that waits for the attach lock has the
 * file open by then, but it does not use the semaphore, so the other one resets the leftover. */
static void
test_join_together (Fixture *fixture)
{
  struct flock attach_lock = {
    .l_type = F_WRLCK,
    .l_whence = SEEK_SET,
    .l_start = (off_t) 1 << 32,
    .l_len = 1,
  };
  Helper *user = fixture_open_helper (fixture, 3);
  Helper *joiners[] = { fixture_helper (fixture), fixture_helper (fixture) };
  g_autofree char *path = fixture_key_path (fixture);
  guint i;
  int fd;

  helper_run_expect_ok (user, "acquire 0 2");
  helper_kill (user);

  fd = open (path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &attach_lock), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (joiners); i++)
    {
      helper_send_open (joiners[i], 0, SSEM_ACCESS_MODE_JOIN, 5, TRUE, fixture->key);
      wait_for ("a joiner to wait for the attach lock", waits_for_lock_cb, joiners[i]);
    }
  close (fd);

  for (i = 0; i < G_N_ELEMENTS (joiners); i++)
    helper_expect_ok (joiners[i]);
  helper_run_expect_ok (joiners[0], "acquire 0 1");
  g_assert_cmpint (helper_get_value (joiners[1], 0), ==, 4);
}

/* --- Waiting --- */

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return left < right ? -1 : left > right;
}

static gpointer
cancel_later (gpointer data)
{
  gpointer *arguments = data;

  wait_until_blocked (SSEM_BACKEND_POSIX, getpid (), 1);
  *(gint64 *) arguments[1] = g_get_monotonic_time ();
  g_cancellable_cancel (arguments[0]);

  return NULL;
}

/* A cancelled wait, for one unit or for several, ends within 50 milliseconds: the lower quartile of
 * many, as a busy machine makes some later. */
static void
test_cancel (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int n, i;

  for (n = 1; n <= 2; n++)
    {
      g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));

      for (i = 0; i < 20; i++)
        {
          g_autoptr(GCancellable) cancellable = g_cancellable_new ();
          g_autoptr(GError) error = NULL;
          gint64 taken_usec = 0;
          gpointer arguments[] = { cancellable, &taken_usec };
          GThread *thread = g_thread_new ("cancel", cancel_later, arguments);

          assert_refused_by_gio (ssem_system_semaphore_acquire (semaphore, n, cancellable, &error),
                                 CANCELLED);
          taken_usec = g_get_monotonic_time () - taken_usec;
          g_thread_join (thread);
          g_array_append_val (times, taken_usec);
        }
      g_array_sort (times, compare_times);
      g_assert_cmpint (g_array_index (times, gint64, times->len / 4), <, 50000);
    }
  drop_object (&semaphore);
}

/* What the system cannot do is refused, and the property says that nothing comes back at death. */
static void
test_cannot (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GError) error = NULL;

  g_assert_false (ssem_system_semaphore_get_undo (semaphore));
  assert_refused_by_gio (ssem_semaphore_reset (fixture->key, 5, fixture->backend, &error),
                         NOT_SUPPORTED);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
}

/* --- Signals --- */

static SsemSystemSemaphore *handled;
static int n_handled;

static void
handle_signal (int number)
{
  n_handled += ssem_system_semaphore_try_acquire (handled, 1, NULL) ? 1 : 0;
  n_handled += ssem_system_semaphore_try_acquire (handled, 3, NULL) ? 10 : 0;
  n_handled += ssem_system_semaphore_release (handled, 4, NULL) ? 100 : 0;
}

/* A try and a release in a signal handler that interrupts anything, such as an acquire of several
 * units. */
static void
test_signals (Fixture *fixture)
{
  struct sigaction action = { .sa_handler = handle_signal };
  const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 8);
  struct sigaction before;
  int i;

  handled = semaphore;
  n_handled = 0;
  g_assert_cmpint (sigaction (SIGVTALRM, &action, &before), ==, 0);
  g_assert_cmpint (setitimer (ITIMER_VIRTUAL, &often, NULL), ==, 0);
  for (i = 0; i < 200000 && n_handled < 111 * 200; i++)
    {
      assert_acquire (semaphore, 4);
      assert_release (semaphore, 4);
    }
  g_assert_cmpint (setitimer (ITIMER_VIRTUAL, &never, NULL), ==, 0);
  g_assert_cmpint (sigaction (SIGVTALRM, &before, NULL), ==, 0);

  g_assert_cmpint (n_handled, >, 0);
  g_assert_cmpint (n_handled % 111, ==, 0);
  assert_value (semaphore, 8);
  drop_object (&semaphore);
}

/* What a process finds under a key that is unknown | that is live, with two of three units, and
 * what the other process then has | that is left over. */
static const char *const modes[] = {
  "a open OPEN 5; a value = 5 | a open OPEN 5; a value = 2; a release 1; b value = 3 |"
  " a open OPEN 5; a value = 2",
  "a open CREATE 5; a value = 5 | a open CREATE 5; a value = 5; a release 1; b value = 2 |"
  " a open CREATE 5; a value = 5",
  "a open OPEN_EXISTING 5 = NOT_FOUND | a open OPEN_EXISTING 5; a value = 2; b value = 2 |"
  " a open OPEN_EXISTING 5; a value = 2",
  "a open CREATE_EXCLUSIVE 5; a value = 5 |"
  " a open CREATE_EXCLUSIVE 5 = ALREADY_EXISTS; b value = 2 |"
  " a open CREATE_EXCLUSIVE 5; a value = 5",
  "a open JOIN 5; a value = 5 | a open JOIN 5; a value = 2; b value = 2 |"
  " a open JOIN 5; a value = 5",
  NULL,
};

static const char *const removals[] = { "COUNTER", NULL };

const char conformance_topic[] = "posix";
const Needs conformance_needs = NEEDS_POSIX;

const Case conformance_cases[] = {
  { "names", 0, test_names },
  { "moved", 0, test_moved },

  /* --- Modes --- */

  { "modes", .rows = modes, .script =
    "$1; a quit; b open OPEN 3; b acquire 1; $2; a quit; b quit; files 0;"
    "b open OPEN 3; b acquire 1; b kill; files 1; $3; a quit; files 0" },

  /* Those who are attached keep the old semaphore, waiters too, and serve each other. */
  { "create-splits", .script =
    "a open OPEN 1; b open OPEN; a acquire 1; b acquire 1 = blocks; c open CREATE 4; c value = 4;"
    "files 1; c release 1; b blocks; a value = 0; a release 1; b wakes; d open OPEN; d value = 5;"
    "a.1 open OPEN; a.1 value = 5; a value = 0; b release 1; a close; b close; files 1;"
    "c close; d close; a.1 close; files 0" },

  /* The process that replaces it has the old one and the new one. */
  { "create-in-one-process", .script =
    "a open OPEN 1; a.1 open CREATE 4; a value = 1; a.1 value = 4; a.2 open OPEN 9; a.2 value = 4;"
    "a close; a.1 value = 4; a.1 close; a.2 value = 4; files 1; a.2 close; files 0" },

  { "join-together", 0, test_join_together },

  /* A child cannot reach what has lost its name. */
  { "child-of-replaced", NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 1; a fork b; c open CREATE 4; b acquire 1 = NOT_FOUND; a acquire 1; a value = 0;"
    "b.1 open OPEN; b.1 value = 4" },

  /* One of them is the last, and all who come later share its semaphore. */
  { "create-race", .script =
    "repeat 50; a open CREATE 3 = later; b open CREATE 3 = later; c open CREATE 3 = later;"
    "a wakes; b wakes; c wakes; files 1; d open OPEN 9; d value = 3; d acquire 1; e open OPEN 9;"
    "e value = 2; a close; b close; c close; d close; e value = 2; e close; files 0; again" },

  /* --- End of life --- */

  { "creator-killed", .script =
    "a open OPEN 3; b open OPEN; c open OPEN; a acquire 1; a kill; b value = 2; b quit; files 1;"
    "c value = 2; c quit; files 0" },
  { "last-killed", .script =
    "a open OPEN 3; a acquire 1; a kill; files 1; b open OPEN 9; b value = 2; b quit; files 0" },

  /* One of them is still inside a wait of the object that it closes, or is about to end. */
  { "last-beside-waiting", .script =
    "repeat 20; a open OPEN; b open OPEN; a wait-in-thread 1; a blocks; a set-key OPEN 2 other;"
    "b close; files 1; a join-thread = NOT_FOUND; a close; files 0; again" },
  { "all-exit", .script =
    "repeat 100; a open OPEN 1; b open OPEN 1; c open OPEN 1; d open OPEN 1;"
    "a exit 0; b exit 0; c exit 0; d exit 0; files 0; again" },


  /* An acquire that need not wait does not notice a removal. */
  { "removed", .rows = removals, .script =
    "a open OPEN 5; b open OPEN 5; a acquire 5; b acquire 1 = blocks;"
    "c open OPEN; c acquire 2 = blocks; remove $1; b wakes = NOT_FOUND; c wakes = NOT_FOUND;"
    "a value = NOT_FOUND; a release 1; b acquire 1;"
    "d open OPEN 9; d value = 9; a close; b close; c close; d value = 9" },

  { "cancel", 0, test_cancel },

  /* --- Looking --- */

  { "leftover", .script =
    "a open OPEN 5; a acquire 2; a kill; w look attached 0 leftover 1 value 3 initial 5;"
    "w clear KEY; files 0; w look = NOT_FOUND; w list = 0; w clear KEY = NOT_FOUND" },
  { "cannot", 0, test_cannot },

  /* --- What the system cannot do --- */

  /* Nothing comes back; another process may make up for it. */
  { "death", .script =
    "w open OPEN 1; a open OPEN; b open OPEN; a acquire 1; b acquire 1 = blocks;"
    "a kill; w value = 0; b blocks; w release 1; b wakes; w value = 0" },

  /* The units are added one by one, and yet none where not all of them have room. */
  { "maximum", .script =
    "a open OPEN MAX-2; a release 3 = OUT_OF_RESOURCES; a value = MAX-2; a release 2;"
    "a value = MAX; a release 1 = OUT_OF_RESOURCES; a release 2 = OUT_OF_RESOURCES;"
    "a value = MAX; a acquire 2;"
    "a value = MAX-2" },

  { "signals", NEEDS_SIGNALS, test_signals },
  { NULL },
};
