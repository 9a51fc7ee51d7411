/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-key-private.h"

#include "ssem-error.h"
#include "ssem-i18n-private.h"
#include "ssem/os/ssem-gio-private.h"

#include <string.h>

#define KEY_MAX_BYTES 1024

gboolean
ssem_key_check (const char  *key,
                GError     **error)
{
  const char *fault = NULL;

  if (key == NULL || *key == '\0')
    fault = _("The key of a semaphore cannot be empty");
  else if (strlen (key) > KEY_MAX_BYTES || !g_utf8_validate (key, -1, NULL))
    /* The modules for Python and JavaScript pass a key that is too long in place of text that they
     * cannot pass on. The sentence must be true of both. */
    fault = _("The key of a semaphore must be UTF-8 text of at most 1024 bytes, without null "
              "characters");

  if (fault != NULL)
    {
      g_set_error_literal (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                           SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, fault);
      return FALSE;
    }

  return TRUE;
}

gboolean
ssem_value_check (int      value,
                  GError **error)
{
  if (value >= 0)
    return TRUE;

  g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _("Invalid initial value %d: use 0 or more"), value);

  return FALSE;
}
