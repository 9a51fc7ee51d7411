/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "tests/conformance/conformance.h"
#include "tracer.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A signal handler that uses the semaphore.
 *
 * A victim is led to every point of an operation (tracer.h), and there gets a signal. The handler
 * releases, or tries to acquire, or both, in the thread that it interrupted. Then the interrupted
 * operation finishes. The value must be what both operations make of it; and when the victim is
 * killed after that, exactly what it held comes back.
 *
 * The victim counts what it holds in memory that the test shares, so that no outcome is assumed.
 * At every second visit, the signal comes a second time while the handler is at the same
 * instruction. The handler uses the interrupted object or another one of the same key by turns.
 *
 * Some points are chosen, spread over all; SSEM_TEST_EVERY_POINT and SSEM_TEST_THOROUGH ask for all
 * of them, each with every kind of handler.
 */

/* All operations but a wait find enough units. A wait for all units never succeeds while the owner
 * holds some. */
#define UNITS 12

#define QUICK_ROUNDS 48

#define ROUNDS_OF_A_HELPER 50
#define ROUND_SECONDS 60
#define LOOK_EVERY_USEC 200

#define SIGNAL SIGUSR2

typedef struct
{
  atomic_int held;
  atomic_int n_handled;
  atomic_int n_failed; /* operations that should have succeeded */
} Account;

typedef struct _Victim Victim;

typedef struct
{
  const char *name;
  int n_held;                /* what the victim holds before */
  int n_free;                /* what is there; the owner holds the rest */
  gboolean waits;            /* whether it waits until the owner releases */
  gboolean has_waiters;       /* whether another waits for all units */
  gboolean is_behind_another; /* whether another has operated since the victim did */
  gboolean may_fail;         /* whether the handler may find the object without its semaphore */
  void (* perform) (Victim *victim);
} Scenario;

typedef struct
{
  const char *name;
  int n_released;
  int n_tried;
} Handler;

#define N_HANDLERS 4

static const Handler handlers[N_HANDLERS] = {
  { "releases and tries", 1, 1 },
  { "releases", 1, 0 },
  { "tries", 0, 1 },
  { "tries in vain", 0, 2 * UNITS },
};
/* In a wait there is no unit but what the handler releases, and a try may be in vain. */
static const Handler handlers_of_wait[N_HANDLERS] = {
  { "releases and tries", 2, 1 },
  { "releases", 1, 0 },
  { "tries", 0, 1 },
  { "tries in vain", 0, 2 * UNITS },
};

struct _Victim
{
  const Scenario *scenario;
  const Handler *handler;
  SsemBackend backend;
  const char *key;
  gboolean uses_other;
  Account *account;
  SsemSystemSemaphore *semaphore;
  SsemSystemSemaphore *other;
};

typedef struct
{
  Fixture *fixture;
  const Scenario *scenario;
  Victim victim;
  VictimTable table;
  Helper *owner;
  Helper *waiter;
  int n_owned;
} World;

static gboolean
asks_for_every_point (void)
{
  return g_getenv ("SSEM_TEST_THOROUGH") != NULL || g_getenv ("SSEM_TEST_EVERY_POINT") != NULL;
}

/* --- In the victim --- */

/* The victim whose process this is. */
static Victim *current;

static void
check (gboolean      is_ok,
       const GError *error)
{
  if (!is_ok)
    {
      g_printerr ("The victim of %s: %s\n", current->scenario->name,
                  error != NULL ? error->message : "an unexpected success");
      _exit (1);
    }
}

static void
count_held (int n)
{
  atomic_fetch_add (&current->account->held, n);
}

static void
handle (int number)
{
  SsemSystemSemaphore *semaphore = current->uses_other ? current->other : current->semaphore;
  const Handler *handler = current->handler;
  Account *account = current->account;
  gboolean may_fail = current->scenario->may_fail && !current->uses_other;
  int saved_errno = errno;

  if (handler->n_released > 0)
    {
      if (ssem_system_semaphore_release (semaphore, handler->n_released, NULL))
        count_held (-handler->n_released);
      else if (!may_fail)
        atomic_fetch_add (&account->n_failed, 1);
    }
  if (handler->n_tried > 0)
    {
      if (ssem_system_semaphore_try_acquire (semaphore, handler->n_tried, NULL))
        count_held (handler->n_tried);
      else if (!may_fail && handler->n_tried <= UNITS &&
               (handler->n_released > 0 || !current->scenario->waits))
        atomic_fetch_add (&account->n_failed, 1);
    }
  atomic_fetch_add (&account->n_handled, 1);

  errno = saved_errno;
}

static SsemSystemSemaphore *
open_key (Victim *self)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                              "key", self->key,
                              "backend", self->backend,
                              NULL);
  check (semaphore != NULL, error);

  return semaphore;
}

static void
acquire (Victim *self)
{
  g_autoptr(GError) error = NULL;

  check (ssem_system_semaphore_acquire (self->semaphore, 1, NULL, &error), error);
  count_held (1);
}

static void
release (Victim *self)
{
  g_autoptr(GError) error = NULL;

  check (ssem_system_semaphore_release (self->semaphore, 1, &error), error);
  count_held (-1);
}

static void
try_acquire (Victim *self)
{
  g_autoptr(GError) error = NULL;

  check (ssem_system_semaphore_try_acquire (self->semaphore, 1, &error), error);
  count_held (1);
}

static void
try_in_vain (Victim *self)
{
  g_autoptr(GError) error = NULL;
  gboolean is_ok = ssem_system_semaphore_try_acquire (self->semaphore, 2 * UNITS, &error);

  check (!is_ok && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK), error);
}

static void
get_value (Victim *self)
{
  g_autoptr(GError) error = NULL;

  check (ssem_system_semaphore_get_value (self->semaphore, &error) >= 0, error);
}

static void
open_and_drop (Victim *self)
{
  g_object_unref (open_key (self));
}

/* To the key that it has: meanwhile it has none. */
static void
set_key (Victim *self)
{
  g_autoptr(GError) error = NULL;

  check (ssem_system_semaphore_set_key (self->semaphore, self->key, 0, SSEM_ACCESS_MODE_OPEN,
                                        &error), error);
}

/* The handler may use the semaphore once its thread has done so, in each way that it will. */
static void
prepare (gpointer victim)
{
  struct sigaction action = { .sa_handler = handle, .sa_flags = SA_NODEFER };
  Victim *self = victim;
  g_autoptr(GError) error = NULL;

  current = self;
  self->semaphore = open_key (self);
  self->other = open_key (self);
  check (ssem_system_semaphore_acquire (self->other, self->scenario->n_held, NULL, &error), error);
  check (ssem_system_semaphore_release (self->semaphore, 1, &error), error);
  check (ssem_system_semaphore_try_acquire (self->semaphore, 1, &error), error);
  atomic_store (&self->account->held, self->scenario->n_held);

  /* Without SA_RESTART, so that each call that a signal can end is ended. */
  check (sigaction (SIGNAL, &action, NULL) == 0, NULL);
}

static void
perform (gpointer victim)
{
  Victim *self = victim;

  self->scenario->perform (self);
}

static void
conclude (gpointer victim)
{
}

static void
act_as_handler (Victim *self)
{
  handle (SIGNAL);
}

static const Scenario scenarios[] = {
  { "release", 2, 6, .perform = release },
  { "release-behind", 2, 6, .is_behind_another = TRUE, .perform = release },
  { "release-awaited", 2, 6, .has_waiters = TRUE, .perform = release },
  { "acquire", 1, 6, .perform = acquire },
  { "acquire-behind", 1, 6, .is_behind_another = TRUE, .perform = acquire },
  { "try", 1, 6, .perform = try_acquire },
  { "try-in-vain", 1, 6, .perform = try_in_vain },
  { "get-value", 1, 6, .perform = get_value },
  { "open-and-drop", 1, 6, .perform = open_and_drop },
  { "set-key", 1, 6, .may_fail = TRUE, .perform = set_key },
  { "wait", 1, 0, .waits = TRUE, .perform = acquire },
};

static const Scenario as_handlers[] = {
  { "handler", 2, 6, .perform = act_as_handler },
  { "handler-behind", 2, 6, .is_behind_another = TRUE, .perform = act_as_handler },
  { "handler-awaited", 2, 6, .has_waiters = TRUE, .perform = act_as_handler },
  { NULL },
};

/* --- The others --- */

static void
start_others (World *self)
{
  self->owner = fixture_open_helper (self->fixture, UNITS);
  self->waiter = fixture_open_helper (self->fixture, UNITS);
}

static void
end_others (World *self)
{
  helper_quit (self->owner);
  helper_quit (self->waiter);
  g_ptr_array_set_size (self->fixture->helpers, 0);
  fixture_assert_empty (self->fixture);
}

static void
world_begin (World          *self,
             Fixture        *fixture,
             const Scenario *scenario)
{
  Account *account = mmap (NULL, sizeof (Account), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert_true (account != MAP_FAILED);
  *self = (World) {
    .fixture = fixture,
    .scenario = scenario,
    .victim = {
      .scenario = scenario,
      .backend = fixture->backend,
      .key = fixture->key,
      .account = account,
    },
    .table = { prepare, perform, conclude, &self->victim },
  };
  start_others (self);
}

static void
world_end (World *self)
{
  end_others (self);
  munmap (self->victim.account, sizeof (Account));
}

static pid_t
start_victim (World         *self,
              const Handler *handler)
{
  pid_t victim;

  self->n_owned = UNITS - self->scenario->n_held - self->scenario->n_free;
  helper_run_expect_ok (self->owner, "acquire 0 %d", self->n_owned);

  self->victim.handler = handler;
  atomic_store (&self->victim.account->n_handled, 0);
  atomic_store (&self->victim.account->n_failed, 0);
  victim = tracer_start (&self->table);

  if (self->scenario->is_behind_another)
    {
      helper_run_expect_ok (self->owner, "try 0 1");
      helper_run_expect_ok (self->owner, "release 0 1");
    }
  if (self->scenario->has_waiters)
    {
      helper_send (self->waiter, "acquire 0 %d", UNITS);
      wait_until_blocked (self->fixture->backend, self->waiter->pid, 1);
    }

  return victim;
}

/* A thread that serves the victim whenever it waits for a unit. */
typedef struct
{
  World *world;
  pid_t victim;
  GThread *thread;
  atomic_bool is_over;
} Server;

static gpointer
serve (gpointer data)
{
  Server *self = data;
  World *world = self->world;

  while (!atomic_load (&self->is_over))
    {
      /* Without a unit, and then asleep: it got none before it fell asleep. */
      if (helper_get_value (world->owner, 0) == 0 &&
          is_blocked (world->fixture->backend, self->victim))
        {
          helper_run_expect_ok (world->owner, "release 0 1");
          world->n_owned--;
        }
      g_usleep (LOOK_EVERY_USEC);
    }

  return NULL;
}

static void
server_start (Server *self,
              World  *world,
              pid_t   victim)
{
  self->world = world;
  self->victim = victim;
  atomic_store (&self->is_over, FALSE);
  self->thread = world->scenario->waits ? g_thread_new ("server", serve, self) : NULL;
}

static void
server_stop (Server *self)
{
  atomic_store (&self->is_over, TRUE);
  g_clear_pointer (&self->thread, g_thread_join);
}

/* The victim has performed all: what there is adds up, and still does when it is dead. */
static void
assert_sums (World *self,
             pid_t  victim)
{
  Account *account = self->victim.account;
  int held = atomic_load (&account->held);
  int n_created = MAX (0, -held);

  g_assert_cmpint (atomic_load (&account->n_failed), ==, 0);
  g_assert_cmpint (helper_get_value (self->owner, 0), ==, UNITS - self->n_owned - held);

  tracer_kill (victim);
  /* The owner makes up for what does not come back by itself. */
  if (!fixture_supports (self->fixture, NEEDS_UNDO) && held > 0)
    helper_run_expect_ok (self->owner, "release 0 %d", held);
  g_assert_cmpint (helper_get_value (self->owner, 0), ==, UNITS - self->n_owned + n_created);

  if (self->n_owned > 0)
    helper_run_expect_ok (self->owner, "release 0 %d", self->n_owned);
  if (self->scenario->has_waiters)
    {
      helper_expect_ok (self->waiter);
      helper_run_expect_ok (self->waiter, "release 0 %d", UNITS);
    }
  g_assert_cmpint (helper_get_value (self->owner, 0), ==, UNITS + n_created);

  if (n_created > 0 && !fixture_supports (self->fixture, NEEDS_RESET))
    {
      helper_run_expect_ok (self->owner, "acquire 0 %d", n_created);
    }
  else if (n_created > 0)
    {
      helper_open (self->owner, 1, SSEM_ACCESS_MODE_CREATE, UNITS, TRUE, self->fixture->key);
      helper_run_expect_ok (self->owner, "close 1");
    }
}

/* Returns whether the handler was called. */
static gboolean
round_interrupted (World         *self,
                   const Point   *point,
                   const Handler *handler,
                   gboolean       is_again)
{
  pid_t victim = start_victim (self, handler);
  gboolean is_there;
  Server server;

  server_start (&server, self, victim);
  is_there = tracer_lead (victim, point);
  /* What the handler releases serves the wait; nobody else does. */
  if (handler->n_released > 0)
    server_stop (&server);
  if (is_there)
    tracer_interrupt (victim, SIGNAL, is_again);
  server_stop (&server);

  assert_sums (self, victim);

  return atomic_load (&self->victim.account->n_handled) > 0;
}

static GArray *
record_points (World         *self,
               gconstpointer  code)
{
  pid_t victim = start_victim (self, &handlers[0]);
  GArray *points;
  Server server;

  server_start (&server, self, victim);
  points = tracer_record (victim, code, TRUE);
  server_stop (&server);
  assert_sums (self, victim);

  return points;
}

/* --- Every point --- */

static void
at_every_point (Fixture        *fixture,
                const Scenario *scenario)
{
  const Handler *of_scenario = scenario->waits ? handlers_of_wait : handlers;
  World self;
  gconstpointer code = (gconstpointer) ssem_system_semaphore_new;
  g_autoptr(GArray) points = NULL;
  guint n_missed = 0, n_rounds, i;
  const char *reason;

  if (!tracer_is_supported (&reason))
    {
      g_test_skip (reason);
      return;
    }

  world_begin (&self, fixture, scenario);
  points = record_points (&self, code);
  g_assert_cmpuint (points->len, >, 0);

  /* Every handler at every point; or the handlers in turn, at one point of each part. */
  n_rounds = asks_for_every_point () ? points->len * N_HANDLERS : QUICK_ROUNDS;
  for (i = 0; i < n_rounds; i++)
    {
      guint within = n_rounds == QUICK_ROUNDS ? g_test_rand_int_range (0, points->len) : 0;
      guint at = (guint) (((guint64) i * points->len + within) / n_rounds);
      const Point *point = &g_array_index (points, Point, at);
      const Handler *handler = &of_scenario[i % N_HANDLERS];
      gboolean is_again = i / N_HANDLERS % 2 == 1;
      g_autofree char *where = point_to_string (point, code);

      self.victim.uses_other = i / N_HANDLERS / 2 % 2 == 1;
      alarm (ROUND_SECONDS);
      g_test_message ("point %u of %u: %s; the handler %s%s%s", at, points->len, where,
                      handler->name, is_again ? ", twice" : "",
                      self.victim.uses_other ? ", with another object" : "");
      if (!round_interrupted (&self, point, handler, is_again))
        n_missed++;
      if (i % ROUNDS_OF_A_HELPER == ROUNDS_OF_A_HELPER - 1)
        {
          end_others (&self);
          start_others (&self);
        }
    }
  world_end (&self);

  g_print ("# %s: %u points, %u tried, %u not come to\n",
           g_test_get_path (), points->len, n_rounds, n_missed);
  /* How the allocator goes depends on the heap, which is another in each victim. */
  g_assert_cmpuint (n_missed, <=, n_rounds / 4);
}

/* --- What a handler may not call --- */

/* What allocates, locks or translates may be what the signal interrupted. */
static const char *const forbidden[] = {
  "malloc",
  "calloc",
  "realloc",
  "free",
  "g_slice_alloc",
  "g_slice_free1",
  "g_set_error",
  "g_dgettext",
  "g_mutex_lock",
  "pthread_mutex_lock",
  "pthread_rwlock_rdlock",
  "pthread_rwlock_wrlock",
};

static void
test_calls (Fixture *fixture)
{
  const Scenario *scenario;
  const char *reason;

  if (!tracer_is_supported (&reason))
    {
      g_test_skip (reason);
      return;
    }

  for (scenario = as_handlers; scenario->name != NULL; scenario++)
    {
      World self;
      guint i;

      world_begin (&self, fixture, scenario);
      for (i = 0; i < G_N_ELEMENTS (forbidden) * N_HANDLERS; i++)
        {
          const char *name = forbidden[i / N_HANDLERS];
          Point point = { POINT_INSTRUCTION, (gsize) dlsym (RTLD_DEFAULT, name), 1 };
          const Handler *handler = &handlers[i % N_HANDLERS];
          pid_t victim;

          g_assert_cmpuint (point.address, !=, 0);
          victim = start_victim (&self, handler);
          if (tracer_lead (victim, &point))
            g_error ("A handler that %s calls %s ()", handler->name, name);
          assert_sums (&self, victim);
        }
      world_end (&self);
    }
}

static void
test_in_handler (Fixture *fixture)
{
  at_every_point (fixture, fixture->data);
}

int
main (int    argc,
      char **argv)
{
  guint i;

  conformance_init (&argc, &argv, "handler");
  for (i = 0; i < G_N_ELEMENTS (scenarios); i++)
    conformance_add (scenarios[i].name, 0, test_in_handler, &scenarios[i]);
  conformance_add ("calls", 0, test_calls, NULL);

  return conformance_run ();
}
