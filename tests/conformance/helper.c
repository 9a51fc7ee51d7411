/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "helper.h"

#include "helper-private.h"

#include <string.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_EVERY_USEC 500

static GFunc observer;
static gpointer observer_data;
static const char *step; /* of the script that runs, or NULL */

void
helper_note_step (const char *text)
{
  step = text;
}

/* Ends the test; a script's step is part of the message. */
static void G_GNUC_NORETURN G_GNUC_PRINTF (1, 2)
fail (const char *format,
      ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_error ("%s%s%s%s", step != NULL ? "In step \"" : "", step != NULL ? step : "",
           step != NULL ? "\": " : "", text);
}

char *
helper_find_program (const char *name)
{
  static guint n_found;
  const char *other = g_getenv ("SSEM_TEST_OTHER_BUILD");

  if (other != NULL && n_found++ % 2 == 0)
    return g_build_filename (other, "tests", "conformance", name, NULL);

  return g_test_build_filename (G_TEST_BUILT, "conformance", name, NULL);
}

void
wait_for (const char *what,
          Condition   condition,
          gpointer    data)
{
  gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;

  while (!condition (data))
    {
      if (g_get_monotonic_time () > deadline_usec)
        fail ("Waited in vain: %s", what);
      g_usleep (LOOK_EVERY_USEC);
    }
}

typedef struct
{
  SsemBackend backend;
  pid_t pid;
  guint n_threads;
} Blocked;

static gboolean
are_blocked_cb (gpointer data)
{
  Blocked *blocked = data;

  return are_blocked (blocked->backend, blocked->pid, blocked->n_threads);
}

void
wait_until_blocked (SsemBackend backend,
                    pid_t       pid,
                    guint       n_threads)
{
  Blocked blocked = { backend, pid, n_threads };

  wait_for ("threads to block", are_blocked_cb, &blocked);
}

/* --- Processes --- */

Helper *
helper_alloc (pid_t pid,
              int   commands_fd,
              int   answers_fd)
{
  Helper *self = g_new0 (Helper, 1);

  self->pid = pid;
  self->commands_fd = commands_fd;
  self->answers_fd = answers_fd;
  self->child_commands_fd = -1;
  self->child_answers_fd = -1;
  self->received = g_string_new (NULL);

  return self;
}

static void
close_pipes (Helper *self)
{
  int *fds[] = { &self->commands_fd, &self->answers_fd,
                 &self->child_commands_fd, &self->child_answers_fd };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      if (*fds[i] >= 0)
        close (*fds[i]);
      *fds[i] = -1;
    }
}

void
helper_free (Helper *self)
{
  g_assert_cmpint (self->pid, ==, 0);

  close_pipes (self);
  helper_clear_process (self);
  g_string_free (self->received, TRUE);
  g_free (self);
}

/* --- Talking --- */

void
helper_observe (GFunc    answered,
                gpointer data)
{
  observer = answered;
  observer_data = data;
}

static void
send_line (Helper     *self,
           const char *line)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);

  g_test_message ("%d < %s", (int) self->pid, line);
  g_assert_cmpint (write (self->commands_fd, text, strlen (text)), ==, strlen (text));
}

void
helper_send (Helper     *self,
             const char *format,
             ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  send_line (self, line);
}

static gboolean
fill (Helper *self,
      int     timeout_msec)
{
  char buffer[512];
  gssize n_read;

  if (!helper_wait_readable (self, timeout_msec))
    return FALSE;

  n_read = read (self->answers_fd, buffer, sizeof buffer);
  if (n_read <= 0)
    fail ("Helper %d ended without an answer", (int) self->pid);
  g_string_append_len (self->received, buffer, n_read);

  return TRUE;
}

gboolean
helper_has_answered (Helper *self)
{
  return strchr (self->received->str, '\n') != NULL ||
         (fill (self, 0) && strchr (self->received->str, '\n') != NULL);
}

void
helper_wait_for_eof (Helper *self)
{
  gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;
  char byte;

  while (!helper_wait_readable (self, 1000))
    {
      if (g_get_monotonic_time () > deadline_usec)
        fail ("Helper %d does not end", (int) self->pid);
    }

  g_assert_cmpint (read (self->answers_fd, &byte, 1), ==, 0);
}

char *
helper_receive (Helper *self)
{
  gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;
  const char *end;
  char *line;

  while ((end = strchr (self->received->str, '\n')) == NULL)
    {
      fill (self, 1000);
      if (g_get_monotonic_time () > deadline_usec)
        fail ("Helper %d did not answer", (int) self->pid);
    }

  line = g_strndup (self->received->str, end - self->received->str);
  g_string_erase (self->received, 0, end + 1 - self->received->str);
  g_test_message ("%d > %s", (int) self->pid, line);
  if (observer != NULL)
    observer (self, observer_data);

  return line;
}

void
helper_expect_ok (Helper *self)
{
  g_autofree char *answer = helper_receive (self);

  g_assert_cmpstr (answer, ==, "ok");
}

void
helper_expect_error (Helper *self,
                     GQuark  domain,
                     int     code)
{
  g_autofree char *answer = helper_receive (self);
  g_autofree char *expected = g_strdup_printf ("error %s %d ", g_quark_to_string (domain), code);
  g_autofree char *found = g_strndup (answer, strlen (expected));

  g_assert_cmpstr (found, ==, expected);
  g_assert_cmpuint (strlen (answer), >, strlen (expected));
}

void
helper_run_expect_ok (Helper     *self,
                      const char *format,
                      ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  send_line (self, line);
  helper_expect_ok (self);
}

gboolean
helper_may (Helper     *self,
            const char *command,
            const char *reason)
{
  g_autofree char *answer = NULL;

  send_line (self, command);
  answer = helper_receive (self);
  if (g_str_equal (answer, "ok"))
    return TRUE;

  g_assert_cmpstr (answer, ==, "no");
  g_test_skip (reason);

  return FALSE;
}

void
helper_send_open (Helper         *self,
                  int             slot,
                  SsemAccessMode  mode,
                  int             initial_value,
                  gboolean        undo,
                  const char     *key)
{
  g_autofree char *escaped = g_strescape (key, NULL);

  helper_send (self, "open %d %d %d %d %s", slot, (int) mode, initial_value, undo, escaped);
}

void
helper_open (Helper         *self,
             int             slot,
             SsemAccessMode  mode,
             int             initial_value,
             gboolean        undo,
             const char     *key)
{
  helper_send_open (self, slot, mode, initial_value, undo, key);
  helper_expect_ok (self);
}

void
helper_open_native (Helper         *self,
                    int             slot,
                    SsemAccessMode  mode,
                    int             initial_value,
                    const char     *native_key)
{
  g_autofree char *escaped = g_strescape (native_key, NULL);

  helper_run_expect_ok (self, "open-native %d %d %d 1 %s", slot, (int) mode, initial_value,
                        escaped);
}

int
helper_get_value (Helper *self,
                  int     slot)
{
  g_autofree char *answer = NULL;
  int value;

  helper_send (self, "value %d", slot);
  answer = helper_receive (self);
  g_assert_cmpint (sscanf (answer, "ok %d", &value), ==, 1);

  return value;
}
