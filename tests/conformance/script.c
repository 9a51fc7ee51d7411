/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "script-private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A step, taken apart. */
typedef struct
{
  char **words;       /* of the command, its name first */
  const char *answer; /* after the `=`, or NULL */
  Helper *helper;     /* NULL for a step of the test itself */
  SsemBackend backend;
  int slot;
} Step;

typedef void (* Command) (Script *self,
                          Step   *step);

static gboolean
is_blocked_or_answered (gpointer data)
{
  Step *step = data;

  return are_blocked (step->backend, step->helper->pid, 1) || helper_has_answered (step->helper);
}

/* An answer fails the step right away. */
static void
expect_blocked (Script *self,
                Step   *step)
{
  step->backend = self->fixture->backend;
  wait_for ("the process to sleep in its command", is_blocked_or_answered, step);
  if (helper_has_answered (step->helper))
    {
      g_autofree char *answer = helper_receive (step->helper);

      script_fail (self, "expected no answer yet, the answer is \"%s\"", answer);
    }
}

/* What follows when a command has been sent. */
static void
await_answer (Script *self,
              Step   *step)
{
  g_autofree char *answer = NULL;

  if (g_strcmp0 (step->answer, "later") == 0)
    return;
  if (g_strcmp0 (step->answer, "blocks") == 0)
    {
      expect_blocked (self, step);
      return;
    }

  answer = helper_receive (step->helper);
  script_expect (self, step->answer, answer);
}

static Helper *
find_process (Script     *self,
              const char *name)
{
  Helper *helper = g_hash_table_lookup (self->processes, name);

  if (helper == NULL || helper->pid == 0)
    {
      helper = fixture_helper (self->fixture);
      g_hash_table_insert (self->processes, g_strdup (name), helper);
    }

  return helper;
}

/* --- Commands of a process --- */

static SsemAccessMode
get_mode (Script     *self,
          const char *name)
{
  static const char *const modes[] = {
    "OPEN", "CREATE", "OPEN_EXISTING", "CREATE_EXCLUSIVE", "JOIN",
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      if (g_strcmp0 (modes[i], name) == 0)
        return (SsemAccessMode) i;
    }

  script_fail (self, "\"%s\" is no mode", name);
}

/* `open` and `set-key`, whose words have any order after the mode. */
static void
command_open (Script *self,
              Step   *step)
{
  gboolean sets_key = g_str_equal (step->words[0], "set-key");
  SsemAccessMode mode = get_mode (self, step->words[1]);
  gboolean undo = TRUE, is_other = FALSE;
  g_autofree char *key = NULL;
  g_autofree char *escaped = NULL;
  int initial_value = 0;
  guint i;

  for (i = 2; step->words[i] != NULL; i++)
    {
      if (g_str_equal (step->words[i], "no-undo"))
        undo = FALSE;
      else if (g_str_equal (step->words[i], "other"))
        is_other = TRUE;
      else
        initial_value = script_get_number (self, step->words[i]);
    }

  key = script_make_key (self, is_other);
  if (sets_key)
    {
      escaped = g_strescape (key, NULL);
      helper_send (step->helper, "set-key %d %d %d %s", step->slot, (int) mode, initial_value,
                   escaped);
    }
  else
    {
      helper_send_open (step->helper, step->slot, mode, initial_value, undo, key);
    }
  await_answer (self, step);
}

static void
command_play (Script *self,
              Step   *step)
{
  guint i;

  for (i = 1; step->words[i] != NULL; i++)
    {
      int n = script_get_number (self, step->words[i]);

      helper_run_expect_ok (step->helper, "%s %d %d", n > 0 ? "acquire" : "release", step->slot,
                            ABS (n));
    }
}

static void
command_fork (Script *self,
              Step   *step)
{
  g_hash_table_insert (self->processes, g_strdup (step->words[1]),
                       fixture_fork (self->fixture, step->helper));
}

static void
command_kill (Script *self,
              Step   *step)
{
  helper_kill (step->helper);
}

static void
command_quit (Script *self,
              Step   *step)
{
  helper_quit (step->helper);
}

static void
command_exec (Script *self,
              Step   *step)
{
  helper_exec (step->helper);
}

static void
command_signal (Script *self,
                Step   *step)
{
  helper_signal (step->helper, g_str_equal (step->words[1], "TERM") ? SIGTERM : SIGSEGV);
  helper_reap (step->helper);
}

static void
command_stop (Script *self,
              Step   *step)
{
  helper_stop (step->helper);
}

static void
command_continue (Script *self,
                  Step   *step)
{
  helper_signal (step->helper, SIGCONT);
}

/* Sends the words from @first on, after them the answer is to be awaited. */
static void
send_words (Script *self,
            Step   *step,
            guint   first)
{
  /* What test-helper does with one of its objects. */
  static const char *const of_objects[] = {
    "acquire", "try", "release", "timeout", "interruptible", "value", "mode", "async", "begin",
    "end", "last", "close", "pairs", "hammer", "reset-loop", "wait-in-thread", "release-on-signal",
    "passers", "signals", "crowd", NULL,
  };
  g_autoptr(GString) line = g_string_new (step->words[first]);
  guint i;

  if (g_strv_contains (of_objects, step->words[first]))
    g_string_append_printf (line, " %d", step->slot);
  for (i = first + 1; step->words[i] != NULL; i++)
    {
      g_autofree char *word = script_expand (self, step->words[i]);

      g_string_append_printf (line, " %s", word);
    }
  helper_send (step->helper, "%s", line->str);
}

static void
command_may (Script *self,
             Step   *step)
{
  g_autofree char *answer = NULL;

  send_words (self, step, 1);
  answer = helper_receive (step->helper);
  self->is_skipped = g_str_equal (answer, "no");
  if (self->is_skipped)
    g_test_skip (self->step);
  else
    script_expect (self, NULL, answer);
}

static void
command_exit (Script *self,
              Step   *step)
{
  send_words (self, step, 0);
  if (step->answer == NULL)
    helper_reap (step->helper);
}

/* Compares the figures of the answer to `look` with those of the step. */
static void
expect_figures (Script     *self,
                Step       *step,
                const char *answer)
{
  gboolean has_holders = fixture_supports (self->fixture, NEEDS_HOLDERS);
  guint i;

  for (i = 1; step->words[i] != NULL; i += 2)
    {
      const char *name = step->words[i];
      const char *expected = step->words[i + 1];
      g_autofree char *marker = g_strconcat (" ", name, "=", NULL);
      const char *place = strstr (answer, marker);
      g_autofree char *found = NULL;

      if (g_str_has_prefix (name, "held-by."))
        {
          Helper *holder = find_process (self, name + strlen ("held-by."));
          g_autofree char *entry = g_strdup_printf (" %d:%s:test-helper", (int) holder->pid,
                                                    expected);

          if (has_holders && strstr (answer, entry) == NULL)
            script_fail (self, "expected a holder%s, the answer is \"%s\"", entry, answer);
          continue;
        }

      if (place == NULL)
        script_fail (self, "there is no figure \"%s\"", name);
      found = g_strdup_printf ("ok %d", atoi (place + strlen (marker)));
      if (!has_holders && g_str_has_prefix (name, "h"))
        expected = "-1";
      script_expect (self, expected, found);
    }
}

static void
command_look (Script *self,
              Step   *step)
{
  g_autofree char *key = script_expand (self, "KEY");
  g_autofree char *answer = NULL;

  helper_send (step->helper, "look %s", key);
  answer = helper_receive (step->helper);
  script_expect (self, step->answer != NULL ? step->answer : "any", answer);
  if (step->answer == NULL)
    expect_figures (self, step, answer);
}

/* --- Steps of the test itself --- */

static void
command_files (Script *self,
               Step   *step)
{
  g_auto(GStrv) names = fixture_list_keys (self->fixture);
  g_autofree char *text = g_strjoinv (" ", names);

  if ((int) g_strv_length (names) != script_get_number (self, step->words[1]))
    script_fail (self, "there are %u: \"%s\"", g_strv_length (names), text);
}

static void
command_remove (Script *self,
                Step   *step)
{
  const char *what = step->words[1];

  fixture_remove (self->fixture, g_str_equal (what, "COUNTER") ? REMOVE_COUNTER
                                 : g_str_equal (what, "NAME") ? REMOVE_NAME : REMOVE_BOTH);
}

static void
command_plant (Script *self,
               Step   *step)
{
  fixture_plant_content (self->fixture, "", 0);
}

static void
command_peer (Script *self,
              Step   *step)
{
  fixture_make_peer (self->fixture, script_get_number (self, step->words[1]));
}

static void
command_peer_has (Script *self,
                  Step   *step)
{
  fixture_remove_peer (self->fixture, script_get_number (self, step->words[1]));
}

static void
command_share (Script *self,
               Step   *step)
{
  fixture_share (self->fixture);
}

/* --- Steps --- */

typedef struct
{
  const char *name;
  Command perform;
} NamedCommand;

static const NamedCommand commands_of_process[] = {
  { "open", command_open },
  { "set-key", command_open },
  { "play", command_play },
  { "fork", command_fork },
  { "kill", command_kill },
  { "quit", command_quit },
  { "exit", command_exit },
  { "_exit", command_exit },
  { "abort", command_exit },
  { "exec", command_exec },
  { "signal", command_signal },
  { "stop", command_stop },
  { "continue", command_continue },
  { "blocks", expect_blocked },
  { "wakes", await_answer },
  { "may", command_may },
  { "look", command_look },
  { NULL },
};

static const NamedCommand commands_of_test[] = {
  { "files", command_files },
  { "remove", command_remove },
  { "plant", command_plant },
  { "peer", command_peer },
  { "peer-has", command_peer_has },
  { "share", command_share },
  { NULL },
};

static Command
find_command (const NamedCommand *commands,
              const char         *name)
{
  for (; commands->name != NULL; commands++)
    {
      if (g_str_equal (commands->name, name))
        return commands->perform;
    }

  return NULL;
}

static void
perform_step (Script     *self,
              const char *text)
{
  g_auto(GStrv) sides = g_strsplit (text, " = ", 2);
  g_auto(GStrv) words = g_strsplit (g_strstrip (sides[0]), " ", -1);
  Step step = { words, sides[1] };
  Command perform = find_command (commands_of_test, words[0]);

  self->step = text;
  helper_note_step (text);
  g_test_message ("%s", text);
  if (perform != NULL)
    {
      perform (self, &step);
      return;
    }

  if (words[1] == NULL)
    script_fail (self, "a process, and no command");
  if (strchr (words[0], '.') != NULL)
    {
      step.slot = atoi (strchr (words[0], '.') + 1);
      *strchr (words[0], '.') = '\0';
    }
  step.helper = find_process (self, words[0]);
  step.words = words + 1;
  perform = find_command (commands_of_process, words[1]);
  if (perform != NULL)
    {
      perform (self, &step);
    }
  else
    {
      send_words (self, &step, 0);
      await_answer (self, &step);
    }
}

static void
perform_steps (Script     *self,
               const char *text)
{
  g_auto(GStrv) steps = g_strsplit (text, ";", -1);
  int n_rounds = 1;
  guint first = 0, i;

  for (i = 0; steps[i] != NULL && !self->is_skipped; i++)
    {
      g_strstrip (steps[i]);
      if (g_str_has_prefix (steps[i], "repeat "))
        {
          n_rounds = atoi (steps[i] + strlen ("repeat "));
          self->round = 0;
          first = i;
        }
      else if (!g_str_equal (steps[i], "again"))
        {
          /* A field of a row may be empty. */
          if (*steps[i] != '\0')
            perform_step (self, steps[i]);
        }
      else if (++self->round < n_rounds && fixture_has_time (self->fixture))
        {
          i = first;
        }
    }
  helper_note_step (NULL);
}

/* Puts the fields of the row in the place of $1, $2 ... */
static char *
fill_in (const char *script,
         const char *row)
{
  g_auto(GStrv) fields = g_strsplit (row, "|", -1);
  GString *text = g_string_new (script);
  guint i;

  for (i = 0; fields[i] != NULL; i++)
    {
      char name[] = { '$', (char) ('1' + i), '\0' };

      g_string_replace (text, name, g_strstrip (fields[i]), 0);
    }

  return g_string_free (text, FALSE);
}

static void
run_once (Fixture    *fixture,
          const char *text)
{
  Script self = { .fixture = fixture };
  guint i;

  self.processes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  perform_steps (&self, text);
  for (i = 0; i < fixture->helpers->len; i++)
    {
      Helper *helper = g_ptr_array_index (fixture->helpers, i);

      if (helper->pid != 0)
        helper_quit (helper);
    }
  fixture_assert_empty (fixture);
  g_hash_table_unref (self.processes);
}

void
script_run (Fixture           *fixture,
            const char        *script,
            const char *const *rows)
{
  for (; rows != NULL && *rows != NULL; rows++)
    {
      g_autofree char *text = fill_in (script, *rows);

      g_test_message ("row %s", *rows);
      run_once (fixture, text);
    }
  if (rows == NULL)
    run_once (fixture, script);
}
