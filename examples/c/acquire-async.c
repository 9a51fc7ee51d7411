/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Waits for a unit while the main loop runs, and cancels a wait. Run it with: acquire-async
 *
 * The only unit is taken. The first request waits, and gets the unit when it is released. The
 * second request waits until it is cancelled, as by a cancel button. Meanwhile the main loop prints
 * ticks.
 */

#include <ssem.h>

#include <locale.h>

#define TICK_MSEC      100
#define RELEASE_TICK   3
#define CANCEL_TICK    6

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  GMainLoop *loop;
  int n_ticks;
  gboolean is_served;
  gboolean is_cancelled;
} Example;

/* sample: answer */
static void
second_acquired_cb (GObject      *object,
                    GAsyncResult *result,
                    gpointer      user_data)
{
  Example *example = user_data;
  g_autoptr(GError) error = NULL;

  if (ssem_system_semaphore_acquire_finish (SSEM_SYSTEM_SEMAPHORE (object), result, &error))
    g_print ("second request: has a unit\n");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_print ("second request: cancelled\n");
      example->is_cancelled = TRUE;
    }
  else
    g_printerr ("second request: %s\n", error->message);

  g_main_loop_quit (example->loop);
}
/* end of sample */

static void
first_acquired_cb (GObject      *object,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  Example *example = user_data;
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_acquire_finish (SSEM_SYSTEM_SEMAPHORE (object), result, &error))
    {
      g_printerr ("first request: %s\n", error->message);
      g_main_loop_quit (example->loop);
      return;
    }

  g_print ("first request: has the unit\n");
  example->is_served = TRUE;

  /* sample: ask */
  g_print ("second request: waits\n");
  ssem_system_semaphore_acquire_async (example->semaphore, 1, example->cancellable,
                                       second_acquired_cb, example);
  /* end of sample */
}

static gboolean
tick_cb (gpointer user_data)
{
  Example *example = user_data;
  g_autoptr(GError) error = NULL;

  example->n_ticks++;
  g_print ("tick %d\n", example->n_ticks);

  if (example->n_ticks == RELEASE_TICK &&
      !ssem_system_semaphore_release (example->semaphore, 1, &error))
    {
      g_printerr ("release: %s\n", error->message);
      g_main_loop_quit (example->loop);
    }
  if (example->n_ticks == CANCEL_TICK)
    g_cancellable_cancel (example->cancellable);

  return G_SOURCE_CONTINUE;
}

int
main (void)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GError) error = NULL;
  Example example = { 0 };

  setlocale (LC_ALL, "");

  semaphore = ssem_system_semaphore_new ("acquire-async", 1, SSEM_ACCESS_MODE_CREATE, &error);
  if (semaphore == NULL || !ssem_system_semaphore_acquire (semaphore, 1, NULL, &error))
    {
      g_printerr ("acquire-async: %s\n", error->message);
      return 1;
    }

  example.semaphore = semaphore;
  example.cancellable = cancellable;
  example.loop = loop;

  g_print ("first request: waits\n");
  ssem_system_semaphore_acquire_async (semaphore, 1, NULL, first_acquired_cb, &example);
  g_timeout_add (TICK_MSEC, tick_cb, &example);
  g_main_loop_run (loop);

  return example.is_served && example.is_cancelled ? 0 : 1;
}
