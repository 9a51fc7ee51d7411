/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "scenario.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What runs here runs in a victim, which says on the standard error what went wrong, and ends. */

static void
complain (Victim       *self,
          const char   *what,
          const GError *error)
{
  fprintf (stderr, "The victim of %s: %s: %s\n", self->scenario->name, what,
           error != NULL ? error->message : "an unexpected success");
  _exit (1);
}

static void
open_key (Victim         *self,
          SsemAccessMode  mode)
{
  g_autoptr(GError) error = NULL;

  self->semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                                    "key", self->key,
                                    "initial-value", UNITS,
                                    "mode", mode,
                                    "backend", self->backend,
                                    NULL);
  if (self->semaphore == NULL)
    complain (self, "open", error);
}

static void
acquire (Victim *self,
         int     n)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_acquire (self->semaphore, n, NULL, &error))
    complain (self, "acquire", error);
}

static void
release (Victim *self,
         int     n)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_release (self->semaphore, n, &error))
    complain (self, "release", error);
}

void
scenario_prepare (gpointer victim)
{
  Victim *self = victim;

  if (self->scenario->had_it)
    {
      open_key (self, SSEM_ACCESS_MODE_OPEN);
      g_clear_object (&self->semaphore);
    }
  if (self->scenario->n_held < 0)
    return;

  open_key (self, SSEM_ACCESS_MODE_OPEN);
  if (self->scenario->n_held > 0)
    acquire (self, self->scenario->n_held);
}

void
scenario_conclude (gpointer victim)
{
  Victim *self = victim;

  if (self->scenario->n_held_after > 0)
    release (self, self->scenario->n_held_after);
  g_clear_object (&self->semaphore);
}

void
scenario_make_corpse (Victim *victim)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      open_key (victim, SSEM_ACCESS_MODE_OPEN);
      acquire (victim, CORPSE_UNITS);
      kill (getpid (), SIGKILL);
      _exit (1);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
}

/* --- What a victim performs --- */

static void
acquire_one (gpointer victim)
{
  acquire (victim, 1);
}

static void
acquire_two (gpointer victim)
{
  acquire (victim, 2);
}

static void
release_one (gpointer victim)
{
  release (victim, 1);
}

static void
release_two (gpointer victim)
{
  release (victim, 2);
}

static void
try_in_vain (gpointer victim)
{
  Victim *self = victim;
  g_autoptr(GError) error = NULL;

  if (ssem_system_semaphore_try_acquire (self->semaphore, 2 * UNITS, &error) ||
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    complain (self, "try", error);
}

/* More than the dead one left, so that some of its units are needed. */
static void
try_most (gpointer victim)
{
  Victim *self = victim;
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_try_acquire (self->semaphore, MOST_UNITS, &error))
    complain (self, "try", error);
}

static void
open_anyhow (gpointer victim)
{
  open_key (victim, SSEM_ACCESS_MODE_OPEN);
}

static void
reset (gpointer victim)
{
  open_key (victim, SSEM_ACCESS_MODE_CREATE);
}

static void
close_key (gpointer victim)
{
  Victim *self = victim;

  g_clear_object (&self->semaphore);
}

static void
recover (gpointer victim)
{
  Victim *self = victim;
  g_autoptr(GError) error = NULL;

  /* One unit is another's; others may be at work. */
  if (ssem_system_semaphore_get_value (self->semaphore, &error) < 0)
    complain (self, "value", error);
}

/* What the victim holds before and after is the third and the fourth field. */
const Scenario scenarios[] = {
  { "acquire", COMPANY_ATTACHED, 1, 2, .perform = acquire_one },
  { "acquire-several", COMPANY_ATTACHED, 1, 3, .perform = acquire_two },
  { "release", COMPANY_ATTACHED, 2, 1, .perform = release_one },
  { "release-several", COMPANY_ATTACHED, 2, 0, .perform = release_two },
  { "try-in-vain", COMPANY_ATTACHED, 1, 1, .perform = try_in_vain },
  { "try-after-death", COMPANY_NOT_WAITING, 0, MOST_UNITS, .has_corpse = TRUE,
    .perform = try_most },
  { "acquire-overtaken", COMPANY_ATTACHED, 0, 0, .is_overtaken = TRUE, .perform = acquire_one },
  { "acquire-behind-another", COMPANY_ATTACHED, 1, 2, .has_stander = TRUE, .perform = acquire_one },
  { "release-behind-another", COMPANY_ATTACHED, 1, 0, .has_stander = TRUE, .perform = release_one },
  { "open", COMPANY_ATTACHED, -1, 0, .opens = TRUE, .perform = open_anyhow },
  { "close", COMPANY_ATTACHED, 0, 0, .opens = TRUE, .perform = close_key },
  { "reset", COMPANY_ATTACHED, -1, 0, .opens = TRUE, .resets = TRUE, .perform = reset },
  { "recover", COMPANY_NOT_WAITING, 0, 0, .has_corpse = TRUE, .perform = recover },
  { "create", COMPANY_NONE, -1, 0, .opens = TRUE, .perform = open_anyhow },
  { "create-again", COMPANY_NONE, -1, 0, .opens = TRUE, .had_it = TRUE, .perform = open_anyhow },
  { "close-last", COMPANY_NONE, 0, 0, .opens = TRUE, .perform = close_key },
  { .name = NULL },
};
