/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz.h"

#include "ssem/tool/ssem-tool-private.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Arbitrary arguments of the `ssem` command, which a null byte separates. What it would do is done,
 * to a semaphore of each backend that is in use, and to one that a crash has left; but `run`, `wait` and
 * `watch` are only told what they would have to do. It must come back, end in one of the ways that
 * its manual page has, and say why where it fails; and what is in use must stay, whatever it was
 * asked for. */

#define LIVE_KEY "live"
#define DEAD_KEY "dead"

typedef struct
{
  SsemBackend backend;
  SsemSystemSemaphore *semaphore;
  char *path;
} Live;

static Live live[] = {
  { .backend = SSEM_BACKEND_SHARED_MEMORY },
  { .backend = SSEM_BACKEND_SYSV },
};
static char *dead_path;
static char *dead;
static gsize dead_length;
static int out_fd, null_fd;

static GString *out;
static GString *errors;

static void
print (const char *text)
{
  g_string_append (out, text);
}

static void
print_error (const char *text)
{
  g_string_append (errors, text);
}

/* --- What there is --- */

static SsemSystemSemaphore *
create (const char  *key,
        SsemBackend  backend)
{
  SsemSystemSemaphore *semaphore;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, NULL,
                              "key", key,
                              "initial-value", 3,
                              "mode", SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                              "backend", backend,
                              NULL);
  g_assert_nonnull (semaphore);

  return semaphore;
}

static void
remove_dead (void)
{
  fuzz_remove_file (dead_path);
}

static void
prepare (void)
{
  SsemSystemSemaphore *semaphore;
  gsize i;

  out = g_string_new (NULL);
  errors = g_string_new (NULL);
  out_fd = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  null_fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  g_assert_true (out_fd >= 0 && null_fd >= 0);
  /* Where there is none of that name, options take nothing but ASCII. */
  setlocale (LC_ALL, "C.UTF-8");

  semaphore = create (DEAD_KEY, SSEM_BACKEND_SHARED_MEMORY);
  g_assert_true (ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL));
  dead_path = fuzz_find_file (NULL);
  g_assert_true (g_file_get_contents (dead_path, &dead, &dead_length, NULL));
  g_object_unref (semaphore);
  atexit (remove_dead);

  for (i = 0; i < G_N_ELEMENTS (live); i++)
    {
      live[i].semaphore = create (LIVE_KEY, live[i].backend);
      g_assert_true (ssem_system_semaphore_acquire (live[i].semaphore, 1, NULL, NULL));
      live[i].path = fuzz_find_file (i > 0 ? live[0].path : NULL);
    }
}

/* --- The command --- */

/* The pointers are the caller's, and the texts, which lie one behind the other, too. */
static char **
split (const guint8 *data,
       gsize         length,
       GString      *texts,
       int          *argc)
{
  GPtrArray *argv = g_ptr_array_new ();
  const char *end;
  char *text;

  g_string_append_len (texts, (const char *) data, (gssize) length);
  end = texts->str + texts->len;
  g_ptr_array_add (argv, (char *) "ssem");
  for (text = texts->str; length > 0 && text <= end; text += strlen (text) + 1)
    g_ptr_array_add (argv, text);
  *argc = (int) argv->len;
  g_ptr_array_add (argv, NULL);

  return (char **) g_ptr_array_free (argv, FALSE);
}

/* What was not done. */
typedef struct
{
  gboolean is_run;
  ToolRun run;
  gboolean is_wait;
  ToolWait wait;
  gboolean is_watch;
  ToolWatch watch;
} Asked;

static int
perform (int     argc,
         char  **argv,
         Asked  *asked)
{
  int status = TOOL_OK;

  if (argc > 1 && g_str_equal (argv[1], "run"))
    asked->is_run = tool_run_parse (argc - 1, argv + 1, &asked->run, &status);
  else if (argc > 1 && g_str_equal (argv[1], "wait"))
    asked->is_wait = tool_wait_parse (argc - 1, argv + 1, &asked->wait, &status);
  else if (argc > 1 && g_str_equal (argv[1], "watch"))
    asked->is_watch = tool_watch_parse (argc - 1, argv + 1, &asked->watch, &status);
  else
    status = tool_dispatch (argc, argv);

  if (asked->is_run || asked->is_wait || asked->is_watch)
    return TOOL_OK;

  /* As the others would say it. */
  return status == TOOL_RUN_FAILED ? TOOL_USAGE : status;
}

static void
check_waiting (const ToolWaiting *waiting)
{
  g_assert_cmpint (waiting->usec, >=, -1);
  g_assert_true (waiting->conflict_status >= 0 && waiting->conflict_status <= 255);
}

static void
check_asked (const Asked *asked)
{
  const ToolRun *run = &asked->run;
  const ToolWatch *watch = &asked->watch;

  if (asked->is_run)
    {
      g_assert_cmpint (run->n_units, >=, 1);
      g_assert_true (run->n_count == 0 || run->n_count >= run->n_units);
      check_waiting (&run->waiting);
      g_assert_true ((run->key == NULL) == (tool_native_key != NULL));
      g_assert_nonnull (run->command[0]);
    }
  if (asked->is_wait)
    {
      g_assert_cmpint (asked->wait.n_units, >=, 1);
      check_waiting (&asked->wait.waiting);
      g_assert_true ((asked->wait.key == NULL) == (tool_native_key != NULL));
    }
  if (asked->is_watch)
    {
      /* A hundredth of a second; and a timer counts milliseconds. */
      g_assert_cmpint (watch->interval_usec, >=, G_USEC_PER_SEC / 100);
      g_assert_cmpint (watch->interval_usec / 1000, <=, G_MAXUINT);
      g_assert_nonnull (watch->keys);
    }
}

static void
check (int status)
{
  gsize i;

  g_assert_cmpint (status, >=, TOOL_OK);
  g_assert_cmpint (status, <=, TOOL_NOT_SUPPORTED);
  if (status != TOOL_OK)
    g_assert_cmpuint (errors->len, >, 0);
  if (status == TOOL_USAGE)
    g_assert_cmpuint (out->len, ==, 0);
  g_assert_true (g_utf8_validate_len (out->str, out->len, NULL));

  for (i = 0; i < G_N_ELEMENTS (live); i++)
    {
      g_assert_cmpint (access (live[i].path, F_OK), ==, 0);
      g_assert_cmpint (ssem_system_semaphore_get_value (live[i].semaphore, NULL), >=, 0);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         length)
{
  g_autoptr(GString) texts = g_string_new (NULL);
  g_autofree char **argv = NULL;
  GPrintFunc print_before, print_error_before;
  Asked asked = { 0 };
  int argc, status;

  if (out == NULL)
    prepare ();
  if (access (dead_path, F_OK) != 0)
    fuzz_write_file (dead_path, dead, dead_length);
  g_string_truncate (out, 0);
  g_string_truncate (errors, 0);
  argv = split (data, length, texts, &argc);

  /* JSON, which is UTF-8 in every locale, goes past GLib's printing. */
  fflush (stdout);
  dup2 (null_fd, STDOUT_FILENO);
  print_before = g_set_print_handler (print);
  print_error_before = g_set_printerr_handler (print_error);
  status = perform (argc, argv, &asked);
  g_set_print_handler (print_before);
  g_set_printerr_handler (print_error_before);
  fflush (stdout);
  dup2 (out_fd, STDOUT_FILENO);

  check_asked (&asked);
  check (status);

  return 0;
}
