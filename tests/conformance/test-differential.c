/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <string.h>

/* The semaphore against a model of it.
 *
 * A history is a sequence of random actions by several processes, each with several objects of two
 * keys. One action is over before the next begins, so the model knows every outcome: the result of
 * the action, and the value, who is attached and whether it is a leftover after it.
 *
 * The model is the contract in a few lines. A semaphore has a value. A process has a balance: what
 * it acquired through objects with undo, less what it released through them. A reset sets the value
 * and makes all balances 0. A death adds what is positive of the balance to the value. The last
 * process that leaves in good order removes the semaphore.
 *
 * Each history has a seed of its own, which follows from the seed of the program. A failure names
 * both; `test-differential --seed R02S...` repeats all histories, and with SSEM_TEST_HISTORY the
 * one with that seed alone.
 */

#define N_PROCESSES 3
#define N_OBJECTS 2
#define N_KEYS 2

#define QUICK_HISTORIES 80
#define N_ACTIONS 60

/* In a thousand. */
#define RARELY 50

typedef struct
{
  gboolean exists;
  int value;
} Semaphore;

typedef struct
{
  gboolean is_there;
  gboolean is_open; /* not where set_key () has failed */
  int key;
  SsemAccessMode mode;
  int initial_value;
  gboolean undo;
} Object;

typedef struct
{
  Helper *helper; /* NULL: not started, or dead */
  Object objects[N_OBJECTS];
  int balance[N_KEYS];
} Process;

typedef struct
{
  Fixture *fixture;
  guint32 seed;
  GRand *random;
  char *keys[N_KEYS];
  Semaphore semaphores[N_KEYS];
  Process processes[N_PROCESSES];
  GString *history; /* the actions so far, one a line */
} World;

/* What an action answers: success, or an error. */
typedef enum
{
  DONE,
  WOULD_BLOCK,
  TIMED_OUT,
  INVALID,
  EXISTS,
  NOT_FOUND,
  TOO_MUCH,
} Outcome;

static const char *const mode_names[] = {
  "OPEN", "CREATE", "OPEN_EXISTING", "CREATE_EXCLUSIVE", "JOIN",
};

/* --- The model --- */

static guint
count_attached (World *self,
                int    key)
{
  guint n = 0;
  int i, j;

  for (i = 0; i < N_PROCESSES; i++)
    {
      for (j = 0; j < N_OBJECTS; j++)
        {
          Object *object = &self->processes[i].objects[j];

          if (object->is_open && object->key == key)
            break;
        }
      n += j < N_OBJECTS ? 1 : 0;
    }

  return n;
}

static void
model_forget_balances (World *self,
                       int    key)
{
  int i;

  for (i = 0; i < N_PROCESSES; i++)
    self->processes[i].balance[key] = 0;
}

static void
model_set (World *self,
           int    key,
           int    value)
{
  self->semaphores[key] = (Semaphore) { TRUE, value };
  model_forget_balances (self, key);
}

static Outcome
model_open (World  *self,
            Object *object)
{
  int key = object->key;
  gboolean exists = self->semaphores[key].exists;
  gboolean is_live = count_attached (self, key) > 0;

  if (!exists && object->mode == SSEM_ACCESS_MODE_OPEN_EXISTING)
    return NOT_FOUND;
  if (is_live && object->mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    return EXISTS;

  if (!exists || object->mode == SSEM_ACCESS_MODE_CREATE ||
      (!is_live && (object->mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE ||
                    object->mode == SSEM_ACCESS_MODE_JOIN)))
    model_set (self, key, object->initial_value);
  object->is_open = TRUE;

  return DONE;
}

static void
model_close (World  *self,
             Object *object)
{
  if (!object->is_open)
    return;

  object->is_open = FALSE;
  if (count_attached (self, object->key) == 0)
    {
      self->semaphores[object->key].exists = FALSE;
      model_forget_balances (self, object->key);
    }
}

static void
model_die (World   *self,
           Process *process)
{
  int key;

  memset (process->objects, 0, sizeof process->objects);
  for (key = 0; key < N_KEYS; key++)
    {
      if (self->semaphores[key].exists)
        self->semaphores[key].value += MAX (0, process->balance[key]);
      process->balance[key] = 0;
    }
}

/* An operation; one on an object that is not open opens it first. */
static Outcome
model_operate (World   *self,
               Process *process,
               Object  *object,
               int      n_taken,
               int      n,
               Outcome  failure)
{
  Semaphore *semaphore = &self->semaphores[object->key];
  Outcome outcome;

  if (n <= 0)
    return INVALID;
  if (!object->is_open && (outcome = model_open (self, object)) != DONE)
    return outcome;
  if (n_taken > semaphore->value)
    return failure;
  if (n_taken < 0 && n > fixture_maximum (self->fixture) - semaphore->value)
    return TOO_MUCH;

  semaphore->value -= n_taken;
  if (object->undo)
    process->balance[object->key] += n_taken;

  return DONE;
}

/* --- The processes --- */

static void
fail (World      *self,
      const char *format,
      ...) G_GNUC_PRINTF (2, 3);

static void
fail (World      *self,
      const char *format,
      ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  g_printerr ("%sHistory %u, last action: %s\n", self->history->str, self->seed, text);
  g_error ("History %u: %s", self->seed, text);
}

static char *
expected_answer (Outcome outcome)
{
  static const struct
  {
    gboolean is_io;
    int code;
  } errors[] = {
    [WOULD_BLOCK] = { TRUE, G_IO_ERROR_WOULD_BLOCK },
    [TIMED_OUT] = { TRUE, G_IO_ERROR_TIMED_OUT },
    [INVALID] = { TRUE, G_IO_ERROR_INVALID_ARGUMENT },
    [EXISTS] = { FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS },
    [NOT_FOUND] = { FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND },
    [TOO_MUCH] = { FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES },
  };
  GQuark domain = errors[outcome].is_io ? G_IO_ERROR : SSEM_SYSTEM_SEMAPHORE_ERROR;

  if (outcome == DONE)
    return g_strdup ("ok");

  return g_strdup_printf ("error %s %d ", g_quark_to_string (domain), errors[outcome].code);
}

/* Takes the answer to the last command, which must begin as @outcome does. */
static void
expect (World   *self,
        Process *process,
        Outcome  outcome)
{
  g_autofree char *expected = expected_answer (outcome);
  g_autofree char *answer = helper_receive (process->helper);

  if (!g_str_has_prefix (answer, expected))
    fail (self, "expected \"%s\", not \"%s\"", expected, answer);
}

static void
note (World      *self,
      Process    *process,
      const char *format,
      ...) G_GNUC_PRINTF (3, 4);

static void
note (World      *self,
      Process    *process,
      const char *format,
      ...)
{
  va_list args;

  g_string_append_printf (self->history, "  process %d: ", (int) (process - self->processes));
  va_start (args, format);
  g_string_append_vprintf (self->history, format, args);
  va_end (args);
  g_string_append_c (self->history, '\n');
}

static int
draw (World *self,
      int    begin,
      int    end)
{
  return g_rand_int_range (self->random, begin, end);
}

/* --- Actions --- */

/* Mostly a few units; seldom a number that is never right. */
static int
draw_units (World *self)
{
  int thousandth = draw (self, 0, 1000);

  return thousandth < RARELY / 2 ? 0 : thousandth < RARELY ? -1 : draw (self, 1, 5);
}

static void
draw_opening (World  *self,
              Object *object)
{
  /* Mostly the first, so that processes meet there. */
  object->key = draw (self, 0, 4) == 0 ? 1 : 0;
  object->initial_value = draw (self, 0, 7);
  /* Most openings use what is there. */
  object->mode = draw (self, 0, 2) == 0 ? SSEM_ACCESS_MODE_OPEN
                                        : (SsemAccessMode) draw (self, 0, G_N_ELEMENTS (mode_names));
}

static void
act_open (World   *self,
          Process *process,
          Object  *object)
{
  int slot = (int) (object - process->objects);
  Outcome outcome;

  draw_opening (self, object);
  object->undo = draw (self, 0, 4) != 0;
  note (self, process, "open %d: key %d, %s, %d units%s", slot, object->key,
        mode_names[object->mode], object->initial_value, object->undo ? "" : ", no undo");

  outcome = model_open (self, object);
  object->is_there = outcome == DONE;
  helper_send_open (process->helper, slot, object->mode, object->initial_value, object->undo,
                    self->keys[object->key]);
  expect (self, process, outcome);
}

static void
act_set_key (World   *self,
             Process *process,
             Object  *object)
{
  int slot = (int) (object - process->objects);
  g_autofree char *escaped = NULL;

  model_close (self, object);
  draw_opening (self, object);
  note (self, process, "set-key %d: key %d, %s, %d units", slot, object->key,
        mode_names[object->mode], object->initial_value);

  escaped = g_strescape (self->keys[object->key], NULL);
  helper_send (process->helper, "set-key %d %d %d %s", slot, (int) object->mode,
               object->initial_value, escaped);
  expect (self, process, model_open (self, object));
}

static void
act_close (World   *self,
           Process *process,
           Object  *object)
{
  int slot = (int) (object - process->objects);

  note (self, process, "close %d", slot);
  model_close (self, object);
  object->is_there = FALSE;
  helper_send (process->helper, "close %d", slot);
  expect (self, process, DONE);
}

static void
act_acquire (World   *self,
             Process *process,
             Object  *object)
{
  int slot = (int) (object - process->objects);
  int n = draw_units (self);
  int kind = draw (self, 0, 3);
  Semaphore *semaphore = &self->semaphores[object->key];

  /* One that may wait has to find its units. */
  if (kind == 1 && object->is_open && n <= semaphore->value)
    {
      note (self, process, "acquire %d: %d", slot, n);
      helper_send (process->helper, "acquire %d %d", slot, n);
    }
  else if (kind == 2)
    {
      note (self, process, "acquire-timeout %d: %d", slot, n);
      helper_send (process->helper, "timeout %d %d 1", slot, n);
    }
  else
    {
      kind = 0;
      note (self, process, "try %d: %d", slot, n);
      helper_send (process->helper, "try %d %d", slot, n);
    }
  expect (self, process, model_operate (self, process, object, n, n,
                                        kind == 2 ? TIMED_OUT : WOULD_BLOCK));
}

static void
act_release (World   *self,
             Process *process,
             Object  *object)
{
  int slot = (int) (object - process->objects);
  int n = draw (self, 0, 1000) < RARELY ? fixture_maximum (self->fixture) : draw_units (self);

  /* The largest number is for a value that it cannot be added to. */
  if (n == fixture_maximum (self->fixture) &&
      (!object->is_open || self->semaphores[object->key].value == 0))
    n = 1;

  /* A look gives back what the dead held. Until somebody looks, the value may have room for
   * more. */
  if (n == fixture_maximum (self->fixture))
    helper_get_value (process->helper, slot);

  note (self, process, "release %d: %d", slot, n);
  helper_send (process->helper, "release %d %d", slot, n);
  expect (self, process, model_operate (self, process, object, -n, n, DONE));
}

static void
act_end (World   *self,
         Process *process)
{
  int kind = draw (self, 0, 5);
  int i;

  /* Those in good order leave first. */
  if (kind >= 3)
    {
      for (i = 0; i < N_OBJECTS; i++)
        model_close (self, &process->objects[i]);
    }
  model_die (self, process);

  switch (kind)
    {
    case 0:
    case 1:
      note (self, process, "dies of SIGKILL");
      helper_kill (process->helper);
      break;

    case 2:
      note (self, process, "_exit");
      helper_send (process->helper, "_exit 0");
      helper_reap (process->helper);
      break;

    case 3:
      note (self, process, "exit");
      helper_send (process->helper, "exit 0");
      helper_reap (process->helper);
      break;

    default:
      note (self, process, "drops all and ends");
      helper_quit (process->helper);
      break;
    }

  g_ptr_array_remove (self->fixture->helpers, process->helper);
  process->helper = NULL;
}

static void
act (World *self)
{
  Process *process = &self->processes[draw (self, 0, N_PROCESSES)];
  Object *object = &process->objects[draw (self, 0, N_OBJECTS)];
  int what = draw (self, 0, 20);

  if (process->helper == NULL)
    process->helper = fixture_helper (self->fixture);

  if (what < 2)
    act_end (self, process);
  else if (!object->is_there)
    act_open (self, process, object);
  else if (what < 5)
    act_close (self, process, object);
  else if (what < 7)
    act_set_key (self, process, object);
  else if (what < 14)
    act_acquire (self, process, object);
  else
    act_release (self, process, object);
}

/* --- What there is after an action --- */

static void
check_value (World *self,
             int    key,
             int    found)
{
  if (found != self->semaphores[key].value)
    fail (self, "the value of key %d is %d, not %d", key, found, self->semaphores[key].value);
}

/* Asks every object for the value. */
static void
check_objects (World *self)
{
  int i, j;

  for (i = 0; i < N_PROCESSES; i++)
    {
      for (j = 0; j < N_OBJECTS; j++)
        {
          Process *process = &self->processes[i];

          if (process->objects[j].is_open)
            check_value (self, process->objects[j].key, helper_get_value (process->helper, j));
        }
    }
}

/* Looks without attaching. */
static void
check_infos (World *self)
{
  int key;

  for (key = 0; key < N_KEYS; key++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(SsemSemaphoreInfo) info =
        ssem_semaphore_info_query (self->keys[key], self->fixture->backend, &error);
      guint n_attached = count_attached (self, key);

      if (info == NULL &&
          !g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                            SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
        fail (self, "the query for key %d: %s", key, error->message);
      if ((info != NULL) != self->semaphores[key].exists)
        fail (self, "key %d %s", key, info != NULL ? "exists" : "does not exist");
      if (info == NULL)
        continue;

      check_value (self, key, ssem_semaphore_info_get_value (info));
      if ((guint) ssem_semaphore_info_get_n_attached (info) != n_attached)
        fail (self, "%d processes are attached to key %d, not %u",
              ssem_semaphore_info_get_n_attached (info), key, n_attached);
      if (ssem_semaphore_info_is_leftover (info) != (n_attached == 0))
        fail (self, "key %d is%s left over", key, n_attached == 0 ? " not" : "");
    }
}

/* --- Histories --- */

static void
run_history (Fixture *fixture,
             guint32  seed)
{
  World self = { .fixture = fixture, .seed = seed };
  int i, key;

  self.random = g_rand_new_with_seed (seed);
  self.history = g_string_new (NULL);
  for (key = 0; key < N_KEYS; key++)
    self.keys[key] = g_strdup_printf ("%s, %d", fixture->key, key);
  g_test_message ("history %u", seed);

  for (i = 0; i < N_ACTIONS; i++)
    {
      act (&self);
      /* By turns, as a look by an attached process may change what it looks at. */
      if (draw (&self, 0, 2) == 0)
        check_infos (&self);
      else
        check_objects (&self);
    }

  for (i = 0; i < N_PROCESSES; i++)
    {
      if (self.processes[i].helper != NULL)
        act_end (&self, &self.processes[i]);
    }
  check_infos (&self);

  /* What is left over has the value that the model knows, and goes with its next user. */
  self.processes[0].helper = fixture_helper (fixture);
  for (key = 0; key < N_KEYS; key++)
    {
      helper_open (self.processes[0].helper, key, SSEM_ACCESS_MODE_OPEN,
                   self.semaphores[key].value, TRUE, self.keys[key]);
      check_value (&self, key, helper_get_value (self.processes[0].helper, key));
    }
  helper_quit (self.processes[0].helper);
  g_ptr_array_remove (fixture->helpers, self.processes[0].helper);
  fixture_assert_empty (fixture);

  for (key = 0; key < N_KEYS; key++)
    g_free (self.keys[key]);
  g_string_free (self.history, TRUE);
  g_rand_free (self.random);
}

static void
test_histories (Fixture *fixture)
{
  const char *only = g_getenv ("SSEM_TEST_HISTORY");
  gboolean is_thorough = g_getenv ("SSEM_TEST_THOROUGH") != NULL;
  guint i;

  if (only != NULL)
    {
      run_history (fixture, (guint32) g_ascii_strtoull (only, NULL, 10));
      return;
    }

  for (i = 0; i == 0 || (fixture_has_time (fixture) && (is_thorough || i < QUICK_HISTORIES)); i++)
    run_history (fixture, (guint32) g_test_rand_int ());
}

const char conformance_topic[] = "differential";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "histories", NEEDS_UNDO | NEEDS_RESET | NEEDS_LEFTOVERS | NEEDS_SIGNALS, test_histories },
  { NULL },
};
