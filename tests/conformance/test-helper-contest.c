/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The commands of test-helper in which processes open and close one key at random or at the same
 * time. They are described in test-helper.c. */

#include "test-helper.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOKS_WITHOUT_SLEEP 100
#define LOOK_EVERY_USEC 50
#define RACE_USEC (10 * G_USEC_PER_SEC)

typedef struct
{
  atomic_int arrived[3]; /* at this meeting, the one before and the one after */
  atomic_int n_created;
  atomic_bool is_over;
} Meeting;

/* Returns when all processes have come here. A process that has looked in vain for a while sleeps
 * between its looks: otherwise, where processors are few and busy, it would keep the others from
 * coming. */
static void
meet (Meeting *meeting,
      int      n_processes,
      int     *count)
{
  int now = (*count)++ % 3;
  int n_looks = 0;

  if (atomic_fetch_add (&meeting->arrived[now], 1) + 1 == n_processes)
    atomic_store (&meeting->arrived[(now + 2) % 3], 0);
  while (atomic_load (&meeting->arrived[now]) < n_processes)
    {
      if (++n_looks < LOOKS_WITHOUT_SLEEP)
        g_thread_yield ();
      else
        g_usleep (LOOK_EVERY_USEC);
    }
}

/* In each round all processes try to create the semaphore at the same time. A busy machine plays
 * fewer rounds. */
static void
race (int         n_processes,
      int         n_rounds,
      const char *path,
      const char *key)
{
  Meeting *meeting = map_file (path, sizeof *meeting);
  gint64 deadline_usec = g_get_monotonic_time () + RACE_USEC;
  g_autofree char *complaint = NULL;
  int n_meetings = 0;
  int i;

  for (i = 0; i < n_rounds && !atomic_load (&meeting->is_over); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      meet (meeting, n_processes, &n_meetings);
      semaphore = open_object (key, 3, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, TRUE, &error);
      if (semaphore != NULL)
        atomic_fetch_add (&meeting->n_created, 1);
      else if (complaint == NULL &&
               !g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                                 SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS))
        complaint = g_strdup_printf ("open in round %d: %s", i, error->message);

      meet (meeting, n_processes, &n_meetings);
      if (complaint == NULL && atomic_load (&meeting->n_created) != 1)
        complaint = g_strdup_printf ("round %d: %d have created", i, meeting->n_created);

      g_clear_object (&semaphore);
      /* Before the meeting, so that all processes see it after the meeting. */
      if (g_get_monotonic_time () > deadline_usec)
        atomic_store (&meeting->is_over, TRUE);
      meet (meeting, n_processes, &n_meetings);
      atomic_store (&meeting->n_created, 0);
    }

  unmap_file (meeting, sizeof *meeting);
  if (complaint != NULL)
    answer ("broken %s", complaint);
  else
    answer ("ok");
}

/* Opens and closes the key at random. While the process has the only unit, it alone may have the
 * flag of the file up: two processes that have the flag up have come to two semaphores, or got a
 * unit too many. */
static void
churn (int         n_rounds,
       guint32     seed,
       const char *path,
       const char *key)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (seed);
  atomic_int *flag = map_file (path, sizeof (atomic_int));
  SsemSystemSemaphore *kept = NULL;
  int i;

  for (i = 0; i < n_rounds; i++)
    {
      SsemAccessMode mode = g_rand_int_range (random, 0, 4) == 0
                            ? SSEM_ACCESS_MODE_OPEN_EXISTING
                            : SSEM_ACCESS_MODE_OPEN;
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = open_object (key, 1, mode, TRUE, &error);
      if (semaphore == NULL)
        {
          if (mode == SSEM_ACCESS_MODE_OPEN_EXISTING &&
              g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                               SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
            continue;
          answer ("broken open in round %d: %s", i, error->message);
          return;
        }

      if (g_rand_boolean (random))
        {
          int was_up = 0;

          if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, &error))
            {
              answer ("broken acquire in round %d: %s", i, error->message);
              return;
            }
          if (!atomic_compare_exchange_strong (flag, &was_up, (int) getpid ()))
            {
              answer ("broken exclusion in round %d: process %d is inside, too", i, was_up);
              return;
            }
          if (g_rand_int_range (random, 0, 4) == 0)
            g_thread_yield ();
          atomic_store (flag, 0);

          /* Through another object of the key every now and then. */
          if (!ssem_system_semaphore_release (kept != NULL ? kept : semaphore, 1, &error))
            {
              answer ("broken release in round %d: %s", i, error->message);
              return;
            }
        }

      /* Sometimes one object outlives its round: leaving and coming overlap in one process. */
      if (g_rand_int_range (random, 0, 3) == 0)
        {
          g_clear_object (&kept);
          if (g_rand_boolean (random))
            kept = g_steal_pointer (&semaphore);
        }
    }

  g_clear_object (&kept);
  unmap_file (flag, sizeof (atomic_int));
  answer ("ok");
}

/* Opens the key, takes a unit, which has to be there, gives it back and closes, in each round. */
static void
operate (int         n_rounds,
         int         initial_value,
         const char *key)
{
  g_autoptr(GError) error = NULL;
  int i;

  for (i = 0; i < n_rounds && error == NULL; i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore =
        open_object (key, initial_value, SSEM_ACCESS_MODE_OPEN, TRUE, &error);

      if (semaphore != NULL && ssem_system_semaphore_try_acquire (semaphore, 1, &error))
        ssem_system_semaphore_release (semaphore, 1, &error);
    }
  answer_result (error == NULL, error);
}

gboolean
obey_for_contest (char  **words,
                  guint   n_words)
{
  g_autofree char *key = n_words > 3 ? g_strcompress (words[n_words - 1]) : NULL;
  int n = n_words > 1 ? atoi (words[1]) : 0;

  if (g_str_equal (words[0], "churn") && n_words == 5)
    churn (n, (guint32) g_ascii_strtoull (words[2], NULL, 10), words[3], key);
  else if (g_str_equal (words[0], "race") && n_words == 5)
    race (n, atoi (words[2]), words[3], key);
  else if (g_str_equal (words[0], "operate") && n_words == 4)
    operate (n, atoi (words[2]), key);
  else
    return FALSE;

  return TRUE;
}
