/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gio/gio.h>
#include <stdatomic.h>

/* glib-order.c says what GLib orders: no less, else there were false reports, and no more, else races
 * would stay hidden.
 *
 * In each case, the main thread writes a word and hands it over by some means of GLib, and another
 * thread changes the word. ThreadSanitizer reports nothing. In a process of its own, the main thread
 * writes the word late: after it was handed over. That is a race, which ends the process.
 */

typedef struct
{
  int word;
  gboolean is_late;

  GMutex lock;
  GCond cond;
  gboolean is_given;       /* under lock */

  GMainContext *context;
  GCancellable *cancellable;
  atomic_bool is_attached; /* without order */
  gboolean is_taken;       /* of the thread that iterates the context */
} Handover;

typedef void (* GiveFunc) (Handover *handover);

static void
write_before (Handover *self)
{
  if (!self->is_late)
    self->word = 1;
}

static void
write_late (Handover *self)
{
  if (self->is_late)
    self->word = 1;
}

static void
take (Handover *self)
{
  self->word++;
}

/* --- Locks --- */

static gpointer
take_locked (gpointer data)
{
  Handover *self = data;
  gboolean is_given;

  do
    {
      g_mutex_lock (&self->lock);
      is_given = self->is_given;
      g_mutex_unlock (&self->lock);
      g_thread_yield ();
    }
  while (!is_given);
  take (self);

  return NULL;
}

static gpointer
take_signalled (gpointer data)
{
  Handover *self = data;

  g_mutex_lock (&self->lock);
  while (!self->is_given)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
  take (self);

  return NULL;
}

static gpointer
take_signalled_in_time (gpointer data)
{
  Handover *self = data;

  g_mutex_lock (&self->lock);
  while (!self->is_given)
    g_cond_wait_until (&self->cond, &self->lock, G_MAXINT64);
  g_mutex_unlock (&self->lock);
  take (self);

  return NULL;
}

static void
give_locked (Handover    *self,
             GThreadFunc  func)
{
  GThread *thread = g_thread_new ("taker", func, self);

  write_before (self);
  g_mutex_lock (&self->lock);
  self->is_given = TRUE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->lock);
  write_late (self);
  g_thread_join (thread);
}

static void
give_by_mutex (Handover *self)
{
  give_locked (self, take_locked);
}

static void
give_by_cond (Handover *self)
{
  give_locked (self, take_signalled);
}

static void
give_by_cond_in_time (Handover *self)
{
  give_locked (self, take_signalled_in_time);
}

/* --- Sources --- */

static gpointer
iterate (gpointer data)
{
  Handover *self = data;

  /* If it slept in the context, the system call that wakes it would order everything. */
  while (!atomic_load_explicit (&self->is_attached, memory_order_relaxed))
    g_thread_yield ();
  while (!self->is_taken)
    g_main_context_iteration (self->context, TRUE);

  return NULL;
}

static gboolean
idle_cb (gpointer data)
{
  Handover *self = data;

  take (self);
  self->is_taken = TRUE;

  return G_SOURCE_REMOVE;
}

/* The callback of a source of GIO has arguments of its own. */
static gboolean
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  Handover *self = data;

  g_assert_true (cancellable == self->cancellable);

  return idle_cb (data);
}

static void
give_by_source (Handover    *self,
                GSource     *source,
                GSourceFunc  func)
{
  GThread *thread;

  self->context = g_main_context_new ();
  thread = g_thread_new ("taker", iterate, self);
  write_before (self);
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, self->context);
  atomic_store_explicit (&self->is_attached, TRUE, memory_order_relaxed);
  write_late (self);
  g_thread_join (thread);
  g_source_unref (source);
  g_main_context_unref (self->context);
}

static void
give_by_idle (Handover *self)
{
  give_by_source (self, g_idle_source_new (), idle_cb);
}

static void
give_by_cancellable (Handover *self)
{
  self->cancellable = g_cancellable_new ();
  g_cancellable_cancel (self->cancellable);
  give_by_source (self, g_cancellable_source_new (self->cancellable),
                  G_SOURCE_FUNC (cancelled_cb));
  g_object_unref (self->cancellable);
}

/* --- Pools --- */

static void
run (gpointer task,
     gpointer data)
{
  g_assert_null (data);
  take (task);
}

static void
give_by_pool (Handover *self)
{
  GThreadPool *pool = g_thread_pool_new (run, NULL, 1, TRUE, NULL);

  write_before (self);
  g_thread_pool_push (pool, self, NULL);
  write_late (self);
  /* Waits for the task, which ThreadSanitizer is not told: the word is not looked at here. */
  g_thread_pool_free (pool, FALSE, TRUE);
}

/* --- The cases --- */

typedef struct
{
  const char *name;
  GiveFunc give;
} Means;

static const Means all_means[] = {
  { "mutex", give_by_mutex },
  { "cond", give_by_cond },
  { "cond-in-time", give_by_cond_in_time },
  { "idle", give_by_idle },
  { "cancellable", give_by_cancellable },
  { "pool", give_by_pool },
};

static void
test_handover (gconstpointer data)
{
  const Means *means = data;
  Handover *handover = g_new0 (Handover, 1);

  handover->is_late = g_test_subprocess ();
  means->give (handover);
  /* Of a pool's thread, no join tells that it is over. */
  if (means->give != give_by_pool)
    g_free (handover);
}

static void
test_late (gconstpointer data)
{
  const Means *means = data;
  g_autofree char *path = g_strdup_printf ("/ssem/glib-order/in-time/%s", means->name);

  g_test_trap_subprocess (path, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*data race*test-glib-order.c*");
}

int
main (int    argc,
      char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (all_means); i++)
    {
      g_autofree char *in_time = g_strdup_printf ("/ssem/glib-order/in-time/%s", all_means[i].name);
      g_autofree char *late = g_strdup_printf ("/ssem/glib-order/late/%s", all_means[i].name);

      g_test_add_data_func (in_time, &all_means[i], test_handover);
      g_test_add_data_func (late, &all_means[i], test_late);
    }

  return g_test_run ();
}
