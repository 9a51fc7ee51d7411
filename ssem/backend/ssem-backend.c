/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem-hazard-private.h"
#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-environment-private.h"
#include "ssem/ssem-i18n-private.h"

void
ssem_backend_init (void)
{
  int i;

  ssem_hazard_init ();
  for (i = 0; ssem_backends[i] != NULL; i++)
    ssem_backends[i]->init ();
}

const SsemBackendTable *
ssem_backend_find (SsemBackend id)
{
  int i;

  for (i = 0; ssem_backends[i] != NULL; i++)
    {
      if (ssem_backends[i]->id == id)
        return ssem_backends[i];
    }

  return NULL;
}

/* The names of all backends that there are, on whatever platform: a name of this list is known,
 * though this build may not have it. */
static const char *const backend_names[] = {
  [SSEM_BACKEND_SHARED_MEMORY] = "shared-memory",
  [SSEM_BACKEND_SYSV] = "sysv",
  [SSEM_BACKEND_WINDOWS] = "windows",
};

const SsemBackendTable *
ssem_backend_choose (SsemBackend   wanted,
                     GError      **error)
{
  const char *name = NULL;
  const SsemBackendTable *table;
  guint i;

  if (wanted == SSEM_BACKEND_DEFAULT)
    name = ssem_environment_get ("SSEM_BACKEND");

  if (wanted == SSEM_BACKEND_DEFAULT && name == NULL)
    {
      if (ssem_backends[0] == NULL)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                             _("This build of the library has no backend"));
      return ssem_backends[0];
    }

  if (name != NULL)
    {
      for (i = SSEM_BACKEND_DEFAULT + 1; i < G_N_ELEMENTS (backend_names); i++)
        {
          if (g_str_equal (name, backend_names[i]))
            wanted = i;
        }
      if (wanted == SSEM_BACKEND_DEFAULT)
        {
          g_autofree char *shown = ssem_display_text (name);

          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _("SSEM_BACKEND in the environment is “%s”; it can be “%s”, “%s” or “%s”"),
                       shown,
                       backend_names[SSEM_BACKEND_SHARED_MEMORY],
                       backend_names[SSEM_BACKEND_SYSV],
                       backend_names[SSEM_BACKEND_WINDOWS]);
          return NULL;
        }
    }

  if (wanted >= G_N_ELEMENTS (backend_names))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("%d is not the number of a backend"), (int) wanted);
      return NULL;
    }

  table = ssem_backend_find (wanted);
  if (table == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _("The backend “%s” does not exist on this system"), backend_names[wanted]);

  return table;
}

/**
 * ssem_backend_is_supported:
 * @backend: a backend
 *
 * Whether this build of the library has @backend.
 *
 * For `SSEM_BACKEND_DEFAULT` the answer is whether an object that asks for no particular backend
 * gets one: it is `FALSE` when the environment variable `SSEM_BACKEND` names one that is not there.
 *
 * This function may be called from any thread.
 *
 * Returns: `TRUE` if it can be used
 *
 * Since: 1.0
 */
gboolean
ssem_backend_is_supported (SsemBackend backend)
{
  return ssem_backend_choose (backend, NULL) != NULL;
}

static const char *
sentence_for (SsemOperation operation)
{
  switch (operation)
    {
    case SSEM_OPERATION_OPEN:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not open the semaphore “%s”: %s");
    case SSEM_OPERATION_ACQUIRE:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not acquire from the semaphore “%s”: %s");
    case SSEM_OPERATION_RELEASE:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not release to the semaphore “%s”: %s");
    case SSEM_OPERATION_INSPECT:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not look at the semaphore “%s”: %s");
    case SSEM_OPERATION_LIST:
      /* Translators: the first %s is the folder, the second the reason. */
      return _("Could not list the semaphores in “%s”: %s");
    case SSEM_OPERATION_REMOVE:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not remove the semaphore “%s”: %s");
    case SSEM_OPERATION_GET_VALUE:
    default:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not read the value of the semaphore “%s”: %s");
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
gboolean
ssem_backend_fail_because (GError                   **error,
                           SsemSystemSemaphoreError   code,
                           SsemOperation              operation,
                           const char                *key,
                           const char                *reason)
{
  g_autofree char *shown_key = ssem_display_text (key);
  g_autofree char *shown_reason = ssem_display_text (reason);

  g_set_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code, sentence_for (operation), shown_key,
               shown_reason);

  return FALSE;
}
#pragma GCC diagnostic pop

static gboolean
fail_to_look (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _("This system does not tell which semaphores there are"));

  return FALSE;
}

SsemSnapshot *
ssem_backend_cannot_inspect (const char  *key,
                             GError     **error)
{
  fail_to_look (error);

  return NULL;
}

gboolean
ssem_backend_cannot_list (GPtrArray  *snapshots,
                          guint      *n_others,
                          GError    **error)
{
  return fail_to_look (error);
}

gboolean
ssem_backend_cannot_remove (const char  *key,
                            GError     **error)
{
  return fail_to_look (error);
}

gboolean
ssem_backend_fail_maximum (GError        **error,
                           SsemOperation   operation,
                           const char     *key,
                           int             maximum)
{
  g_autofree char *reason = NULL;

  reason = g_strdup_printf (_("A semaphore of this sort never has more than %d units"), maximum);

  return ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES, operation,
                                    key, reason);
}

void
ssem_backend_describe (const SsemBackendTable  *table,
                       SsemOperation            operation,
                       const char              *key,
                       int                      failure,
                       GError                 **error)
{
  g_autofree char *shown = ssem_display_text (key);

  switch (failure)
    {
    case SSEM_FAILURE_WOULD_BLOCK:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
                   _("The semaphore “%s” does not have that many units now"), shown);
      break;
    case SSEM_FAILURE_TIMED_OUT:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   _("The semaphore “%s” did not have that many units in time"), shown);
      break;
    case SSEM_FAILURE_CANCELLED:
      /* GIO's own words, in its own translation. */
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                           g_dgettext ("glib20", "Operation was cancelled"));
      break;
    case SSEM_FAILURE_CLOSED:
      ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, operation, key,
                                 _("The object was given another key or disposed of"));
      break;
    case SSEM_FAILURE_TOO_MANY:
      ssem_backend_fail_maximum (error, operation, key, table->maximum);
      break;
    case SSEM_FAILURE_TOO_DEEP:
      ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES, operation,
                                 key, _("Too many operations of this thread interrupt each other"));
      break;
    default:
      table->describe (operation, key, failure, error);
      break;
    }
}
