/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-settings-private.h"

#include "ssem-i18n-private.h"
#include "ssem-key-private.h"

gboolean
ssem_settings_check (int              initial_value,
                     SsemAccessMode   mode,
                     GError         **error)
{
  if (!ssem_value_check (initial_value, error))
    return FALSE;

  /* A cast: the compiler may assume that an enumeration is never negative. */
  if ((guint) mode > SSEM_ACCESS_MODE_JOIN)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("Unknown access mode %d"), (int) mode);
      return FALSE;
    }

  return TRUE;
}

static gboolean
check_native_key (SsemSettings  *settings,
                  gboolean       has_key,
                  GError       **error)
{
  if (has_key)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _("A semaphore has either a key or a native key, not both"));
      return FALSE;
    }
  if (!ssem_native_key_check (settings->name, settings->backend, &settings->native, error))
    return FALSE;

  settings->backend = settings->native.backend;
  settings->configuration = ssem_native_key_configure (&settings->native);

  return TRUE;
}

gboolean
ssem_settings_read (SsemSettings         *settings,
                    SsemSystemSemaphore  *self,
                    GError              **error)
{
  gboolean has_key;

  g_mutex_lock (&ssem_system_semaphore_lock);
  has_key = self->key != NULL;
  *settings = (SsemSettings) {
    .name = ssem_system_semaphore_dup_name (self),
    .is_native = self->is_native,
    .backend = self->backend,
    .initial_value = self->initial_value,
    .mode = self->mode,
    .undo = self->undo,
  };
  g_mutex_unlock (&ssem_system_semaphore_lock);

  if (settings->is_native ? !check_native_key (settings, has_key, error)
                          : !ssem_key_check (settings->name, error))
    return FALSE;
  settings->configuration.address = self->address;

  return ssem_settings_check (settings->initial_value, settings->mode, error);
}

void
ssem_settings_clear (SsemSettings *settings)
{
  g_clear_pointer (&settings->name, g_free);
  ssem_native_key_clear (&settings->native);
}

char *
ssem_settings_format_native_key (const SsemSettings *settings)
{
  return ssem_native_key_format (settings->native.backend, settings->native.project,
                                 settings->native.name);
}
