/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem-enums.h"
#include "ssem-param-spec-private.h"

GMutex ssem_system_semaphore_lock;
gpointer ssem_system_semaphore_class;
GParamSpec *ssem_system_semaphore_properties[SSEM_N_PROPS];

static void
ssem_system_semaphore_get_property (GObject    *object,
                                    guint       prop_id,
                                    GValue     *value,
                                    GParamSpec *pspec)
{
  SsemSystemSemaphore *self = (SsemSystemSemaphore *) object;

  switch (prop_id)
    {
    case SSEM_PROP_KEY:
      g_value_take_string (value, ssem_system_semaphore_get_key (self));
      break;
    case SSEM_PROP_INITIAL_VALUE:
      g_value_set_int (value, ssem_system_semaphore_get_initial_value (self));
      break;
    case SSEM_PROP_MODE:
      g_value_set_enum (value, ssem_system_semaphore_get_mode (self));
      break;
    case SSEM_PROP_UNDO:
      g_value_set_boolean (value, ssem_system_semaphore_get_undo (self));
      break;
    case SSEM_PROP_BACKEND:
      g_value_set_enum (value, ssem_system_semaphore_get_backend (self));
      break;
    case SSEM_PROP_NATIVE_KEY:
      g_value_take_string (value, ssem_system_semaphore_get_native_key (self));
      break;
    case SSEM_PROP_ADDRESS:
      g_value_set_string (value, self->address);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
ssem_system_semaphore_set_property (GObject      *object,
                                    guint         prop_id,
                                    const GValue *value,
                                    GParamSpec   *pspec)
{
  SsemSystemSemaphore *self = (SsemSystemSemaphore *) object;

  /* All are construct-only: no other thread has the object yet. */
  switch (prop_id)
    {
    case SSEM_PROP_KEY:
      self->key = g_value_dup_string (value);
      break;
    case SSEM_PROP_INITIAL_VALUE:
      self->initial_value = g_value_get_int (value);
      break;
    case SSEM_PROP_MODE:
      self->mode = g_value_get_enum (value);
      break;
    case SSEM_PROP_UNDO:
      self->undo = g_value_get_boolean (value);
      break;
    case SSEM_PROP_BACKEND:
      self->backend = g_value_get_enum (value);
      break;
    case SSEM_PROP_NATIVE_KEY:
      self->native_key = g_value_dup_string (value);
      self->is_native = self->native_key != NULL;
      break;
    case SSEM_PROP_ADDRESS:
      self->address = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

void
ssem_system_semaphore_install_properties (GObjectClass *object_class)
{
  const GParamFlags flags =
    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = ssem_system_semaphore_get_property;
  object_class->set_property = ssem_system_semaphore_set_property;

  /**
   * SsemSystemSemaphore:key: (getter get_key)
   *
   * The key: a non-empty string of valid UTF-8 of at most 1024 bytes.
   *
   * It is `NULL` if the object was opened by [property@Ssem.SystemSemaphore:native-key].
   * [method@Ssem.SystemSemaphore.set_key] changes it.
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_KEY] =
    g_param_spec_string ("key", NULL, NULL, NULL, flags);

  /**
   * SsemSystemSemaphore:initial-value: (getter get_initial_value)
   *
   * The value that the semaphore gets if this object creates or resets it: 0 or more units, and at
   * most what the backend can count to (32767 with System V, else `G_MAXINT`).
   *
   * [method@Ssem.SystemSemaphore.set_key] changes it.
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_INITIAL_VALUE] =
    g_param_spec_int ("initial-value", NULL, NULL, G_MININT, G_MAXINT, 0, flags);

  /**
   * SsemSystemSemaphore:mode: (getter get_mode)
   *
   * What opening the key does if the semaphore exists, and if it does not.
   *
   * [method@Ssem.SystemSemaphore.set_key] changes it.
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_MODE] =
    ssem_param_spec_any_enum ("mode", SSEM_TYPE_ACCESS_MODE, SSEM_ACCESS_MODE_OPEN, flags);

  /**
   * SsemSystemSemaphore:undo: (getter get_undo)
   *
   * Whether units that are acquired through this object come back when the process dies.
   *
   * With `FALSE`, acquires and releases through this object do not change what the process holds.
   * Reads `FALSE` on an open object whose backend has no undo (`SSEM_BACKEND_WINDOWS` and POSIX).
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_UNDO] =
    g_param_spec_boolean ("undo", NULL, NULL, TRUE, flags);

  /**
   * SsemSystemSemaphore:backend: (getter get_backend)
   *
   * The backend of the semaphore.
   *
   * `SSEM_BACKEND_DEFAULT` stands for the backend that the environment variable `SSEM_BACKEND`
   * names, or else for the default of the platform: shared memory on Linux and Windows, System V on
   * other Unix systems. On an open object, the property reads as the backend in use. Processes
   * share a semaphore only if they use the same backend.
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_BACKEND] =
    ssem_param_spec_any_enum ("backend", SSEM_TYPE_BACKEND, SSEM_BACKEND_DEFAULT, flags);

  /**
   * SsemSystemSemaphore:native-key: (getter get_native_key)
   *
   * The exact name of the system's object, for programs that do not use this library.
   *
   * The form is that of Qt's `QNativeIpcKey`: a type, a colon and a name.
   *
   * - `posix:/market` names a semaphore of `sem_open()`.
   * - `systemv:/run/user/1000/market` names the file that `ftok()` makes a System V key of. Qt uses
   *   the project number 81; `systemv-5:` uses the number 5, and so on from 1 to 255.
   * - `windows:sem_market` names a semaphore of `CreateSemaphore()`. The name may begin with
   *   `Local\` or `Global\`.
   *
   * The name is percent-encoded UTF-8: `%25` stands for `%`, `%3F` for `?` and `%23` for `#`. Other
   * characters may be encoded. The whole text has at most 4096 bytes.
   *
   * If it is set at construction, it chooses the backend, and the key must be `NULL`. A
   * [property@Ssem.SystemSemaphore:backend] other than `SSEM_BACKEND_DEFAULT` must be the same.
   *
   * On an open object, the property reads as the native key of the semaphore, encoded as Qt does
   * it. A Qt program opens the same semaphore with `QNativeIpcKey::fromString()`. It is `NULL` with
   * shared memory, which only this library can open, and with a path that is not valid UTF-8.
   *
   * With System V, the file is created if there is none, and removed with the semaphore, as in Qt.
   * It must be the user's own regular file, not a symbolic link, and empty or made by this library.
   * One file holds one semaphore: other project numbers are refused while the file exists.
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_NATIVE_KEY] =
    g_param_spec_string ("native-key", NULL, NULL, NULL, flags);

  /**
   * SsemSystemSemaphore:address: (getter get_address)
   *
   * Where the service of the backend is.
   *
   * With `SSEM_BACKEND_ETCD`, these are the endpoints of the cluster, separated by commas, for
   * example `https://a.example:2379,https://b.example:2379`. `NULL` stands for those in the
   * environment variable `SSEM_ETCD_ENDPOINTS`.
   *
   * The other backends are on this machine. They refuse an address with
   * `G_IO_ERROR_INVALID_ARGUMENT`.
   *
   * Since: 1.0
   */
  ssem_system_semaphore_properties[SSEM_PROP_ADDRESS] =
    g_param_spec_string ("address", NULL, NULL, NULL, flags);

  g_object_class_install_properties (object_class, SSEM_N_PROPS,
                                     ssem_system_semaphore_properties);
}

/* --- Public calls --- */

/**
 * ssem_system_semaphore_get_key: (get-property key)
 * @self: a semaphore
 *
 * The key.
 *
 * The string is a copy, because another thread may give the object another key.
 *
 * Returns: (transfer full) (nullable): the key, or `NULL` if the object was created without a key
 *
 * Since: 1.0
 */
char *
ssem_system_semaphore_get_key (SsemSystemSemaphore *self)
{
  char *key;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), NULL);

  g_mutex_lock (&ssem_system_semaphore_lock);
  key = g_strdup (self->key);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return key;
}

/**
 * ssem_system_semaphore_get_native_key: (get-property native-key)
 * @self: a semaphore
 *
 * The exact name of the system's object.
 *
 * The string is a copy, because another thread may give the object another key.
 *
 * Returns: (transfer full) (nullable): the native key of the open semaphore, or the one that the
 *   object was created with if it is not open yet; `NULL` if there is none, as with shared memory
 *
 * Since: 1.0
 */
char *
ssem_system_semaphore_get_native_key (SsemSystemSemaphore *self)
{
  char *native_key;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), NULL);

  g_mutex_lock (&ssem_system_semaphore_lock);
  native_key = g_strdup (self->native_key);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return native_key;
}

/**
 * ssem_system_semaphore_get_initial_value: (get-property initial-value)
 * @self: a semaphore
 *
 * The value that the semaphore gets if this object creates or resets it.
 *
 * Returns: a number of units
 *
 * Since: 1.0
 */
int
ssem_system_semaphore_get_initial_value (SsemSystemSemaphore *self)
{
  int initial_value;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), -1);

  g_mutex_lock (&ssem_system_semaphore_lock);
  initial_value = self->initial_value;
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return initial_value;
}

/**
 * ssem_system_semaphore_get_mode: (get-property mode)
 * @self: a semaphore
 *
 * What opening the key does if the semaphore exists, and if it does not.
 *
 * Returns: the mode of the construction, or of the last [method@Ssem.SystemSemaphore.set_key]
 *
 * Since: 1.0
 */
SsemAccessMode
ssem_system_semaphore_get_mode (SsemSystemSemaphore *self)
{
  SsemAccessMode mode;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), SSEM_ACCESS_MODE_OPEN);

  g_mutex_lock (&ssem_system_semaphore_lock);
  mode = self->mode;
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return mode;
}

/**
 * ssem_system_semaphore_get_undo: (get-property undo)
 * @self: a semaphore
 *
 * Whether units that are acquired through this object come back when the process dies.
 *
 * Returns: `FALSE` if the object was created so, or its backend has no undo
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_get_undo (SsemSystemSemaphore *self)
{
  gboolean undo;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), FALSE);

  g_mutex_lock (&ssem_system_semaphore_lock);
  undo = self->undo;
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return undo;
}

/**
 * ssem_system_semaphore_get_backend: (get-property backend)
 * @self: a semaphore
 *
 * The backend of the semaphore.
 *
 * Returns: the backend in use, or the requested backend if the object is not open yet
 *
 * Since: 1.0
 */
SsemBackend
ssem_system_semaphore_get_backend (SsemSystemSemaphore *self)
{
  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), SSEM_BACKEND_DEFAULT);

  /* Without the lock, because bindings ask before each operation whether it could take long. */
  return atomic_load_explicit (&self->backend, memory_order_relaxed);
}

/**
 * ssem_system_semaphore_get_address: (get-property address)
 * @self: a semaphore
 *
 * Where the service of the backend is.
 *
 * Returns: (transfer none) (nullable): the address that the object was created with, or `NULL` if
 *   it uses the default of the backend
 *
 * Since: 1.0
 */
const char *
ssem_system_semaphore_get_address (SsemSystemSemaphore *self)
{
  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), NULL);

  return self->address;
}
