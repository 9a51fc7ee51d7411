/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-backend-private.h"

#include "ssem/os/ssem-display-private.h"
#include "ssem/ssem-i18n-private.h"

static const char *
sentence_for (SsemOperation            operation,
              SsemSystemSemaphoreError code)
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
      if (code == SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND)
        /* Translators: the first %s is the key, the second the reason. */
        return _("Could not find the semaphore “%s”: %s");
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not look at the semaphore “%s”: %s");
    case SSEM_OPERATION_LIST:
      /* Translators: the first %s is the directory, the second the reason. */
      return _("Could not list the semaphores in “%s”: %s");
    case SSEM_OPERATION_REMOVE:
      /* Translators: the first %s is the key, the second the reason. */
      return _("Could not remove the semaphore “%s”: %s");
    case SSEM_OPERATION_KEEP:
      /* Translators: the first %s is the key, the second the reason. */
      return _("The process has lost its units of the semaphore “%s”: %s");
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

  g_set_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code, sentence_for (operation, code),
               shown_key, shown_reason);

  return FALSE;
}
#pragma GCC diagnostic pop

gboolean
ssem_backend_fail_maximum (GError        **error,
                           SsemOperation   operation,
                           const char     *key,
                           int             maximum)
{
  g_autofree char *reason = NULL;

  reason = g_strdup_printf (_("The maximum is %d units"), maximum);

  return ssem_backend_fail_because (error, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES, operation,
                                    key, reason);
}

gboolean
ssem_backend_fail_to_look (GError **error)
{
  g_set_error_literal (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _("This backend cannot list, show or remove semaphores"));

  return FALSE;
}
