/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fault-run.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

/* Every system call fails.
 *
 * Each scenario is a call of the library, made in a new process for each fault: the first system
 * call of a kind fails with each of its errors, then the second such call, and so on until none is
 * left. fault-table.c has the kinds and their errors, fault-run.c the checks.
 *
 * By default, one of FAULTS_SKIPPED + 1 faults is tried, from a random fault on, and the victim is
 * killed or quits, at random. With SSEM_TEST_THOROUGH in the environment, every fault is tried,
 * with both ends.
 */

#define FAULTS_SKIPPED 9

static gboolean is_thorough;
static gboolean has_own_sets;
static guint n_faults;

/* --- The calls --- */

static gboolean
call_open (FaultRun  *run,
           GError   **error)
{
  SsemSystemSemaphore *opened;

  opened = fault_run_open (run, run->scenario->mode, FAULT_RESET, error);
  /* A second object is not used any further. */
  if (opened != NULL && run->object != NULL)
    g_object_unref (opened);
  else if (opened != NULL)
    run->object = opened;

  return opened != NULL;
}

static gboolean
call_close (FaultRun  *run,
            GError   **error)
{
  g_clear_object (&run->object);

  return TRUE;
}

static gboolean
call_set_key (FaultRun  *run,
              GError   **error)
{
  g_autofree char *key = fault_run_other_key (run);

  return ssem_system_semaphore_set_key (run->object, key, FAULT_RESET, run->scenario->mode, error);
}

static gboolean
call_acquire (FaultRun  *run,
              GError   **error)
{
  return ssem_system_semaphore_acquire (run->object, 1, NULL, error);
}

static gboolean
call_acquire_cancellable (FaultRun  *run,
                          GError   **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  return ssem_system_semaphore_acquire (run->object, 1, cancellable, error);
}

static gboolean
call_acquire_soon (FaultRun  *run,
                   GError   **error)
{
  return ssem_system_semaphore_acquire_timeout (run->object, 1, 2000, NULL, error);
}

static gboolean
call_try_acquire (FaultRun  *run,
                  GError   **error)
{
  return ssem_system_semaphore_try_acquire (run->object, 1, error);
}

static gboolean
call_release (FaultRun  *run,
              GError   **error)
{
  return ssem_system_semaphore_release (run->object, 1, error);
}

static gboolean
call_get_value (FaultRun  *run,
                GError   **error)
{
  return ssem_system_semaphore_get_value (run->object, error) >= 0;
}

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  GAsyncResult **location = data;

  *location = g_object_ref (result);
}

static gboolean
call_acquire_async (FaultRun  *run,
                    GError   **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  ssem_system_semaphore_acquire_async (run->object, 1, NULL, acquired_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return ssem_system_semaphore_acquire_finish (run->object, result, error);
}

/* --- The scenarios --- */

#define OPENS(name_, before_, mode_, ...) \
  { .name = name_, .call = call_open, .opens = TRUE, .before = before_, \
    .mode = SSEM_ACCESS_MODE_##mode_, __VA_ARGS__ }

/* The victim calls a method of its object, while a neighbour is attached. */
#define CALLS(name_, call_, ...) \
  { .name = name_, .call = call_, .before = FAULT_LIVE, .has_object = TRUE, __VA_ARGS__ }

static const FaultScenario scenarios[] = {
  OPENS ("open-unknown", FAULT_UNKNOWN, OPEN, .total = FAULT_RESET),
  OPENS ("create-unknown", FAULT_UNKNOWN, CREATE, .total = FAULT_RESET),
  OPENS ("open-existing-unknown", FAULT_UNKNOWN, OPEN_EXISTING,
         .error = SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND),
  OPENS ("create-exclusive-unknown", FAULT_UNKNOWN, CREATE_EXCLUSIVE, .total = FAULT_RESET),
  OPENS ("open-once-more", FAULT_UNKNOWN, OPEN, .had_object = TRUE, .total = FAULT_RESET),
  OPENS ("open-live", FAULT_LIVE, OPEN),
  OPENS ("create-live", FAULT_LIVE, CREATE, .total = FAULT_RESET),
  OPENS ("open-existing-live", FAULT_LIVE, OPEN_EXISTING),
  OPENS ("create-exclusive-live", FAULT_LIVE, CREATE_EXCLUSIVE,
         .error = SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS),
  OPENS ("open-leftover", FAULT_LEFTOVER, OPEN),
  OPENS ("create-leftover", FAULT_LEFTOVER, CREATE, .total = FAULT_RESET),
  OPENS ("open-existing-leftover", FAULT_LEFTOVER, OPEN_EXISTING),
  OPENS ("create-exclusive-leftover", FAULT_LEFTOVER, CREATE_EXCLUSIVE, .total = FAULT_RESET),
  OPENS ("second-object", FAULT_LIVE, OPEN, .has_object = TRUE, .holds = 1),
  OPENS ("create-waited-for", FAULT_LIVE, CREATE, .neighbour = FAULT_WAITS, .total = FAULT_RESET),
  OPENS ("create-again-waited-for", FAULT_LIVE, CREATE, .has_object = TRUE, .holds = 3,
         .neighbour = FAULT_WAITS, .total = FAULT_RESET),
  OPENS ("create-again-grows", FAULT_LIVE, CREATE, .has_object = TRUE, .uses_all_slots = TRUE,
         .total = FAULT_RESET),

  { .name = "close-last", .call = call_close, .has_object = TRUE, .closes = TRUE },
  CALLS ("close-used", call_close, .closes = TRUE),
  CALLS ("close-holding", call_close, .holds = 2, .closes = TRUE),
  { .name = "set-key", .call = call_set_key, .has_object = TRUE, .changes_key = TRUE,
    .total = FAULT_RESET },

  CALLS ("acquire", call_acquire, .takes = 1),
  CALLS ("acquire-grows", call_acquire, .uses_all_slots = TRUE, .takes = 1),
  CALLS ("acquire-waits", call_acquire, .holds = 2, .neighbour = FAULT_RELEASES, .takes = 1),
  CALLS ("acquire-waits-cancellable", call_acquire_cancellable, .holds = 2,
         .neighbour = FAULT_RELEASES, .takes = 1),
  CALLS ("acquire-waits-for-death", call_acquire, .holds = 2, .neighbour = FAULT_DIES,
         .takes = 1),
  CALLS ("acquire-times-out", call_acquire_soon, .holds = 2, .error = G_IO_ERROR_TIMED_OUT,
         .is_of_gio = TRUE),
  CALLS ("acquire-async", call_acquire_async, .holds = 2, .neighbour = FAULT_RELEASES,
         .takes = 1),
  CALLS ("try-acquire", call_try_acquire, .takes = 1),
  CALLS ("try-acquire-too-few", call_try_acquire, .holds = 2, .error = G_IO_ERROR_WOULD_BLOCK,
         .is_of_gio = TRUE),
  CALLS ("release", call_release, .holds = 2, .takes = -1),
  CALLS ("release-to-waiter", call_release, .holds = 3, .neighbour = FAULT_WAITS, .takes = -1),
  CALLS ("get-value", call_get_value, .holds = 1),

  CALLS ("child-acquires", call_acquire, .holds = 1, .is_in_child = TRUE, .takes = 1),
  CALLS ("child-gets-value", call_get_value, .holds = 1, .is_in_child = TRUE),
  CALLS ("child-closes", call_close, .holds = 1, .is_in_child = TRUE, .closes = TRUE),
};

/* --- Running --- */

/* Checks that no System V set is left, if the test has a name space of its own for them. */
static void
assert_no_sets (void)
{
  g_autofree char *list = NULL;
  g_autoptr(GError) error = NULL;

  if (!has_own_sets)
    return;

  g_file_get_contents ("/proc/sysvipc/sem", &list, NULL, &error);
  g_assert_no_error (error);
  /* Only the line of the heading is there. */
  g_assert_cmpstr (strchr (list, '\n'), ==, "\n");
}

/* Checks that a scenario about growth enlarges the segment. */
static void
assert_grows (FaultRun *run)
{
  guint row;

  for (row = 0; row < fault_n_rows; row++)
    {
      if (g_str_equal (fault_rows[row].name, "fallocate"))
        g_assert_cmpuint (run->injector.n_seen[row], ==, 1);
    }
}

static void
run_with_fault (FaultRun *run,
                guint    *n_here)
{
  fault_run (run);
  assert_no_sets ();
  if (atomic_load (&run->injector.has_injected))
    *n_here += 1;
}

static void
test_faults (Fixture *fixture)
{
  FaultRun run = { .fixture = fixture, .scenario = fixture->data };
  FaultInjector *injector = &run.injector;
  guint n_calls[FAULT_MAX_ROWS];
  guint n_here = 0, turn = 0, i, last;
  guint row;

  injector->row = -1;
  fault_run (&run);
  if (run.scenario->uses_all_slots && fixture_supports (fixture, NEEDS_SHARED_MEMORY))
    assert_grows (&run);
  memcpy (n_calls, injector->n_seen, sizeof n_calls);
  turn = (guint) g_test_rand_int_range (0, FAULTS_SKIPPED + 1);

  for (row = 0; row < fault_n_rows; row++)
    {
      const int *errors = fault_rows[row].errors;

      /* The handling of a fault may make more such calls than a run without a fault. */
      last = n_calls[row];
      for (injector->occurrence = 1; injector->occurrence <= last; injector->occurrence++)
        {
          for (i = 0; i < FAULT_MAX_ERRORS && errors[i] != 0; i++)
            {
              if (!is_thorough && turn++ % (FAULTS_SKIPPED + 1) != 0)
                continue;

              injector->row = (int) row;
              injector->error = errors[i];
              run.is_killed = !is_thorough && g_test_rand_bit ();
              run_with_fault (&run, &n_here);
              last = MAX (last, injector->n_seen[row]);
              if (is_thorough)
                {
                  run.is_killed = TRUE;
                  run_with_fault (&run, &n_here);
                }
            }
        }
    }

  g_test_message ("%u faults", n_here);
  n_faults += n_here;
}

int
main (int    argc,
      char **argv)
{
  guint i;
  int result;

  conformance_init (&argc, &argv, "faults");
  /* The helpers inherit the name space. */
  has_own_sets = unshare (CLONE_NEWIPC) == 0;
  is_thorough = g_getenv ("SSEM_TEST_THOROUGH") != NULL;
  if (GLIB_SIZEOF_LONG < 8)
    {
      g_print ("1..0 # SKIP the table is of the system calls that a 64-bit C library makes\n");
      return 0;
    }
  if (!fault_injector_is_supported ())
    {
      g_print ("1..0 # SKIP this system does not let a process answer another's system calls\n");
      return 0;
    }

  for (i = 0; i < G_N_ELEMENTS (scenarios); i++)
    conformance_add (scenarios[i].name, NEEDS_UNDO, test_faults, &scenarios[i]);
  result = conformance_run ();
  g_print ("# %u faults in all\n", n_faults);

  return result;
}
