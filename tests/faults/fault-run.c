/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fault-run.h"

#include "ssem/shm/ssem-shm-layout-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The victim is a child of the test, which itself never uses the library. The two send each other
 * single letters:
 *
 *   b  victim: it is prepared           g  test: make the call
 *   d  victim: the call has returned    r  test: make the call again, without a fault
 *                                       c  test: drop the object, and leave no descriptor open
 *                                       l  test: drop the object; held units may keep a file open
 *   C  victim: the object is dropped    x  test: end
 *
 * At any time, the value and the held units add up to the units of the beginning, whether the call
 * succeeded or failed.
 */

#define WATCHDOG_SECONDS 60

char *
fault_run_other_key (FaultRun *self)
{
  return g_strconcat (self->fixture->key, " (other)", NULL);
}

/* Describes the fault, for a message. */
static char *
describe (FaultRun *self)
{
  FaultInjector *injector = &self->injector;

  if (injector->row < 0)
    return g_strdup ("no fault");

  return g_strdup_printf ("%s, occurrence %u: %s; the victim %s",
                          fault_rows[injector->row].name, injector->occurrence,
                          g_strerror (injector->error),
                          self->is_killed ? "is killed" : "quits");
}

/* --- The victim --- */

/* Without the descriptor of the directory of process files, which a process keeps until it ends. */
static int
count_files (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  int n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (link, NULL);

      n += target != NULL && strstr (target, "/processes") != NULL ? 0 : 1;
    }

  return n;
}

static gboolean
has_no_more_files (gpointer data)
{
  return count_files () <= *(int *) data;
}

static char
receive (FaultRun *self)
{
  char letter;

  /* A test that has failed has ended. */
  if (read (self->socket, &letter, 1) != 1)
    _exit (1);

  return letter;
}

static void
send_letter (FaultRun *self,
             char      letter)
{
  if (write (self->socket, &letter, 1) != 1)
    _exit (1);
}

static void
record (FaultRun *self,
        gboolean  is_ok,
        GError   *error)
{
  FaultOutcome *outcome = self->outcome;
  g_autofree char *string = NULL;

  g_assert_true (is_ok == (error == NULL));
  outcome->is_ok = is_ok;
  outcome->last = -1;
  outcome->message[0] = '\0';
  if (error != NULL)
    {
      g_assert_true (error->domain == G_IO_ERROR || error->domain == SSEM_SYSTEM_SEMAPHORE_ERROR);
      outcome->is_of_gio = error->domain == G_IO_ERROR;
      outcome->code = error->code;
      g_strlcpy (outcome->message, error->message, sizeof outcome->message);
    }
  /* An error of a constructor has no object. */
  if (self->object != NULL && !(self->scenario->has_object && self->scenario->opens))
    {
      outcome->last = ssem_system_semaphore_get_error (self->object);
      string = ssem_system_semaphore_get_error_string (self->object);
      g_assert_cmpstr (string, ==, outcome->message);
    }
  g_clear_error (&error);
}

static void
call (FaultRun *self,
      gboolean  is_armed)
{
  GError *error = NULL;
  gboolean is_ok;

  atomic_store (&self->outcome->window.is_armed, is_armed);
  is_ok = self->scenario->call (self, &error);
  atomic_store (&self->outcome->window.is_armed, FALSE);
  record (self, is_ok, error);
  send_letter (self, 'd');
}

/* Continues in a child; the parent ends after the child, with its status. */
static void
go_on_in_child (FaultRun *self)
{
  pid_t child = fork ();
  int status;

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      return;
    }

  close (self->socket);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_clear_object (&self->object);
  if (WIFSIGNALED (status))
    _exit (WTERMSIG (status) == SIGKILL ? 0 : 1);
  _exit (WEXITSTATUS (status));
}

static void
warm_up_glib (void)
{
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));
}

SsemSystemSemaphore *
fault_run_open (FaultRun        *self,
                SsemAccessMode   mode,
                int              initial_value,
                GError         **error)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                         "key", self->fixture->key,
                         "initial-value", initial_value,
                         "mode", mode,
                         "backend", self->fixture->backend,
                         NULL);
}

typedef struct
{
  SsemSystemSemaphore *object;
  GAsyncQueue *arrived;
  GAsyncQueue *never;
} SlotUsers;

static gpointer
use_slot (gpointer data)
{
  SlotUsers *users = data;

  assert_acquire (users->object, 1);
  assert_release (users->object, 1);
  g_async_queue_push (users->arrived, users);
  g_async_queue_pop (users->never);

  return NULL;
}

/* Uses all slots of a new segment but slot 0, which is never used, and the neighbour's. */
static void
use_all_slots (FaultRun *self)
{
  static SlotUsers users;
  gsize i;

  users = (SlotUsers) { self->object, g_async_queue_new (), g_async_queue_new () };
  for (i = 0; i < SSEM_SHM_FIRST_SLOTS - 2; i++)
    {
      g_thread_unref (g_thread_new ("slot-user", use_slot, &users));
      g_async_queue_pop (users.arrived);
    }
}

G_NORETURN static void
be_victim (FaultRun *self)
{
  const FaultScenario *scenario = self->scenario;
  g_autoptr(GError) error = NULL;
  char letter;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  alarm (WATCHDOG_SECONDS);
  if (!fault_submit (self->socket))
    _exit (1);

  /* GLib starts a thread for the first task, and ends the program where it cannot. */
  warm_up_glib ();
  /* The first count may itself open something. */
  self->n_files = count_files ();
  self->n_files = count_files ();
  if (scenario->has_object || scenario->had_object)
    {
      self->object = fault_run_open (self, SSEM_ACCESS_MODE_OPEN, FAULT_INITIAL, &error);
      g_assert_no_error (error);
    }
  if (scenario->had_object)
    g_clear_object (&self->object);
  if (scenario->holds > 0)
    assert_acquire (self->object, scenario->holds);
  if (scenario->uses_all_slots)
    use_all_slots (self);
  if (scenario->is_in_child)
    go_on_in_child (self);

  atomic_store (&self->outcome->window.process, getpid ());
  send_letter (self, 'b');
  while ((letter = receive (self)) != 'x')
    {
      if (letter == 'g')
        call (self, TRUE);
      else if (letter == 'r')
        call (self, FALSE);
      else
        {
          g_clear_object (&self->object);
          /* The thread of the death watch closes its descriptor a moment later. */
          if (letter == 'c')
            wait_for ("files to be closed", has_no_more_files, &self->n_files);
          send_letter (self, 'C');
        }
    }
  _exit (0);
}

/* --- The test --- */

G_GNUC_PRINTF (2, 3) G_NORETURN static void
complain (FaultRun   *self,
          const char *format,
          ...)
{
  g_autofree char *fault = describe (self);
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_error ("%s (%s): %s; the call: %s", self->scenario->name, fault, text,
           self->outcome->is_ok ? "succeeded" : self->outcome->message);
}

/* Waits for a letter of the victim. Returns FALSE at the timeout. */
static gboolean
receive_from_victim (FaultRun *self,
                     char      expected,
                     int       timeout_msec)
{
  struct pollfd waited = { .fd = self->socket, .events = POLLIN };
  char letter = '\0';

  if (poll (&waited, 1, timeout_msec) <= 0)
    return FALSE;

  if (read (self->socket, &letter, 1) != 1)
    complain (self, "the victim is gone");
  g_assert_cmpint (letter, ==, expected);

  return TRUE;
}

static void
await (FaultRun *self,
       char      expected)
{
  if (!receive_from_victim (self, expected, WATCHDOG_SECONDS * 1000))
    complain (self, "the victim does not send “%c”", expected);
}

static void
say (FaultRun *self,
     char      letter)
{
  g_assert_cmpint (write (self->socket, &letter, 1), ==, 1);
}

/* Returns how many units a waiting neighbour wants. */
static int
wanted (FaultRun *self)
{
  return FAULT_INITIAL - self->scenario->holds + 1;
}

/* Checks that the waiting neighbour gets its units. */
static void
serve_neighbour (FaultRun *self)
{
  helper_expect_ok (self->neighbour);
  self->neighbour_holds = wanted (self);
}

static void
ensure_neighbour (FaultRun *self)
{
  if (self->neighbour == NULL)
    self->neighbour = fixture_helper (self->fixture);
}

static void
lose_neighbour (FaultRun *self)
{
  helper_kill (self->neighbour);
  self->neighbour = NULL;
  self->neighbour_is_open = FALSE;
  self->neighbour_holds = 0;
}

static void
set_scene (FaultRun *self)
{
  const FaultScenario *scenario = self->scenario;

  ensure_neighbour (self);
  self->neighbour_is_open = FALSE;
  self->neighbour_has_acted = FALSE;
  self->neighbour_holds = 0;
  self->total = FAULT_INITIAL;
  self->victim_holds = scenario->holds;
  self->victim_is_attached = scenario->has_object;
  self->is_there = scenario->has_object || scenario->before != FAULT_UNKNOWN;
  if (scenario->before == FAULT_UNKNOWN)
    return;

  helper_open (self->neighbour, 0, SSEM_ACCESS_MODE_OPEN, FAULT_INITIAL, TRUE, self->fixture->key);
  self->neighbour_is_open = TRUE;
  if (scenario->neighbour != FAULT_WAITS)
    {
      helper_run_expect_ok (self->neighbour, "acquire 0 1");
      self->neighbour_holds = 1;
    }
  if (scenario->before == FAULT_LEFTOVER)
    {
      lose_neighbour (self);
      ensure_neighbour (self);
    }
}

static void
start_victim (FaultRun *self)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  self->victim = fork ();
  g_assert_cmpint (self->victim, >=, 0);
  if (self->victim == 0)
    {
      close (ends[0]);
      self->socket = ends[1];
      be_victim (self);
    }

  close (ends[1]);
  self->socket = ends[0];
  fault_injector_start (&self->injector, &self->outcome->window, self->fixture->keys_directory,
                        self->socket);
  await (self, 'b');
  if (self->scenario->neighbour == FAULT_WAITS)
    {
      helper_send (self->neighbour, "acquire 0 %d", wanted (self));
      wait_until_blocked (self->fixture->backend, self->neighbour->pid, 1);
    }
}

/* Lets the victim make the call, and the neighbour act during the call. */
static void
make_call (FaultRun *self,
           char      letter)
{
  gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;

  say (self, letter);
  while (!receive_from_victim (self, 'd', 1))
    {
      if (g_get_monotonic_time () > deadline_usec)
        complain (self, "the call does not return");
      if (self->neighbour_has_acted || !atomic_load (&self->injector.has_waited))
        continue;

      self->neighbour_has_acted = TRUE;
      if (self->scenario->neighbour == FAULT_RELEASES)
        {
          helper_run_expect_ok (self->neighbour, "release 0 1");
          self->neighbour_holds = 0;
        }
      else if (self->scenario->neighbour == FAULT_DIES)
        {
          lose_neighbour (self);
          ensure_neighbour (self);
        }
    }
}

/* --- What must hold --- */

static void
check_value (FaultRun   *self,
             int         slot,
             int         expected,
             const char *when)
{
  int value = helper_get_value (self->neighbour, slot);

  if (value != expected)
    complain (self, "%s there are %d units, not %d", when, value, expected);
}

/* Returns whether the call ended as it does without a fault. */
static gboolean
is_as_without_fault (FaultRun *self)
{
  const FaultScenario *scenario = self->scenario;
  FaultOutcome *outcome = self->outcome;

  if (scenario->error == 0)
    return outcome->is_ok;

  return !outcome->is_ok && outcome->code == scenario->error &&
         outcome->is_of_gio == scenario->is_of_gio;
}

/* Returns whether the call removes a leftover before its successor gets the name. */
static gboolean
replaces_leftover (FaultRun *self)
{
  return self->scenario->before == FAULT_LEFTOVER &&
         self->scenario->mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE;
}

static void
check_outcome (FaultRun *self,
               gboolean  may_fail)
{
  const FaultScenario *scenario = self->scenario;
  FaultOutcome *outcome = self->outcome;
  FaultInjector *injector = &self->injector;
  const FaultRow *row = injector->row >= 0 ? &fault_rows[injector->row] : NULL;
  int last = outcome->is_of_gio ? SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR : outcome->code;

  if (outcome->last >= 0 && outcome->last != (outcome->is_ok ? 0 : last))
    complain (self, "get_error () says %d", outcome->last);

  if (!is_as_without_fault (self))
    {
      if (!may_fail || row == NULL || !atomic_load (&injector->has_injected))
        complain (self, "no system call failed, but the call ended otherwise");
      if ((row->is_absorbed && !(replaces_leftover (self) && row->is_removal)) ||
          injector->error == EINTR)
        complain (self, "this fault need not be reported");
      if (outcome->is_ok || outcome->is_of_gio ||
          !fault_may_be (row, injector->error, outcome->code))
        complain (self, "reported as %s %d", outcome->is_of_gio ? "GIO's" : "ours",
                  outcome->is_ok ? 0 : outcome->code);
    }
  if (!outcome->is_ok && strstr (outcome->message, self->fixture->key) == NULL)
    complain (self, "the message does not name the key");

  if (outcome->is_ok)
    {
      self->victim_holds += scenario->takes;
      if (scenario->total > 0)
        {
          /* Units that were held before are forgotten. */
          self->total = scenario->total;
          self->neighbour_holds = 0;
          self->victim_holds = 0;
        }
      if (!scenario->has_object)
        self->victim_is_attached = TRUE;
    }
  if (scenario->closes || (scenario->changes_key && !outcome->is_ok))
    self->victim_is_attached = FALSE;
  self->is_there = self->victim_is_attached || self->neighbour_is_open ||
                   (scenario->before == FAULT_LEFTOVER && !outcome->is_ok);
}

/* Returns whether the fault may have kept something from being closed or removed. */
static gboolean
may_leave_something (FaultRun *self)
{
  return atomic_load (&self->injector.has_injected) &&
         (self->scenario->closes || self->scenario->changes_key ||
          fault_rows[self->injector.row].is_removal);
}

/* Checks that another process finds the right value, and none of the locks of a call. */
static void
check_state (FaultRun *self)
{
  g_autofree char *other_key = fault_run_other_key (self);
  gboolean is_other = self->scenario->changes_key && self->victim_is_attached;
  const char *key = is_other ? other_key : self->fixture->key;
  g_autofree char *answer = NULL;

  helper_send_open (self->neighbour, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  answer = helper_receive (self->neighbour);
  if (replaces_leftover (self) && !self->outcome->is_ok)
    self->is_there = g_str_equal (answer, "ok");
  if (self->is_there != g_str_equal (answer, "ok"))
    complain (self, "the next opener gets “%s”", answer);
  if (!self->is_there)
    {
      if (!g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 4 "))
        complain (self, "the next opener gets “%s”", answer);
      return;
    }

  check_value (self, 1, self->total - self->neighbour_holds - self->victim_holds, "now");
  helper_run_expect_ok (self->neighbour, "close 1");
}

static void
check_empty (FaultRun *self)
{
  g_auto(GStrv) names = NULL;
  g_autofree char *other_key = fault_run_other_key (self);

  if (may_leave_something (self))
    {
      /* The next user of a key removes what could not be removed. */
      helper_open (self->neighbour, 1, SSEM_ACCESS_MODE_OPEN, 1, TRUE, self->fixture->key);
      helper_run_expect_ok (self->neighbour, "close 1");
      helper_open (self->neighbour, 1, SSEM_ACCESS_MODE_OPEN, 1, TRUE, other_key);
      helper_run_expect_ok (self->neighbour, "close 1");
    }

  names = fixture_list_keys (self->fixture);
  if (names[0] != NULL)
    complain (self, "“%s” is left", names[0]);
}

/* --- All of it --- */

static void
end_victim (FaultRun *self)
{
  int status;

  if (self->is_killed)
    {
      kill (atomic_load (&self->outcome->window.process), SIGKILL);
    }
  else
    {
      say (self, self->victim_holds > 0 ? 'l' : 'c');
      await (self, 'C');
      self->victim_is_attached = self->scenario->is_in_child;
      if (self->neighbour_is_open)
        {
          /* The victim keeps its units. */
          if (!self->scenario->changes_key)
            check_value (self, 0, self->total - self->neighbour_holds - self->victim_holds,
                         "with its object closed");
        }
      if (self->neighbour_is_open && self->scenario->neighbour != FAULT_WAITS &&
          !self->scenario->is_in_child)
        {
          helper_run_expect_ok (self->neighbour, "close 0");
          self->neighbour_is_open = FALSE;
          /* A fault may have kept the victim attached. */
          if (!may_leave_something (self))
            check_empty (self);
        }
      say (self, 'x');
    }

  while (waitpid (self->victim, &status, 0) < 0)
    ;
  close (self->socket);
  fault_injector_finish (&self->injector);
  if (!(WIFEXITED (status) && WEXITSTATUS (status) == 0) &&
      !(self->is_killed && WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL))
    complain (self, "the victim ended with status %x", status);
}

void
fault_run (FaultRun *self)
{
  alarm (2 * WATCHDOG_SECONDS);
  self->outcome = mmap (NULL, sizeof *self->outcome, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (self->outcome != MAP_FAILED);

  set_scene (self);
  start_victim (self);
  make_call (self, 'g');
  check_outcome (self, TRUE);

  if (self->scenario->neighbour == FAULT_WAITS && self->outcome->is_ok)
    serve_neighbour (self);
  else if (self->scenario->neighbour == FAULT_WAITS)
    wait_until_blocked (self->fixture->backend, self->neighbour->pid, 1);
  /* A neighbour that still waits cannot check anything. */
  if ((!may_leave_something (self) || self->is_there) &&
      (self->scenario->neighbour != FAULT_WAITS || self->neighbour_holds > 0))
    check_state (self);

  /* A call that failed succeeds the next time. The check above has removed a leftover. */
  if (!is_as_without_fault (self) && self->scenario->before != FAULT_LEFTOVER &&
      !self->scenario->changes_key)
    {
      make_call (self, 'r');
      check_outcome (self, FALSE);
      if (self->scenario->neighbour == FAULT_WAITS)
        serve_neighbour (self);
      check_state (self);
    }

  end_victim (self);
  if (self->neighbour_is_open)
    {
      check_value (self, 0, self->total - self->neighbour_holds, "after its end");
      helper_run_expect_ok (self->neighbour, "close 0");
    }
  else if (self->is_killed && self->is_there && self->victim_is_attached)
    {
      g_autofree char *other_key = fault_run_other_key (self);

      helper_open (self->neighbour, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE,
                   self->scenario->changes_key ? other_key : self->fixture->key);
      check_value (self, 1, self->total, "after its end");
      helper_run_expect_ok (self->neighbour, "close 1");
    }
  check_empty (self);

  if (self->injector.unknown >= 0)
    complain (self, "no row of the table knows the system call %d", self->injector.unknown);
  munmap (self->outcome, sizeof *self->outcome);
}
