/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem/backend/ssem-loss-watch-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem-i18n-private.h"
#include "ssem-key-private.h"
#include "ssem-settings-private.h"

/**
 * SsemSystemSemaphore:
 *
 * A counting semaphore shared between processes, modelled on Qt's `QSystemSemaphore`.
 *
 * A semaphore guards a number of equal resources, its *units*. A process acquires units, waits
 * until they are available, and releases them when it is done. All processes that open the same key
 * share one semaphore.
 *
 * ```c
 * g_autoptr(GError) error = NULL;
 * g_autoptr(SsemSystemSemaphore) market =
 *   ssem_system_semaphore_new ("market", 3, SSEM_ACCESS_MODE_JOIN, &error);
 *
 * if (market == NULL || !ssem_system_semaphore_acquire (market, 1, NULL, &error))
 *   g_error ("%s", error->message);
 * // One of three: work with it.
 * ssem_system_semaphore_release (market, 1, NULL);
 * ```
 *
 * ## The key
 *
 * A key is a non-empty string of valid UTF-8 of at most 1024 bytes. No character has a special
 * meaning, `/` included. Keys belong to a user: programs of another user do not share them. In a
 * directory that users share, such as `/tmp` with the System V backend, a second user of a key gets
 * `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` while the semaphore of the first user exists. So
 * do users of the POSIX backend, whose names belong to the system. The environment variable
 * `SSEM_RUNTIME_DIR`, the path of an existing directory, moves the whole name space there.
 *
 * ## When a process dies
 *
 * When a process ends for any reason, SIGKILL included, the units that it has acquired and not
 * released come back, and waiters for them wake. (With shared memory, other processes give the
 * units back: a waiter, a process that tries in vain, or one that reads the value.) Units are held
 * by the process, not by the object or the thread: another object of the same key may release what
 * one object acquired. A process that releases more than it acquired *creates* units; these stay
 * when it ends. Units that are acquired through an object whose
 * [property@Ssem.SystemSemaphore:undo] is `FALSE` do not come back. That is right for signalling,
 * where one process acquires what another releases.
 *
 * The last process removes the semaphore from the system when it drops its last object of the key,
 * or exits. If the last process is killed or crashes, the semaphore is left over, with its units
 * back, until a process opens the key.
 *
 * A child of `fork()` holds none of its parent's units; its first use of an object makes it a user
 * of its own. After `exec()` the units of the old program come back, with System V only when the
 * process ends.
 *
 * On Windows a semaphore is gone with its last process, crashed or not. With the backend
 * `SSEM_BACKEND_WINDOWS`, the units of a dead process do not come back,
 * [property@Ssem.SystemSemaphore:undo] reads `FALSE`, and `SSEM_ACCESS_MODE_CREATE` does the same
 * as `SSEM_ACCESS_MODE_OPEN`.
 *
 * With POSIX, too, the units of a dead process do not come back, and
 * [property@Ssem.SystemSemaphore:undo] reads `FALSE`. The last process removes a semaphore that
 * this library has created, unless another program has it open. What another program has created
 * stays.
 *
 * ## Threads
 *
 * Any thread may call any function at any time. Time during which the system is suspended does not
 * count as time waited, and clock changes have no effect on time-outs. No call is a cancellation
 * point of `pthread_cancel()`: a cancelled thread ends after the call.
 *
 * ## Signal handlers
 *
 * With shared memory, System V and POSIX, a signal handler may call
 * [method@Ssem.SystemSemaphore.release] and [method@Ssem.SystemSemaphore.try_acquire], and their
 * variants for one unit, even if it interrupts another call of the library. The thread must have
 * acquired from or released to this semaphore before, in this process, because the first use
 * allocates memory. Pass `NULL` for the error, and call [method@Ssem.SystemSemaphore.get_error]
 * outside the handler. Up to seven handlers may interrupt each other in such calls; one more fails
 * with `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES`. Save `errno` in the handler. All other calls
 * are not safe there. A handler that calls `exit()` does not make the library hang; if it
 * interrupted the library, the semaphore may be left over, as after a crash.
 *
 * A wait goes on after a handler, except that of
 * [method@Ssem.SystemSemaphore.acquire_interruptible].
 *
 * ## The end of an object
 *
 * After [method@GObject.Object.run_dispose] every operation of an object fails with
 * `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND`; the object does not open its key again.
 *
 * ## Errors
 *
 * Errors have the domain [error@Ssem.SystemSemaphoreError], or `G_IO_ERROR` for cancelled, timed
 * out, would block, invalid argument and not supported, or `G_FILE_ERROR` for interrupted. Programs
 * ported from Qt can get the last error with [method@Ssem.SystemSemaphore.get_error].
 *
 * Two backends are two worlds: the same key in two backends means two semaphores. See
 * [property@Ssem.SystemSemaphore:backend]. On Linux the default is shared memory, which Qt does not
 * use. To share a key with a Qt program, set `SSEM_BACKEND=sysv`, `SSEM_BACKEND=posix` or the
 * property: see the page [Platforms](platforms.html#beside-qt).
 *
 * A native key opens an object of the system by its exact name, in the form of Qt 6.6. It shares a
 * semaphore with any program that uses that object. See
 * [ctor@Ssem.SystemSemaphore.new_for_native_key].
 *
 * Since: 1.0
 */

enum
{
  SIGNAL_LOST,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void initable_iface_init (GInitableIface *iface);

/* The default implementation of GAsyncInitable calls init () in a thread. */
G_DEFINE_FINAL_TYPE_WITH_CODE (SsemSystemSemaphore, ssem_system_semaphore, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, initable_iface_init)
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_INITABLE, NULL))

/* --- Opening --- */

static void
lock_opening (SsemSystemSemaphore *self)
{
  g_mutex_lock (&ssem_system_semaphore_lock);
  if (self->fork_count != ssem_fork_count ())
    {
      g_mutex_init (&self->opening);
      atomic_store_explicit (&self->opener, NULL, memory_order_relaxed);
      self->fork_count = ssem_fork_count ();
    }
  g_mutex_unlock (&ssem_system_semaphore_lock);

  g_mutex_lock (&self->opening);
  atomic_store_explicit (&self->opener, ssem_thread_self (), memory_order_relaxed);
}

static void
unlock_opening (SsemSystemSemaphore *self)
{
  atomic_store_explicit (&self->opener, NULL, memory_order_relaxed);
  g_mutex_unlock (&self->opening);
}

/* Returns whether the object was disposed of, or this thread is opening it: a signal handler must
 * not wait for the thread that it interrupted. */
static gboolean
is_closed_here (SsemSystemSemaphore *self)
{
  return atomic_load_explicit (&self->is_disposed, memory_order_relaxed) ||
         atomic_load_explicit (&self->opener, memory_order_relaxed) == ssem_thread_self ();
}

/* The watch has no reference on the object, which may go at any time.
 *
 * GLib takes locks of its own, and one of the object, while it changes or follows a weak reference.
 * A child that has a locked copy could not even drop the object. So no fork comes in between. */
static GWeakRef *
weak_ref_new (SsemSystemSemaphore *self)
{
  GWeakRef *object = g_new0 (GWeakRef, 1);

  ssem_fork_block ();
  g_weak_ref_init (object, self);
  ssem_fork_unblock ();

  return object;
}

static void
weak_ref_free (gpointer data)
{
  ssem_fork_block ();
  g_weak_ref_clear (data);
  ssem_fork_unblock ();
  g_free (data);
}

static void
emit_lost (gpointer      data,
           const GError *error)
{
  g_autoptr(GObject) object = NULL;

  ssem_fork_block ();
  object = g_weak_ref_get (data);
  ssem_fork_unblock ();

  if (object != NULL)
    g_signal_emit (object, signals[SIGNAL_LOST], 0, error);
}

/* Opens an instance; with opening held, and without an instance. */
static gboolean
open_instance (SsemSystemSemaphore  *self,
               GError              **error)
{
  g_auto(SsemSettings) settings = { .name = NULL };
  g_autofree char *native_key = NULL;
  const SsemBackendTable *table;
  SsemInstance *instance;

  if (!ssem_settings_read (&settings, self, error))
    return FALSE;

  table = ssem_backend_choose (settings.backend, error);
  if (table == NULL)
    return FALSE;

  settings.undo = settings.undo && ssem_backend_can (table, SSEM_CAPABILITY_UNDO);
  instance = ssem_backend_open (table, &settings.configuration, settings.name,
                                settings.initial_value, settings.mode, settings.undo, error);
  if (instance == NULL)
    return FALSE;

  if (ssem_backend_can (table, SSEM_CAPABILITY_LOSS))
    ssem_loss_watch_start (instance, self->context, emit_lost, weak_ref_new (self), weak_ref_free);
  /* Encoded as Qt does it, whatever the given text was like. */
  native_key = settings.is_native ? ssem_settings_format_native_key (&settings)
                                  : ssem_backend_get_native_key (instance);

  g_mutex_lock (&ssem_system_semaphore_lock);
  self->backend = table->id;
  self->undo = settings.undo;
  g_free (self->native_key);
  self->native_key = g_steal_pointer (&native_key);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  /* Release: pairs with the acquire in ssem_hazard_enter (). */
  atomic_store_explicit (&self->instance, instance, memory_order_release);
  ssem_backend_open_fast (instance, &self->fast_path);

  return TRUE;
}

/* Fails where the object was disposed of; with opening held. */
static gboolean
check_alive (SsemSystemSemaphore  *self,
             GError              **error)
{
  g_autofree char *key = NULL;

  if (!atomic_load_explicit (&self->is_disposed, memory_order_relaxed))
    return TRUE;

  key = ssem_system_semaphore_get_name (self);

  return ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND,
                                    SSEM_OPERATION_OPEN, key != NULL ? key : "",
                                    _("The object was disposed of"));
}

/* Opens an instance if there is none; fails for a @queue that is closed. */
static gboolean
ensure_open (SsemSystemSemaphore  *self,
             SsemAcquireQueue     *queue,
             GError              **error)
{
  gboolean is_open;

  lock_opening (self);
  is_open = check_alive (self, error) &&
            (queue == NULL || !ssem_acquire_queue_set_error_if_closed (queue, error)) &&
            (atomic_load_explicit (&self->instance, memory_order_relaxed) != NULL ||
             open_instance (self, error));
  unlock_opening (self);

  return is_open;
}

SsemInstance *
ssem_system_semaphore_enter (SsemSystemSemaphore  *self,
                             SsemAcquireQueue     *queue,
                             guint                *depth,
                             int                  *failure,
                             GError              **error)
{
  SsemInstance *instance;

  *failure = 0;
  while ((instance = ssem_hazard_enter (&self->instance, depth)) == NULL)
    {
      ssem_hazard_leave (*depth);
      if (*depth == SSEM_HAZARD_MAX_DEPTH)
        *failure = SSEM_FAILURE_TOO_DEEP;
      else if (is_closed_here (self))
        *failure = SSEM_FAILURE_CLOSED;
      if (*failure != 0 || !ensure_open (self, queue, error))
        return NULL;
    }

  return instance;
}

static void
drop_instance (SsemSystemSemaphore *self)
{
  SsemInstance *instance;

  instance = atomic_exchange_explicit (&self->instance, NULL, memory_order_acq_rel);
  if (instance == NULL)
    return;

  ssem_fast_path_close (&self->fast_path);
  ssem_loss_watch_stop (instance);
  ssem_backend_close (instance);
  ssem_hazard_retire (instance);
}

/* Fails the pending acquires: they were meant for the key that the object loses. */
static void
drop_queue (SsemSystemSemaphore *self)
{
  g_autoptr(GError) closed = NULL;
  g_autofree char *key = NULL;
  SsemAcquireQueue *queue;

  g_mutex_lock (&ssem_system_semaphore_lock);
  queue = g_steal_pointer (&self->queue);
  if (queue != NULL)
    key = ssem_system_semaphore_dup_name (self);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  if (queue == NULL || !ssem_acquire_queue_belongs_to_this_process (queue))
    return;

  /* An object without a key may have a queue, too. */
  ssem_backend_describe (NULL, SSEM_OPERATION_ACQUIRE, key != NULL ? key : "",
                         SSEM_FAILURE_CLOSED, &closed);
  ssem_acquire_queue_close (queue, closed);
  ssem_acquire_queue_unref (queue);
}

/* --- GObject --- */

static gboolean
ssem_system_semaphore_initable_init (GInitable     *initable,
                                     GCancellable  *cancellable,
                                     GError       **error)
{
  SSEM_THREAD_SHIELD;
  SsemSystemSemaphore *self = SSEM_SYSTEM_SEMAPHORE (initable);
  GError *failure = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, &failure) ||
      !ensure_open (self, NULL, &failure))
    return ssem_system_semaphore_record_failure (self, error, failure);

  ssem_system_semaphore_record_success (self);

  return TRUE;
}

static void
ssem_system_semaphore_dispose (GObject *object)
{
  SSEM_THREAD_SHIELD;
  SsemSystemSemaphore *self = SSEM_SYSTEM_SEMAPHORE (object);

  lock_opening (self);
  atomic_store_explicit (&self->is_disposed, TRUE, memory_order_relaxed);
  drop_queue (self);
  drop_instance (self);
  unlock_opening (self);

  G_OBJECT_CLASS (ssem_system_semaphore_parent_class)->dispose (object);
}

static void
ssem_system_semaphore_finalize (GObject *object)
{
  SsemSystemSemaphore *self = SSEM_SYSTEM_SEMAPHORE (object);

  if (self->queue != NULL && ssem_acquire_queue_belongs_to_this_process (self->queue))
    ssem_acquire_queue_unref (self->queue);
  /* In a child of fork () that has not used the object, a thread of the parent may hold the
   * lock. */
  if (self->fork_count == ssem_fork_count ())
    g_mutex_clear (&self->opening);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->address);
  g_free (self->key);
  g_free (self->native_key);
  g_free (self->error_string);

  G_OBJECT_CLASS (ssem_system_semaphore_parent_class)->finalize (object);
}

static void
ssem_system_semaphore_class_init (SsemSystemSemaphoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  ssem_system_semaphore_class = klass;

  /* The first caller writes the quark without a lock: here, before there are threads. */
  ssem_system_semaphore_error_quark ();
  g_io_error_quark ();

  object_class->dispose = ssem_system_semaphore_dispose;
  object_class->finalize = ssem_system_semaphore_finalize;

  ssem_system_semaphore_install_properties (object_class);

  /**
   * SsemSystemSemaphore::lost:
   * @self: a semaphore
   * @error: why: `SSEM_SYSTEM_SEMAPHORE_ERROR_LOST`
   *
   * The process has lost what it held of this semaphore: other processes may have been given it.
   *
   * Only a backend on a network emits this. Its service was out of reach for too long, or another
   * process has reset the semaphore. Stop the work that the units guarded. The process holds
   * nothing any more, and the next operation starts afresh.
   *
   * Every object of the process is told once, if the process held units of its key. The signal is
   * emitted in the thread-default main context of the thread that made the object. Until that
   * context runs, the program does not know of the loss. A resource can refuse such a program by
   * its fencing token: see [method@Ssem.SystemSemaphore.get_fencing_token].
   *
   * Since: 1.0
   */
  signals[SIGNAL_LOST] =
    g_signal_new ("lost", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_ERROR);

  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");

  /* Here and not when they are first needed: after a fork in another thread in the middle of this,
   * the child would wait forever. */
  ssem_fork_protect (&ssem_system_semaphore_lock, NULL);
  ssem_acquire_queue_init ();
  ssem_hazard_init ();
}

static void
initable_iface_init (GInitableIface *iface)
{
  iface->init = ssem_system_semaphore_initable_init;
}

static void
ssem_system_semaphore_init (SsemSystemSemaphore *self)
{
  ssem_fast_path_init (&self->fast_path);
  g_mutex_init (&self->opening);
  self->fork_count = ssem_fork_count ();
  /* Not the default context, which would be made, with a descriptor, by the first reference. */
  self->context = g_main_context_get_thread_default ();
  if (self->context != NULL)
    g_main_context_ref (self->context);
}

/* --- Public calls --- */

/**
 * ssem_system_semaphore_set_key:
 * @self: a semaphore
 * @key: the new key: not empty, valid UTF-8, at most 1024 bytes
 * @initial_value: the value where the semaphore is created or reset: 0 or more units
 * @mode: what to do when the semaphore exists already, and when it doesn't
 * @error: return location for an error
 *
 * Gives the object another key, as if it were dropped and created again.
 *
 * Like dropping the object, this does not release what the process holds. If the object was the
 * last user of the old key, that semaphore is removed. An acquire that waits in another thread, and
 * every pending asynchronous acquire, fails with `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` and holds
 * nothing. (With System V, if other processes use the semaphore, an acquire without a cancellable
 * notices only when its units are available; it gives them back. With POSIX it notices within 100
 * milliseconds.)
 *
 * The object stays in its backend. One that was opened by a native key has a key of the library
 * afterwards, and [property@Ssem.SystemSemaphore:native-key] reads as that of the new semaphore.
 * For another native key, create another object.
 *
 * An invalid key, initial value or mode leaves the object as it was. If opening the new key fails,
 * the object has that key and is not open; its next operation tries again.
 *
 * Emits `notify` for those of [property@Ssem.SystemSemaphore:key],
 * [property@Ssem.SystemSemaphore:native-key], [property@Ssem.SystemSemaphore:initial-value] and
 * [property@Ssem.SystemSemaphore:mode] that change.
 *
 * Do not call this in a signal handler.
 *
 * Returns: `TRUE` if the object is open under the new key, or `FALSE` with @error set as
 *   [ctor@Ssem.SystemSemaphore.new] sets it, or `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if the
 *   object was disposed of
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_set_key (SsemSystemSemaphore  *self,
                               const char           *key,
                               int                   initial_value,
                               SsemAccessMode        mode,
                               GError              **error)
{
  SSEM_THREAD_SHIELD;
  gboolean changes_key, changes_native_key, changes_initial_value, changes_mode;
  g_autofree char *old_native_key = NULL;
  GError *failure = NULL;

  g_return_val_if_fail (SSEM_IS_SYSTEM_SEMAPHORE (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!ssem_key_check (key, &failure) || !ssem_settings_check (initial_value, mode, &failure))
    return ssem_system_semaphore_record_failure (self, error, failure);

  lock_opening (self);
  if (!check_alive (self, &failure))
    {
      unlock_opening (self);
      return ssem_system_semaphore_record_failure (self, error, failure);
    }

  drop_queue (self);
  drop_instance (self);

  g_mutex_lock (&ssem_system_semaphore_lock);
  changes_key = g_strcmp0 (self->key, key) != 0;
  changes_initial_value = self->initial_value != initial_value;
  changes_mode = self->mode != mode;
  if (changes_key)
    {
      g_free (self->key);
      self->key = g_strdup (key);
    }
  old_native_key = g_steal_pointer (&self->native_key);
  self->is_native = FALSE;
  self->initial_value = initial_value;
  self->mode = mode;
  self->fencing_token = 0;
  g_mutex_unlock (&ssem_system_semaphore_lock);

  open_instance (self, &failure);

  g_mutex_lock (&ssem_system_semaphore_lock);
  changes_native_key = g_strcmp0 (self->native_key, old_native_key) != 0;
  g_mutex_unlock (&ssem_system_semaphore_lock);

  unlock_opening (self);

  if (failure == NULL)
    ssem_system_semaphore_record_success (self);
  else
    ssem_system_semaphore_record_failure (self, error, failure);

  if (changes_key)
    g_object_notify_by_pspec (G_OBJECT (self), ssem_system_semaphore_properties[SSEM_PROP_KEY]);
  if (changes_native_key)
    g_object_notify_by_pspec (G_OBJECT (self),
                              ssem_system_semaphore_properties[SSEM_PROP_NATIVE_KEY]);
  if (changes_initial_value)
    g_object_notify_by_pspec (G_OBJECT (self),
                              ssem_system_semaphore_properties[SSEM_PROP_INITIAL_VALUE]);
  if (changes_mode)
    g_object_notify_by_pspec (G_OBJECT (self), ssem_system_semaphore_properties[SSEM_PROP_MODE]);

  return failure == NULL;
}
