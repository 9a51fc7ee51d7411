/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <ssem.h>

#include <glib/gstdio.h>

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A set-user-ID program and the environment of the ordinary user who starts it.
 *
 * No variable decides where its semaphores lie or what they are: that user could make it create files
 * where they like, or use another semaphore than all others do, and so pass its lock.
 */
#define NOBODY 65534
#define TEST_SECONDS 60

typedef struct
{
  char *folder;
  char *program;   /* root's */
  char *places[3]; /* for SSEM_RUNTIME_DIR, TMPDIR and XDG_RUNTIME_DIR */
  char *key;
} Fixture;

typedef struct
{
  pid_t pid;
  int commands_fd; /* the program ends when this is closed */
  FILE *answers;
} Program;

static void
fixture_set_up (Fixture       *self,
                gconstpointer  data)
{
  g_autofree char *built = g_test_build_filename (G_TEST_BUILT, "worlds", "privileged", NULL);
  g_autofree char *random = g_uuid_string_random ();
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;
  guint i;

  alarm (TEST_SECONDS);
  self->folder = g_dir_make_tmp ("ssem-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (self->folder, 0755), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (self->places); i++)
    {
      self->places[i] = g_strdup_printf ("%s/%u", self->folder, i);
      g_assert_cmpint (g_mkdir (self->places[i], 0700), ==, 0);
      /* Root may write there, too. */
      g_assert_true (geteuid () != 0 || chown (self->places[i], NOBODY, NOBODY) == 0);
    }
  self->program = g_build_filename (self->folder, "privileged", NULL);
  g_file_get_contents (built, &content, &length, &error);
  g_assert_no_error (error);
  g_file_set_contents_full (self->program, content, (gssize) length, G_FILE_SET_CONTENTS_NONE,
                            0755, &error);
  g_assert_no_error (error);
  self->key = g_strdup_printf ("test of privileges/%s", random);
}

static void
fixture_tear_down (Fixture       *self,
                   gconstpointer  data)
{
  guint i;

  /* Refused where anything was left there. */
  for (i = 0; i < G_N_ELEMENTS (self->places); i++)
    {
      g_assert_cmpint (g_rmdir (self->places[i]), ==, 0);
      g_free (self->places[i]);
    }
  g_assert_cmpint (g_unlink (self->program), ==, 0);
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->program);
  g_free (self->folder);
  g_free (self->key);
  alarm (0);
}

/* --- The program --- */

static void
become_user_and_start (Fixture    *fixture,
                       const char *backend,
                       const char *named)
{
  g_autofree char *runtime_dir = g_strconcat ("SSEM_RUNTIME_DIR=", fixture->places[0], NULL);
  g_autofree char *tmp_dir = g_strconcat ("TMPDIR=", fixture->places[1], NULL);
  g_autofree char *xdg_dir = g_strconcat ("XDG_RUNTIME_DIR=", fixture->places[2], NULL);
  g_autofree char *backend_name = g_strconcat ("SSEM_BACKEND=", named, NULL);
  char *argv[] = { fixture->program, (char *) backend, fixture->key, NULL };
  char *envp[] = {
    runtime_dir, tmp_dir, xdg_dir, backend_name, (char *) "FLATPAK_ID=org.example.App", NULL,
  };

  if (setgid (NOBODY) != 0 || setuid (NOBODY) != 0)
    _exit (97);
  execve (fixture->program, argv, envp);
  _exit (98);
}

static void
start (Program    *self,
       Fixture    *fixture,
       const char *backend,
       const char *named)
{
  int commands[2], answers[2];

  g_assert_cmpint (pipe (commands), ==, 0);
  g_assert_cmpint (pipe (answers), ==, 0);
  self->pid = fork ();
  g_assert_cmpint (self->pid, >=, 0);
  if (self->pid == 0)
    {
      dup2 (commands[0], STDIN_FILENO);
      dup2 (answers[1], STDOUT_FILENO);
      close (commands[1]);
      close (answers[0]);
      become_user_and_start (fixture, backend, named);
    }

  close (commands[0]);
  close (answers[1]);
  self->commands_fd = commands[1];
  self->answers = fdopen (answers[0], "r");
  g_assert_nonnull (self->answers);
}

static void
end (Program *self)
{
  int status;

  close (self->commands_fd);
  fclose (self->answers);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* Answers the backend that it has opened with. */
static SsemBackend
receive (Program *self,
         int     *euid)
{
  char line[512];
  int backend;

  g_assert_nonnull (fgets (line, sizeof line, self->answers));
  if (sscanf (line, "ok %d %d", euid, &backend) != 2)
    g_error ("The program says: %s", line);

  return (SsemBackend) backend;
}

static guint
count_files (const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

/* FALSE, and the test is skipped, where such a program has no rights. */
static gboolean
is_privileged (int euid)
{
  if (euid == 0)
    return TRUE;

  g_assert_cmpint (euid, ==, NOBODY);
  g_test_skip ("the file system, or the sandbox, knows no set-user-ID programs");

  return FALSE;
}

static gboolean
may_run (void)
{
  if (geteuid () == 0)
    return TRUE;

  g_test_skip ("only root can make a set-user-ID program of another user's");

  return FALSE;
}

/* --- Tests --- */

static const char *const backends[] = { "1", "2" };

/* The files lie where they lie without any variable. */
static void
test_places (Fixture       *fixture,
             gconstpointer  data)
{
  guint i, j;

  if (!may_run ())
    return;

  g_assert_cmpint (g_chmod (fixture->program, 04755), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autoptr(SsemSemaphoreInfo) info = NULL;
      g_autoptr(GError) error = NULL;
      Program program;
      int euid;

      start (&program, fixture, backends[i], "nothing");
      receive (&program, &euid);
      if (is_privileged (euid))
        {
          for (j = 0; j < G_N_ELEMENTS (fixture->places); j++)
            g_assert_cmpuint (count_files (fixture->places[j]), ==, 0);
          info = ssem_semaphore_info_query (fixture->key, (SsemBackend) (*backends[i] - '0'),
                                            &error);
          g_assert_no_error (error);
          g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
        }
      end (&program);
    }
}

/* The backend is the default one, whatever the variable names. */
static void
test_backend (Fixture       *fixture,
              gconstpointer  data)
{
  const char *const names[] = { "sysv", "shared-memory", "no backend of that name" };
  SsemBackend found[G_N_ELEMENTS (names)];
  guint i;

  if (!may_run ())
    return;

  g_assert_cmpint (g_chmod (fixture->program, 04755), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    {
      Program program;
      int euid;

      start (&program, fixture, "0", names[i]);
      found[i] = receive (&program, &euid);
      end (&program);
      if (!is_privileged (euid))
        return;
      g_assert_cmpint (found[i], ==, found[0]);
    }
}

/* The same program without the bit goes by the variables: it is the bit that makes the difference. */
static void
test_without_privileges (Fixture       *fixture,
                         gconstpointer  data)
{
  guint i;

  if (!may_run ())
    return;

  for (i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      Program program;
      int euid;

      start (&program, fixture, "0", i == 0 ? "shared-memory" : "sysv");
      g_assert_cmpint (receive (&program, &euid), ==, *backends[i] - '0');
      g_assert_cmpint (euid, ==, NOBODY);
      g_assert_cmpuint (count_files (fixture->places[0]), ==, 1);
      end (&program);
      g_assert_cmpuint (count_files (fixture->places[0]), ==, 0);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  g_unsetenv ("SSEM_BACKEND");
  g_unsetenv ("TMPDIR");
  signal (SIGPIPE, SIG_IGN);

  g_test_add ("/ssem/privileges/places", Fixture, NULL,
              fixture_set_up, test_places, fixture_tear_down);
  g_test_add ("/ssem/privileges/backend", Fixture, NULL,
              fixture_set_up, test_backend, fixture_tear_down);
  g_test_add ("/ssem/privileges/without-privileges", Fixture, NULL,
              fixture_set_up, test_without_privileges, fixture_tear_down);

  return g_test_run ();
}
