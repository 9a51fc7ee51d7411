/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The `ssem` command on Windows, with real commands, deaths and keys. */

#include "helper.h"
#include "tool-win32.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define TEST_SECONDS 110

#define STATUS_OF_CONFLICT        124
#define STATUS_OF_FAILURE         125
#define STATUS_NOT_EXECUTABLE     126
#define STATUS_NOT_FOUND          127

typedef struct
{
  char *key;
  char *tool;    /* quoted, for a command line */
  char *command; /* the same */
  SsemSystemSemaphore *semaphore; /* with two units; open during the whole test */
} Fixture;

static void
fixture_set_up (Fixture       *self,
                gconstpointer  data)
{
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "tool", "tool-command.exe", NULL);
  g_autoptr(GError) error = NULL;

  helper_limit_lifetime (TEST_SECONDS);
  self->key = g_strdup_printf ("run %08x %08x", g_random_int (), g_random_int ());
  self->tool = g_strdup_printf ("\"%s\"", g_getenv ("SSEM_TOOL"));
  self->command = g_strdup_printf ("\"%s\"", path);
  self->semaphore = ssem_system_semaphore_new (self->key, 2, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                                               &error);
  g_assert_no_error (error);
}

static void
fixture_tear_down (Fixture       *self,
                   gconstpointer  data)
{
  g_assert_finalize_object (self->semaphore);
  g_free (self->key);
  g_free (self->tool);
  g_free (self->command);
  helper_limit_lifetime (0);
}

/* Starts `ssem run KEY -- tool-command WHAT`. */
static Program *
run (Fixture    *self,
     const char *what)
{
  return program_start ("%s run \"%s\" -- %s %s", self->tool, self->key, self->command, what);
}

#define assert_value(self, value) \
  g_assert_cmpint (ssem_system_semaphore_get_value ((self)->semaphore, NULL), ==, (value))

/* --- Exit status --- */

static void
test_status (Fixture       *self,
             gconstpointer  data)
{
  const guint32 codes[] = { 0, 1, 7, 255, 256, 259, 70000, 0x7fffffff, 0xc0000005, 0xffffffff };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autofree char *what = g_strdup_printf ("exit %u", codes[i]);
      g_autofree char *errors = NULL;
      g_autoptr(Program) program = run (self, what);

      g_assert_cmphex (program_end (program, NULL, &errors), ==, codes[i]);
      g_assert_cmpstr (errors, ==, "");
      assert_value (self, 2);
    }
}

static void
assert_refused (Fixture    *self,
                const char *arguments,
                guint32     status,
                const char *said)
{
  g_autoptr(Program) program = program_start ("%s %s", self->tool, arguments);
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;

  g_assert_cmphex (program_end (program, &output, &errors), ==, status);
  g_assert_cmpstr (output, ==, "");
  g_assert_true (g_str_has_prefix (errors, "ssem: "));
  if (strstr (errors, said) == NULL)
    g_error ("“%s” says: %s", arguments, errors);
  assert_value (self, 2);
}

static void
test_no_command (Fixture       *self,
                 gconstpointer  data)
{
  const struct
  {
    const char *command;
    guint32 status;
  } cases[] = {
    { "no-such-command", STATUS_NOT_FOUND },
    { "no-such-command.exe", STATUS_NOT_FOUND },
    { "C:\\nowhere\\no-such-command.exe", STATUS_NOT_FOUND },
    { "nowhere/no-such-command", STATUS_NOT_FOUND },
    { "C:\\windows", STATUS_NOT_EXECUTABLE },
    { "text.txt", STATUS_NOT_EXECUTABLE },
    { "empty.exe", STATUS_NOT_EXECUTABLE },
    { "batch.cmd", STATUS_NOT_EXECUTABLE },
    { "batch.BAT", STATUS_NOT_EXECUTABLE },
    { "batch", STATUS_NOT_EXECUTABLE },
  };
  const char *files[] = { "text.txt", "empty.exe", "batch.cmd", "batch.BAT" };
  g_autofree char *directory = g_dir_make_tmp ("ssem-XXXXXX", NULL);
  g_autofree char *before = g_get_current_dir ();
  guint i;

  g_assert_nonnull (directory);
  g_assert_cmpint (g_chdir (directory), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (files); i++)
    g_assert_true (g_file_set_contents (files[i], i == 1 ? "" : "exit 5\r\n", -1, NULL));

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *arguments = g_strdup_printf ("run \"%s\" -- \"%s\"", self->key,
                                                    cases[i].command);

      assert_refused (self, arguments, cases[i].status, cases[i].command);
    }

  for (i = 0; i < G_N_ELEMENTS (files); i++)
    g_assert_cmpint (g_remove (files[i]), ==, 0);
  g_assert_cmpint (g_chdir (before), ==, 0);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

static void
test_wrong_usage (Fixture       *self,
                  gconstpointer  data)
{
  const char *arguments[] = {
    "run", "run k", "run k --", "run --units 0 k c", "run --wait -1 k c", "run --wait nan k c",
    "run --count 1 --units 2 k c", "run --wait 1 --nonblock k c",
    "run --conflict-exit-code 256 k c", "run --backend sysv k c", "run --no-such-option k c",
    "run \"\" c",
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (arguments); i++)
    assert_refused (self, arguments[i], STATUS_OF_FAILURE, "ssem: ");
  assert_refused (self, "", 2, "--help");
  assert_refused (self, "nonsense", 2, "nonsense");
}

/* The object of the key, by its exact name in the name space of the session. */
static void
test_native_key (Fixture       *self,
                 gconstpointer  data)
{
  g_autofree char *name = g_strdup_printf ("sem_%s", self->key);
  g_autofree char *native_key = g_strconcat ("windows:", name, NULL);
  g_autofree char *run = g_strdup_printf ("%s run --nonblock --units 2 --native-key "
                                          "\"windows:Local\\%s\" -- %s exit 7",
                                          self->tool, name, self->command);
  g_autoptr(SsemSystemSemaphore) semaphore =
    ssem_system_semaphore_new_for_native_key (native_key, 2, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                                              NULL);
  g_autoptr(Program) program = program_start ("%s", run);
  g_autoptr(Program) conflict = NULL;

  g_assert_nonnull (semaphore);
  g_assert_cmphex (program_end (program, NULL, NULL), ==, 7);
  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, 2);
  g_assert_true (ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL));
  conflict = program_start ("%s", run);
  g_assert_cmphex (program_end (conflict, NULL, NULL), ==, STATUS_OF_CONFLICT);

  assert_refused (self, "run --native-key systemv:/x c", STATUS_OF_FAILURE, "sysv");
  assert_refused (self, "run --native-key windows:x", STATUS_OF_FAILURE, "--help");
}

/* --- The command --- */

static void
test_arguments (Fixture       *self,
                gconstpointer  data)
{
  /* The text of the command line, and the argument. */
  const char *cases[][2] = {
    { "plain", "plain" },
    { "\"\"", "" },
    { "\"two words\"", "two words" },
    { "\"tab\there\"", "tab\there" },
    { "a\\b", "a\\b" },
    { "C:\\directory\\", "C:\\directory\\" },
    { "\"C:\\a directory\\\\\"", "C:\\a directory\\" },
    { "\\\"", "\"" },
    { "\"say \\\"hallo\\\" twice\"", "say \"hallo\" twice" },
    { "\"\\\\\\\"\"", "\\\"" },
    { "\"a \\\\\\\\\\\" b\"", "a \\\\\" b" },
    { "\\\\server\\share", "\\\\server\\share" },
    { "*.exe", "*.exe" },
    { "%PATH%", "%PATH%" },
    { "^&|<>()", "^&|<>()" },
    { "--json", "--json" },
    { "--", "--" },
    { "Grüße", "Grüße" },
    { "\"日本 語\"", "日本 語" },
    { "😀", "😀" },
  };
  g_autoptr(GString) line = g_string_new ("arguments");
  g_autoptr(Program) program = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    g_string_append_printf (line, " %s", cases[i][0]);
  program = run (self, line->str);
  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *got = program_read_line (program);
      g_autofree char *wanted = g_strdup_printf ("[%s]", cases[i][1]);

      g_assert_cmpstr (got, ==, wanted);
    }
  g_assert_cmpint (program_end (program, NULL, NULL), ==, 0);
}

static void
test_streams (Fixture       *self,
              gconstpointer  data)
{
  g_autoptr(Program) program = run (self, "copy");
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  DWORD n_written;

  g_assert_true (WriteFile (program->input, "some text\n", 10, &n_written, NULL));
  g_assert_cmpint (program_end (program, &output, &errors), ==, 0);
  g_assert_cmpstr (output, ==, "some text\n");
  g_assert_cmpstr (errors, ==, "copied\n");
}

/* The command is found by its name, with and without its extension, in a directory with a space. */
static void
test_path (Fixture       *self,
           gconstpointer  data)
{
  const char *names[] = { "our-command", "our-command.exe", "our.command", "Ünser" };
  g_autofree char *before = g_strdup (g_getenv ("PATH"));
  g_autofree char *directory = g_dir_make_tmp ("ssem with space XXXXXX", NULL);
  g_autofree char *path = g_strconcat (before, ";", directory, NULL);
  g_autofree char *original = g_strndup (self->command + 1, strlen (self->command) - 2);
  g_autofree gunichar2 *wide_original = g_utf8_to_utf16 (original, -1, NULL, NULL, NULL);
  guint i;

  g_assert_nonnull (directory);
  g_setenv ("PATH", path, TRUE);
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gboolean has_ending = g_str_has_suffix (names[i], ".exe");
      g_autofree char *copy = g_strconcat (directory, "\\", names[i], has_ending ? "" : ".exe", NULL);
      g_autofree gunichar2 *wide_copy = g_utf8_to_utf16 (copy, -1, NULL, NULL, NULL);
      g_autofree char *qualified = g_strconcat (directory, "/", names[i], NULL);
      const char *commands[] = { names[i], qualified };
      guint j;

      g_assert_true (CopyFileW ((LPCWSTR) wide_original, (LPCWSTR) wide_copy, FALSE));
      for (j = 0; j < G_N_ELEMENTS (commands); j++)
        {
          g_autoptr(Program) program = program_start ("%s run \"%s\" \"%s\" exit 5", self->tool,
                                                      self->key, commands[j]);

          g_assert_cmpint (program_end (program, NULL, NULL), ==, 5);
        }
      g_assert_cmpint (g_remove (copy), ==, 0);
    }
  g_setenv ("PATH", before, TRUE);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* --- Units --- */

static void
expect_ready (Program *program,
              DWORD   *first,
              DWORD   *second)
{
  g_autofree char *line = program_read_line (program);

  if (second != NULL)
    g_assert_cmpint (sscanf (line, "ready %lu %lu", first, second), ==, 2);
  else
    g_assert_cmpint (sscanf (line, "ready %lu", first), ==, 1);
}

static void
test_held_while_it_runs (Fixture       *self,
                         gconstpointer  data)
{
  g_autoptr(Program) both = NULL;
  g_autoptr(Program) one = run (self, "stay");
  DWORD pid;

  expect_ready (one, &pid, NULL);
  assert_value (self, 1);
  g_assert_cmpint (program_end (one, NULL, NULL), ==, 0);
  g_assert_false (is_alive (pid));
  assert_value (self, 2);

  /* Only for the first opener, --count counts. */
  both = program_start ("%s run --count 9 --units 2 \"%s\" %s stay", self->tool, self->key,
                        self->command);
  expect_ready (both, &pid, NULL);
  assert_value (self, 0);
  g_assert_cmpint (program_end (both, NULL, NULL), ==, 0);
  assert_value (self, 2);
}

/* A key with any characters is the same key for the library and for the command. */
static void
test_count (Fixture       *self,
            gconstpointer  data)
{
  g_autofree char *key = g_strconcat (self->key, " Schlüssel 鍵 /\\.. 😀", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(Program) program = NULL;
  g_autoptr(GError) error = NULL;
  DWORD pid;

  program = program_start ("%s run --count 5 --units 3 \"%s\" -- %s stay", self->tool, key,
                           self->command);
  expect_ready (program, &pid, NULL);
  semaphore = ssem_system_semaphore_new (key, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, 2);
  g_assert_cmpint (program_end (program, NULL, NULL), ==, 0);
  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, 5);
}

static void
test_conflict (Fixture       *self,
               gconstpointer  data)
{
  const char *options[] = { "--nonblock", "--wait 0", "--wait 0.01" };
  guint i;

  g_assert_true (ssem_system_semaphore_acquire (self->semaphore, 1, NULL, NULL));
  for (i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autoptr(Program) program = NULL;
      g_autoptr(Program) told = NULL;
      g_autofree char *output = NULL;
      g_autofree char *errors = NULL;

      program = program_start ("%s run --units 2 %s \"%s\" %s arguments ran", self->tool,
                               options[i], self->key, self->command);
      g_assert_cmpint (program_end (program, &output, &errors), ==, STATUS_OF_CONFLICT);
      g_assert_cmpstr (output, ==, "");
      g_assert_nonnull (strstr (errors, self->key));

      told = program_start ("%s run --units 2 %s --conflict-exit-code 77 \"%s\" %s exit 0",
                            self->tool, options[i], self->key, self->command);
      g_assert_cmpint (program_end (told, NULL, NULL), ==, 77);
      assert_value (self, 1);
    }
  g_assert_true (ssem_system_semaphore_release (self->semaphore, 1, NULL));
}

static gboolean
is_open_elsewhere (gpointer data)
{
  Fixture *self = data;
  g_autoptr(SsemSemaphoreInfo) info =
    ssem_semaphore_info_query (self->key, SSEM_BACKEND_DEFAULT, NULL);

  g_assert_nonnull (info);

  return ssem_semaphore_info_get_n_attached (info) > 1;
}

static void
test_waits_for_its_turn (Fixture       *self,
                         gconstpointer  data)
{
  g_autoptr(Program) program = NULL;

  g_assert_true (ssem_system_semaphore_acquire (self->semaphore, 2, NULL, NULL));
  g_assert_false (is_open_elsewhere (self));
  program = run (self, "exit 5");
  wait_for ("ssem to open the semaphore", is_open_elsewhere, self);
  assert_value (self, 0);
  g_assert_true (is_alive (program->pid));
  g_assert_true (ssem_system_semaphore_release (self->semaphore, 2, NULL));
  g_assert_cmpint (program_end (program, NULL, NULL), ==, 5);
  assert_value (self, 2);
}

/* --- Death --- */

static gboolean
is_empty (gpointer data)
{
  return !program_has_processes (data);
}

/* The command and its children end with `ssem`. */
static void
test_killed_with_its_command (Fixture       *self,
                              gconstpointer  data)
{
  g_autoptr(Program) program = run (self, "parent");
  DWORD command, child;

  expect_ready (program, &command, &child);
  g_assert_true (is_alive (command) && is_alive (child));
  program_kill (program);
  wait_for ("the command to die", is_empty, program);
  g_assert_false (is_alive (command) || is_alive (child));

  /* Its unit comes back. */
  assert_value (self, 2);
}

static gboolean
has_said_something (gpointer data)
{
  return program_has_said_something (data);
}

/* At any moment: no process that `ssem` has created stays, not even a suspended one. */
static void
test_killed_at_any_moment (Fixture       *self,
                           gconstpointer  data)
{
  int n_before = 0, n_after = 0, i;

  for (i = 0; i < 20; i++)
    {
      g_autoptr(Program) program = NULL;

      program = run (self, "stay");
      wait_for ("ssem to open the semaphore", is_open_elsewhere, self);
      if (i == 0)
        wait_for ("the command to start", has_said_something, program);
      else
        g_usleep (1000 << g_test_rand_int_range (0, 10));
      if (has_said_something (program))
        n_after++;
      else
        n_before++;
      program_kill (program);
      wait_for ("the command to die", is_empty, program);
      assert_value (self, 2);
    }
  g_test_message ("killed %d times before the command, %d times with it", n_before, n_after);
}

/* A process that the command leaves behind continues, and holds no units. */
static void
test_left_behind (Fixture       *self,
                  gconstpointer  data)
{
  g_autoptr(Program) program = run (self, "leave");
  DWORD command, left;

  expect_ready (program, &command, &left);
  g_assert_cmpint (program_end (program, NULL, NULL), ==, 0);
  assert_value (self, 2);
  g_assert_false (is_alive (command));
  g_assert_true (is_alive (left));
}

static gboolean
is_dead (gpointer data)
{
  return !is_alive (GPOINTER_TO_UINT (data));
}

/* A process that leaves the job continues. */
static void
test_broken_away (Fixture       *self,
                  gconstpointer  data)
{
  g_autoptr(Program) program = run (self, "break-away");
  DWORD command, left;
  HANDLE process;

  expect_ready (program, &command, &left);
  program_kill (program);
  wait_for ("the command to die", is_dead, GUINT_TO_POINTER (command));
  g_assert_true (is_alive (left));

  process = OpenProcess (PROCESS_TERMINATE, FALSE, left);
  g_assert_nonnull (process);
  g_assert_true (TerminateProcess (process, 1));
  CloseHandle (process);
}

static void
test_command_killed (Fixture       *self,
                     gconstpointer  data)
{
  g_autoptr(Program) program = run (self, "stay");
  HANDLE command;
  DWORD pid;

  expect_ready (program, &pid, NULL);
  command = OpenProcess (PROCESS_TERMINATE, FALSE, pid);
  g_assert_nonnull (command);
  g_assert_true (TerminateProcess (command, 0xdead));
  CloseHandle (command);
  g_assert_cmphex (program_end (program, NULL, NULL), ==, 0xdead);
  assert_value (self, 2);
}

/* --- Keys --- */

/* Returns FALSE where the system has no such key. */
static gboolean
press (Fixture *self,
       Program *program,
       DWORD    event)
{
  /* The program leaves its own console for the console of the other program. */
  g_autoptr(Program) finger = program_start ("%s press %lu %lu", self->command, event,
                                             program->pid);
  DWORD status = program_end (finger, NULL, NULL);

  if (status == 2)
    {
      g_test_skip ("this system cannot press that key");
      return FALSE;
    }
  g_assert_cmpint (status, ==, 0);

  return TRUE;
}

/* The command gets the key, and `ssem` waits for the command. */
static void
test_key (Fixture       *self,
          gconstpointer  data)
{
  DWORD event = GPOINTER_TO_UINT (data);
  g_autoptr(Program) program = run (self, "key");
  g_autofree char *wanted = g_strdup_printf ("key %lu", event);
  DWORD pid;
  int i;

  expect_ready (program, &pid, NULL);
  for (i = 0; i < 3; i++)
    {
      g_autofree char *line = NULL;

      if (!press (self, program, event))
        return;
      line = program_read_line (program);
      g_assert_cmpstr (line, ==, wanted);
    }
  assert_value (self, 1);
  g_assert_true (is_alive (program->pid));
  g_assert_cmpint (program_end (program, NULL, NULL), ==, 9);
  assert_value (self, 2);
}

/* A key ends an `ssem` that waits for units, and no acquired unit is lost. */
static void
test_key_ends_one_that_waits (Fixture       *self,
                              gconstpointer  data)
{
  DWORD event = GPOINTER_TO_UINT (data);
  g_autofree char *errors = NULL;
  g_autoptr(Program) program = NULL;
  gboolean is_pressed;
  DWORD status;

  g_assert_true (ssem_system_semaphore_acquire (self->semaphore, 2, NULL, NULL));
  program = run (self, "exit 5");
  wait_for ("ssem to open the semaphore", is_open_elsewhere, self);
  is_pressed = press (self, program, event);
  if (!is_pressed)
    g_assert_true (ssem_system_semaphore_release (self->semaphore, 2, NULL));
  status = program_end (program, NULL, &errors);
  g_assert_cmphex (status, ==, is_pressed ? STATUS_CONTROL_C_EXIT : 5);
  g_assert_cmpstr (errors, ==, "");
  if (is_pressed)
    g_assert_true (ssem_system_semaphore_release (self->semaphore, 2, NULL));
  assert_value (self, 2);
}

static void
add (const char *path,
     void     (* test) (Fixture *, gconstpointer),
     DWORD       event)
{
  g_autofree char *whole = g_strconcat ("/ssem/tool-run/", path, NULL);

  g_test_add (whole, Fixture, GUINT_TO_POINTER (event), fixture_set_up, test, fixture_tear_down);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* The names of the session, as users have them. */
  g_unsetenv ("SSEM_RUNTIME_DIR");

  add ("status", test_status, 0);
  add ("no-command", test_no_command, 0);
  add ("wrong-usage", test_wrong_usage, 0);
  add ("native-key", test_native_key, 0);
  add ("arguments", test_arguments, 0);
  add ("streams", test_streams, 0);
  add ("path", test_path, 0);
  add ("held-while-it-runs", test_held_while_it_runs, 0);
  add ("count", test_count, 0);
  add ("conflict", test_conflict, 0);
  add ("waits-for-its-turn", test_waits_for_its_turn, 0);
  add ("killed-with-its-command", test_killed_with_its_command, 0);
  add ("killed-at-any-moment", test_killed_at_any_moment, 0);
  add ("left-behind", test_left_behind, 0);
  add ("broken-away", test_broken_away, 0);
  add ("command-killed", test_command_killed, 0);
  add ("ctrl-c", test_key, CTRL_C_EVENT);
  add ("ctrl-break", test_key, CTRL_BREAK_EVENT);
  add ("ctrl-c-while-it-waits", test_key_ends_one_that_waits, CTRL_C_EVENT);
  add ("ctrl-break-while-it-waits", test_key_ends_one_that_waits, CTRL_BREAK_EVENT);

  return g_test_run ();
}
