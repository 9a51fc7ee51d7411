/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The file by which shared memory knows that a process is alive: DIRECTORY/processes/ID, locked as
 * long as the process lives. The system calls that make it are stopped and killed one by one in
 * test-naming.c. script.h explains the scripts. */

#define INITIAL 5

/* A name that no process of the test has, as far as chance goes. */
#define PLANTED "0123456789ab"

static guint
count_processes (Fixture *fixture)
{
  g_auto(GStrv) names = fixture_list_processes (fixture);
  guint n = 0;
  guint i;

  for (i = 0; names[i] != NULL; i++)
    n += fixture_is_process (fixture, names[i]) ? 1 : 0;

  return n;
}

static void
assert_n_files (Fixture *fixture,
                guint    n)
{
  g_auto(GStrv) names = fixture_list_processes (fixture);
  g_autofree char *text = g_strjoinv (" ", names);

  if (g_strv_length (names) != n)
    g_error ("%u process files, not %u: %s", g_strv_length (names), n, text);
}

/* Returns the path of the only file. */
static char *
find_file (Fixture *fixture)
{
  g_auto(GStrv) names = fixture_list_processes (fixture);

  g_assert_cmpuint (g_strv_length (names), ==, 1);

  return g_build_filename (fixture->keys_directory, "processes", names[0], NULL);
}

/* --- One for each process --- */

static void
test_one_file (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, INITIAL);
  g_autofree char *path = find_file (fixture);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *again = NULL;
  struct stat found;

  /* 48 bits in hexadecimal. */
  g_assert_cmpuint (strlen (name), ==, 12);
  g_assert_cmpuint (strspn (name, "0123456789abcdef"), ==, 12);
  g_assert_true (fixture_is_process (fixture, name));
  g_assert_cmpint (g_stat (path, &found), ==, 0);
  g_assert_cmpint (found.st_uid, ==, geteuid ());
  g_assert_cmphex (found.st_mode & 07777, ==, 0600);

  /* However many semaphores and objects it has, and whatever it does. */
  helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  helper_open (helper, 2, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  helper_open (helper, 3, SSEM_ACCESS_MODE_CREATE, 1, TRUE, "a third");
  helper_run_expect_ok (helper, "acquire 2 1");
  helper_run_expect_ok (helper, "passers 0 3");
  helper_run_expect_ok (helper, "close 2");
  helper_run_expect_ok (helper, "close 3");
  again = find_file (fixture);
  g_assert_cmpstr (again, ==, path);
}

/* With a umask that takes all rights from its files, others can still ask. */
static void
test_umask (Fixture *fixture)
{
  Helper *masked = fixture_helper (fixture);
  Helper *other = fixture_helper (fixture);

  helper_run_expect_ok (masked, "umask 0777");
  helper_open (masked, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
  helper_run_expect_ok (masked, "acquire 0 2");
  helper_open (other, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (other, 0), ==, INITIAL - 2);
  helper_kill (masked);
  g_assert_cmpint (helper_get_value (other, 0), ==, INITIAL);
}

/* --- The end of a process --- */

/* A process that ends in good order takes its file along. If it exits with an object open, beside
 * another process, its threads may go on until the end: then the file stays, and goes with the last
 * process. */
static void
test_orderly_end (Fixture *fixture)
{
  const char *const ends[] = { "quit", "exit 0" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      Helper *witness = fixture_open_helper (fixture, INITIAL);
      Helper *helper = fixture_open_helper (fixture, INITIAL);

      assert_n_files (fixture, 2);
      helper_send (helper, "%s", ends[i]);
      helper_reap (helper);
      if (g_str_equal (ends[i], "quit"))
        assert_n_files (fixture, 1);
      g_assert_cmpuint (count_processes (fixture), ==, 1);
      helper_quit (witness);
      assert_n_files (fixture, 0);
      fixture_assert_empty (fixture);
      g_ptr_array_set_size (fixture->helpers, 0);
    }
}

/* A process is killed, or stopped for a while, at each system call of its orderly end. */
static void
test_end_interrupted (Fixture *fixture)
{
  gboolean is_killed = g_strcmp0 (fixture->data, "killed") == 0;
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *victim = fixture_open_helper (fixture, INITIAL);
      Helper *next;

      if (!helper_trace (victim))
        {
          g_test_skip ("the system forbids to trace another process");
          return;
        }
      helper_send (victim, "exit 0");
      is_in_middle = helper_lead_to_end (victim, n);
      if (is_killed)
        helper_kill (victim);

      /* Another process finds all units, or a new semaphore, and loses nothing. */
      next = fixture_open_helper (fixture, INITIAL);
      helper_run_expect_ok (next, "acquire 0 %d", INITIAL);
      if (!is_killed)
        {
          helper_let_go (victim);
          helper_reap (victim);
        }
      helper_run_expect_ok (next, "release 0 %d", INITIAL);
      g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL);
      helper_quit (next);
      assert_n_files (fixture, 0);
      fixture_assert_empty (fixture);
      g_ptr_array_set_size (fixture->helpers, 0);
    }
  g_assert_cmpuint (n, >, 10);
}

/* A process that holds units keeps its file until it has really ended: to others it must not look
 * dead while its exit handlers run. */
static void
test_holder_at_exit (Fixture *fixture)
{
  Helper *witness = fixture_open_helper (fixture, INITIAL);
  Helper *holder = fixture_open_helper (fixture, INITIAL);

  helper_run_expect_ok (holder, "acquire 0 2");
  helper_run_expect_ok (holder, "serve-late");
  helper_send (holder, "exit 0");
  /* It answers when the library's own exit handler has run. */
  helper_run_expect_ok (holder, "setenv SSEM_TEST_IS_LATE 1");
  g_assert_cmpint (helper_get_value (witness, 0), ==, INITIAL - 2);
  g_assert_cmpuint (count_processes (fixture), ==, 2);
  helper_quit (holder);
  g_assert_cmpint (helper_get_value (witness, 0), ==, INITIAL);
  g_assert_cmpuint (count_processes (fixture), ==, 1);
}

/* The file of a killed process goes with the next process that comes and goes, whether or not it
 * held units. */
static void
test_killed (Fixture *fixture)
{
  int n_held;

  for (n_held = 0; n_held <= 1; n_held++)
    {
      Helper *killed = fixture_open_helper (fixture, INITIAL);
      g_autofree char *path = find_file (fixture);
      g_autofree char *name = g_path_get_basename (path);

      if (n_held > 0)
        helper_run_expect_ok (killed, "acquire 0 %d", n_held);
      helper_kill (killed);
      g_assert_false (fixture_is_process (fixture, name));
      helper_quit (fixture_open_helper (fixture, INITIAL));
      assert_n_files (fixture, 0);
    }
}

static gboolean
has_two_files (gpointer data)
{
  g_auto(GStrv) names = fixture_list_processes (data);

  return g_strv_length (names) == 2;
}

/* Where a process waits, it clears away the files of processes that die, also of many that die at
 * once. */
static void
test_killed_beside_waiter (Fixture *fixture)
{
  Helper *holder = fixture_open_helper (fixture, 1);
  Helper *waiter = fixture_open_helper (fixture, 1);
  Helper *killed[20];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (killed); i++)
    killed[i] = fixture_open_helper (fixture, 1);

  helper_run_expect_ok (holder, "acquire 0 1");
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  for (i = 0; i < G_N_ELEMENTS (killed); i++)
    g_assert_cmpint (kill (killed[i]->pid, SIGKILL), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (killed); i++)
    helper_kill (killed[i]);
  wait_for ("the files of the dead processes to go", has_two_files, fixture);
  helper_run_expect_ok (holder, "release 0 1");
  helper_expect_ok (waiter);
}

/* The old program's file is no living process's after exec (). */
static void
test_exec (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, INITIAL);
  Helper *witness;

  helper_run_expect_ok (helper, "acquire 0 2");
  helper_run_expect_ok (helper, "exec");
  g_assert_cmpuint (count_processes (fixture), ==, 0);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, INITIAL);
  g_assert_cmpuint (count_processes (fixture), ==, 1);
  helper_run_expect_ok (helper, "acquire 0 1");
  witness = fixture_open_helper (fixture, INITIAL);
  g_assert_cmpint (helper_get_value (witness, 0), ==, INITIAL - 1);
}

/* --- Children --- */

/* A child that the library's fork handlers have not seen has copies of all descriptors of its
 * parent. It lives on, and keeps nothing of the parent's: neither for a process that asks nor for
 * one that waits. */
static void
test_raw_fork (Fixture *fixture)
{
  gboolean is_waited_for = g_strcmp0 (fixture->data, "waiting") == 0;
  Helper *parent = fixture_open_helper (fixture, 1);
  Helper *witness = fixture_open_helper (fixture, 1);
  g_autofree char *answer = NULL;
  int child, status;

  /* The orphan becomes this process's own child, to be reaped as any other. */
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  helper_run_expect_ok (parent, "acquire 0 1");
  helper_send (parent, "raw-fork");
  answer = helper_receive (parent);
  g_assert_cmpint (sscanf (answer, "ok %d", &child), ==, 1);

  if (is_waited_for)
    {
      helper_send (witness, "acquire 0 1");
      wait_until_blocked (fixture->backend, witness->pid, 1);
      helper_kill (parent);
      helper_expect_ok (witness);
    }
  else
    {
      helper_kill (parent);
      g_assert_cmpint (helper_get_value (witness, 0), ==, 1);
      helper_run_expect_ok (witness, "try 0 1");
    }
  g_assert_cmpuint (count_processes (fixture), ==, 1);

  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
}

static gpointer
acquire_cb (gpointer data)
{
  g_assert_true (ssem_system_semaphore_acquire (data, 1, NULL, NULL));

  return NULL;
}

/* A program that is started while this process waits gets no descriptor of the library's. */
static void
test_no_descriptor_inherited (Fixture *fixture)
{
  const char *const command[] = { "/bin/sh", "-c", "ls -l /proc/self/fd", NULL };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(GError) error = NULL;
  g_autofree char *output = NULL;
  GThread *thread = g_thread_new ("wait", acquire_cb, semaphore);
  int status;

  wait_until_blocked (fixture->backend, getpid (), 1);
  g_spawn_sync (NULL, (char **) command, NULL,
                G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &output, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  g_assert_null (strstr (output, fixture->keys_directory));
  g_assert_null (strstr (output, "inotify"));
  assert_release (semaphore, 1);
  g_thread_join (thread);
  drop_object (&semaphore);
}

/* --- What an outsider does --- */

static void
remove_files (Fixture *fixture)
{
  g_autofree char *directory = g_build_filename (fixture->keys_directory, "processes", NULL);
  g_auto(GStrv) names = fixture_list_processes (fixture);
  guint i;

  for (i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (directory, names[i], NULL);

      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* The file of a process is removed, or all are. The process notices when it looks whether others
 * live, and takes no living process for dead. Everything works when it has opened the key again. */
static void
test_file_removed (Fixture *fixture)
{
  gboolean is_all = g_strcmp0 (fixture->data, "all") == 0;
  Helper *victim = fixture_open_helper (fixture, INITIAL);
  g_autofree char *path = find_file (fixture);
  Helper *holder = fixture_open_helper (fixture, INITIAL);
  Helper *next;

  helper_run_expect_ok (victim, "acquire 0 1");
  helper_run_expect_ok (holder, "acquire 0 1");
  if (is_all)
    remove_files (fixture);
  else
    g_assert_cmpint (g_unlink (path), ==, 0);
  helper_send (victim, "value 0");
  helper_expect_code (victim, NOT_FOUND);
  /* A try finds the holder alive, and need not look for its own file. */
  helper_send (victim, "try 0 %d", INITIAL);
  if (is_all)
    helper_expect_code (victim, NOT_FOUND);
  else
    helper_expect_error (victim, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  helper_send (victim, "timeout 0 %d -1", INITIAL);
  helper_expect_code (victim, NOT_FOUND);
  helper_kill (holder);

  helper_run_expect_ok (victim, "close 0");
  helper_open (victim, 0, SSEM_ACCESS_MODE_CREATE, INITIAL, TRUE, fixture->key);
  helper_run_expect_ok (victim, "acquire 0 1");
  next = fixture_open_helper (fixture, INITIAL);
  g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL - 1);
  g_assert_cmpint (helper_get_value (victim, 0), ==, INITIAL - 1);
  helper_kill (victim);
  g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL);
}

/* Names that a process has not finished, or that no process has, disturb nobody. What a killed
 * process has not finished goes; what a living one is making stays. */
static void
test_unfinished (Fixture *fixture)
{
  g_autofree char *directory = g_build_filename (fixture->keys_directory, "processes", NULL);
  g_autofree char *dead = g_build_filename (directory, PLANTED "~", NULL);
  g_autofree char *living = g_build_filename (directory, "fedcba987654~", NULL);
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
  int fd;

  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  fd = open (dead, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
  fd = open (living, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);

  helper_quit (fixture_open_helper (fixture, INITIAL));
  g_assert_false (g_file_test (dead, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (living, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_unlink (living), ==, 0);
  close (fd);
}

/* Something else lies where the directory of the files belongs. Nothing is opened then, and nothing
 * is put there; and the message names it. */
static void
test_misfit (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->keys_directory, "processes", NULL);
  g_autofree char *target = g_build_filename (fixture->directory, "target", NULL);
  const char *const kinds[] = { "link", "file", "fifo" };
  guint i;

  g_assert_cmpint (g_mkdir (target, 0700), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      if (g_str_equal (kinds[i], "link"))
        g_assert_cmpint (symlink (target, path), ==, 0);
      else if (g_str_equal (kinds[i], "fifo"))
        g_assert_cmpint (mkfifo (path, 0600), ==, 0);
      else
        g_file_set_contents (path, "", 0, &error);
      g_assert_no_error (error);

      semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
      g_assert_null (semaphore);
      g_assert_cmpuint (error->domain, ==, SSEM_SYSTEM_SEMAPHORE_ERROR);
      g_assert_nonnull (strstr (error->message, path));
      g_assert_cmpint (g_unlink (path), ==, 0);
      fixture_assert_empty (fixture);
    }
  /* Fails where anything was put there. */
  g_assert_cmpint (g_rmdir (target), ==, 0);
}

/* --- Many --- */

#define N_MANY          200
#define N_MANY_THOROUGH 4000

/* Holds a unit until it is told to leave. */
static void
be_member (Fixture *fixture,
           int      report_fd)
{
  SsemSystemSemaphore *semaphore;
  sigset_t told;
  int number;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  assert_acquire (semaphore, 1);
  g_assert_cmpint (write (report_fd, "x", 1), ==, 1);
  sigemptyset (&told);
  sigaddset (&told, SIGTERM);
  g_assert_cmpint (sigwait (&told, &number), ==, 0);
  assert_release (semaphore, 1);
  drop_object (&semaphore);
  /* Without the exit handlers of the test. */
  _exit (0);
}

/* Every second one is killed, and the others leave. Each time the value is right for a process that
 * looks, and the last one removes the semaphore. */
static void
test_many (Fixture *fixture)
{
  int n_members = g_getenv ("SSEM_TEST_THOROUGH") != NULL ? N_MANY_THOROUGH : N_MANY;
  g_autofree pid_t *members = g_new0 (pid_t, n_members);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN,
                                                           n_members);
  sigset_t told, before;
  int report[2];
  int i;

  g_assert_cmpint (pipe2 (report, O_CLOEXEC), ==, 0);
  sigemptyset (&told);
  sigaddset (&told, SIGTERM);
  g_assert_cmpint (sigprocmask (SIG_BLOCK, &told, &before), ==, 0);
  for (i = 0; i < n_members; i++)
    {
      char byte;

      members[i] = fork ();
      g_assert_cmpint (members[i], >=, 0);
      if (members[i] == 0)
        be_member (fixture, report[1]);
      g_assert_cmpint (read (report[0], &byte, 1), ==, 1);
    }
  assert_value (semaphore, 0);
  g_assert_cmpuint (count_processes (fixture), ==, n_members + 1);

  for (i = 1; i <= n_members; i++)
    {
      g_assert_cmpint (kill (members[i - 1], i % 2 == 0 ? SIGKILL : SIGTERM), ==, 0);
      g_assert_cmpint (waitpid (members[i - 1], NULL, 0), ==, members[i - 1]);
      /* A look may be 10 ms old. */
      while (i % 10 == 0 && ssem_system_semaphore_get_value (semaphore, NULL) != i)
        g_thread_yield ();
    }
  g_assert_cmpuint (count_processes (fixture), ==, 1);
  drop_object (&semaphore);
  fixture_assert_empty (fixture);
  g_assert_cmpint (sigprocmask (SIG_SETMASK, &before, NULL), ==, 0);
  close (report[0]);
  close (report[1]);
}

/* As many processes open and close one key at the same time as the machine likes. */
static void
test_many_at_once (Fixture *fixture)
{
  g_autofree char *flag = g_build_filename (fixture->directory, "flag", NULL);
  Helper *helpers[8];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helpers[i] = fixture_helper (fixture);
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_send (helpers[i], "churn 100 %u %s %s", g_test_rand_int (), flag, "churned");
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_expect_ok (helpers[i]);
  fixture_assert_empty (fixture);
  g_assert_cmpuint (count_processes (fixture), ==, G_N_ELEMENTS (helpers));
  g_assert_cmpint (g_unlink (flag), ==, 0);
}

const char conformance_topic[] = "processes";
const Needs conformance_needs = NEEDS_SHARED_MEMORY;

const Case conformance_cases[] = {
  { "one-file", 0, test_one_file },
  { "umask", 0, test_umask },
  { "end-killed", NEEDS_TRACED_END, test_end_interrupted, "killed" },
  { "end-stopped", NEEDS_TRACED_END, test_end_interrupted, "stopped" },
  { "orderly-end", 0, test_orderly_end },
  { "holder-at-exit", 0, test_holder_at_exit },
  { "killed", 0, test_killed },
  { "killed-beside-waiter", 0, test_killed_beside_waiter },
  { "exec", NEEDS_EXEC, test_exec },
  { "raw-fork", NEEDS_PRIVATE_MEMORY, test_raw_fork },
  { "raw-fork-waiting", NEEDS_PRIVATE_MEMORY, test_raw_fork, "waiting" },
  { "no-descriptor-inherited", 0, test_no_descriptor_inherited },
  { "file-removed", 0, test_file_removed },
  { "all-removed", 0, test_file_removed, "all" },
  { "unfinished", 0, test_unfinished },
  { "misfit", 0, test_misfit },
  { "many", 0, test_many },
  { "many-at-once", 0, test_many_at_once },

  /* A forked child has a file of its own from its first use on. It is no user before. */
  { "child", NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 5; a acquire 2; a fork b; b acquire 1; w open OPEN_EXISTING; w value = 2;"
    "a kill; w value = 4; b kill; w value = 5" },

  /* A process that has left and holds keeps its file, and takes part again. */
  { "lingerer", .script =
    "w open OPEN 5; a open OPEN; a acquire 2; a close; w value = 3; a open OPEN; w value = 3;"
    "a close; a kill; w value = 5" },
  { NULL },
};
