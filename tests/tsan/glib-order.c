/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <dlfcn.h>
#include <glib-object.h>
#include <sanitizer/tsan_interface.h>

/* What GLib orders, told to ThreadSanitizer.
 *
 * ThreadSanitizer sees what was compiled with it, and the distribution's GLib was not: it does not
 * see that a GMutex orders anything, and would call every use of one a race. So these functions
 * come before GLib's, do what those do, and say which thread has seen what of which other. Each
 * says exactly what GLib promises, and nothing is said of the library's own atomics, locks and
 * memory: no report about them is kept back.
 */

#define REAL(name) \
  static __typeof__ (&name) real; \
  if (G_UNLIKELY (real == NULL)) \
    real = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name)

#undef g_object_unref

/* Before main (), ThreadSanitizer may not be ready; but there is one thread only. */
static gboolean is_ready;

__attribute__ ((constructor)) static void
be_ready (void)
{
  is_ready = TRUE;
}

static inline void
seen_by_next (gpointer address)
{
  if (G_LIKELY (is_ready))
    __tsan_release (address);
}

static inline void
sees_former (gpointer address)
{
  if (G_LIKELY (is_ready))
    __tsan_acquire (address);
}

/* A thread gets a lock after the former owner has released the lock. */
void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock);

  real (mutex);
  sees_former (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean is_locked;
  REAL (g_mutex_trylock);

  is_locked = real (mutex);
  if (is_locked)
    sees_former (mutex);

  return is_locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  REAL (g_mutex_unlock);

  seen_by_next (mutex);
  real (mutex);
}

/* A wait for a condition releases the lock, and gets it again. */
void
g_cond_wait (GCond  *cond,
             GMutex *mutex)
{
  REAL (g_cond_wait);

  seen_by_next (mutex);
  real (cond, mutex);
  sees_former (mutex);
}

gboolean
g_cond_wait_until (GCond  *cond,
                   GMutex *mutex,
                   gint64  end_usec)
{
  gboolean is_signalled;
  REAL (g_cond_wait_until);

  seen_by_next (mutex);
  is_signalled = real (cond, mutex, end_usec);
  sees_former (mutex);

  return is_signalled;
}

/* Who drops the last reference comes after all others who have dropped theirs. */
gboolean
(g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  gboolean is_last;
  REAL (g_atomic_ref_count_dec);

  seen_by_next (count);
  is_last = real (count);
  if (is_last)
    sees_former (count);

  return is_last;
}

void
g_object_unref (gpointer object)
{
  REAL (g_object_unref);

  /* It is finalized in there if this is the last one. */
  seen_by_next (object);
  sees_former (object);
  real (object);
}

/* A source is dispatched after it was attached. GLib asks for the callback in the thread that is about
 * to dispatch the source, whatever arguments a source of that type gives its callback. */
typedef struct
{
  gatomicrefcount references;
  GSourceFunc func;
  gpointer data;
  GDestroyNotify notify;
} Callback;

static void
callback_ref (gpointer data)
{
  Callback *callback = data;

  g_atomic_ref_count_inc (&callback->references);
}

static void
callback_unref (gpointer data)
{
  Callback *callback = data;

  if (!g_atomic_ref_count_dec (&callback->references))
    return;

  if (callback->notify != NULL)
    callback->notify (callback->data);
  g_free (callback);
}

static void
callback_get (gpointer     data,
              GSource     *source,
              GSourceFunc *func,
              gpointer    *func_data)
{
  Callback *callback = data;

  sees_former (source);
  *func = callback->func;
  *func_data = callback->data;
}

static GSourceCallbackFuncs callback_funcs = {
  .ref = callback_ref,
  .unref = callback_unref,
  .get = callback_get,
};

void
g_source_set_callback (GSource        *source,
                       GSourceFunc     func,
                       gpointer        data,
                       GDestroyNotify  notify)
{
  Callback *callback = g_new (Callback, 1);

  g_atomic_ref_count_init (&callback->references);
  callback->func = func;
  callback->data = data;
  callback->notify = notify;
  g_source_set_callback_indirect (source, callback, &callback_funcs);
}

guint
g_source_attach (GSource      *source,
                 GMainContext *context)
{
  REAL (g_source_attach);

  seen_by_next (source);

  return real (source, context);
}

/* A pool runs a task after it was pushed. GTask's pool, too, is made by this. */
typedef struct
{
  GFunc func;
  gpointer data;
} Pool;

static void
run_pushed (gpointer task,
            gpointer data)
{
  Pool *pool = data;

  sees_former (task);
  pool->func (task, pool->data);
}

/* What the pool calls stays until the process ends, as GTask's pool does. */
GThreadPool *
g_thread_pool_new (GFunc      func,
                   gpointer   data,
                   int        max_threads,
                   gboolean   exclusive,
                   GError   **error)
{
  Pool *pool = g_new (Pool, 1);
  REAL (g_thread_pool_new);

  *pool = (Pool) { func, data };

  return real (run_pushed, pool, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool  *pool,
                    gpointer      task,
                    GError      **error)
{
  REAL (g_thread_pool_push);

  seen_by_next (task);

  return real (pool, task, error);
}
