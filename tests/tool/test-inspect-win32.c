/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "helper.h"
#include "tool-win32.h"

#include <string.h>

/* `ssem list`, `show`, `watch`, `reset`, `remove` and `clean` on Windows. What they print is tested
 * on Linux, in test-inspect.py; here, that they see the semaphores of the session. */

#define STATUS_OK 0
#define STATUS_NOT_FOUND 3
#define STATUS_BUSY 4
#define STATUS_NOT_SUPPORTED 6

#define TEST_SECONDS 110

typedef struct
{
  char *key;
  SsemSystemSemaphore *semaphore; /* with two units; open during the whole test */
} Fixture;

static void
fixture_set_up (Fixture       *self,
                gconstpointer  data)
{
  g_autofree char *name_space = g_strdup_printf ("test %08x%08x", g_random_int (),
                                                 g_random_int ());
  g_autoptr(GError) error = NULL;

  helper_limit_lifetime (TEST_SECONDS);
  /* So that no other semaphore is listed. No such directory need exist. */
  g_setenv ("SSEM_RUNTIME_DIR", name_space, TRUE);
  self->key = g_strdup_printf ("inspect %08x", g_random_int ());
  self->semaphore = ssem_system_semaphore_new (self->key, 2, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                                               &error);
  g_assert_no_error (error);
}

static void
fixture_tear_down (Fixture       *self,
                   gconstpointer  data)
{
  g_clear_object (&self->semaphore);
  g_free (self->key);
  helper_limit_lifetime (0);
}

/* Runs `ssem ARGUMENTS`. Returns what it prints. */
static char *
run (const char *arguments,
     DWORD       status)
{
  g_autoptr(Program) program = program_start ("\"%s\" %s", g_getenv ("SSEM_TOOL"), arguments);
  g_autofree char *errors = NULL;
  char *output = NULL;
  DWORD found = program_end (program, &output, &errors);

  if (found != status)
    g_error ("ssem %s exits with %lu: %s", arguments, found, errors);
  g_assert_cmpint (*errors != '\0', ==, status != STATUS_OK);

  return output;
}

static void
assert_says (const char *output,
             const char *text)
{
  if (strstr (output, text) == NULL)
    g_error ("“%s” is not in: %s", text, output);
}

static void
test_list (Fixture       *self,
           gconstpointer  data)
{
  g_autofree char *used = NULL;
  g_autofree char *unused = NULL;

  g_assert_true (ssem_system_semaphore_acquire (self->semaphore, 1, NULL, NULL));
  used = run ("list --json", STATUS_OK);
  assert_says (used, self->key);
  assert_says (used, "\"value\" : 1");
  assert_says (used, "\"units-held\" : 1");
  assert_says (used, "\"attached\" : 1");
  g_assert_true (ssem_system_semaphore_release (self->semaphore, 1, NULL));

  g_clear_object (&self->semaphore);
  unused = run ("list --json", STATUS_OK);
  g_assert_null (strstr (unused, self->key));
}

/* A holder is shown with its process ID and its program. */
static void
test_show (Fixture       *self,
           gconstpointer  data)
{
  g_autofree char *arguments = g_strdup_printf ("show --json \"%s\"", self->key);
  g_autofree char *pid = g_strdup_printf ("\"pid\" : %lu", GetCurrentProcessId ());
  g_autofree char *shown = NULL;
  g_autofree char *absent = NULL;

  g_assert_true (ssem_system_semaphore_acquire (self->semaphore, 2, NULL, NULL));
  shown = run (arguments, STATUS_OK);
  assert_says (shown, pid);
  assert_says (shown, "\"command\" : \"test-inspect-win32.exe\"");
  assert_says (shown, "\"units\" : 2");
  g_assert_true (ssem_system_semaphore_release (self->semaphore, 2, NULL));

  g_clear_object (&self->semaphore);
  absent = run (arguments, STATUS_NOT_FOUND);
  g_assert_cmpstr (absent, ==, "");
}

static void
expect_line (Program    *program,
             const char *text)
{
  g_autofree char *line = program_read_line (program);

  assert_says (line, text);
}

static void
test_watch (Fixture       *self,
            gconstpointer  data)
{
  g_autoptr(Program) program = program_start ("\"%s\" watch --interval 0.05 \"%s\"",
                                              g_getenv ("SSEM_TOOL"), self->key);

  expect_line (program, "free=2 held=0");
  g_assert_true (ssem_system_semaphore_acquire (self->semaphore, 2, NULL, NULL));
  expect_line (program, "free=0 held=2");
  g_assert_true (ssem_system_semaphore_release (self->semaphore, 2, NULL));
  expect_line (program, "free=2 held=0");
  g_clear_object (&self->semaphore);
  expect_line (program, "gone ");
  program_kill (program);
}

static void
test_reset (Fixture       *self,
            gconstpointer  data)
{
  g_autofree char *arguments = g_strdup_printf ("reset \"%s\" 7", self->key);
  g_autofree char *of_qt = NULL;
  g_autofree char *output = run (arguments, STATUS_OK);
  g_autoptr(SsemSystemSemaphore) semaphore =
    ssem_system_semaphore_new_for_native_key ("windows:sem_test_inspect", 1,
                                              SSEM_ACCESS_MODE_OPEN, NULL);

  g_assert_cmpint (ssem_system_semaphore_get_value (self->semaphore, NULL), ==, 7);

  /* The system cannot set the value of its own semaphores. */
  g_assert_nonnull (semaphore);
  of_qt = run ("reset --native-key windows:sem_test_inspect 3", STATUS_NOT_SUPPORTED);
  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, 1);
}

/* Nothing is left over when the last process is gone, however it ended. */
static void
test_remove (Fixture       *self,
             gconstpointer  data)
{
  g_autofree char *arguments = g_strdup_printf ("remove \"%s\"", self->key);
  g_autofree char *busy = run (arguments, STATUS_BUSY);
  g_autofree char *nothing = NULL;
  g_autofree char *absent = NULL;

  g_clear_object (&self->semaphore);
  absent = run (arguments, STATUS_NOT_FOUND);
  nothing = run ("clean", STATUS_OK);
  g_assert_cmpstr (nothing, ==, "");
}

static void
add (const char *path,
     void     (* test) (Fixture *, gconstpointer))
{
  g_autofree char *whole = g_strconcat ("/ssem/tool-inspect/", path, NULL);

  g_test_add (whole, Fixture, NULL, fixture_set_up, test, fixture_tear_down);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("list", test_list);
  add ("show", test_show);
  add ("watch", test_watch);
  add ("reset", test_reset);
  add ("remove", test_remove);

  return g_test_run ();
}
