/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

void
tool_semaphore_clear (ToolSemaphore *semaphore)
{
  g_clear_pointer (&semaphore->text, g_free);
  ssem_native_key_clear (&semaphore->native);
}

static gboolean
read_native_key (ToolSemaphore  *semaphore,
                 const char     *native_key,
                 SsemBackend     backend,
                 GError        **error)
{
  if (!ssem_native_key_check (native_key, backend, &semaphore->native, error))
    return FALSE;

  semaphore->text = g_strdup (native_key);
  semaphore->target = (SsemBackendTarget) {
    .backend = semaphore->native.backend,
    .key = semaphore->text,
    .configuration = ssem_native_key_configure (&semaphore->native),
  };
  semaphore->target.configuration.address = tool_address;

  return TRUE;
}

static void
set_key (ToolSemaphore *semaphore,
         SsemBackend    backend,
         char          *key)
{
  semaphore->text = key;
  semaphore->target = (SsemBackendTarget) {
    .backend = backend,
    .key = key,
    .configuration = { .address = tool_address },
  };
}

gboolean
tool_semaphore_read (ToolSemaphore  *semaphore,
                     const char     *argument,
                     GError        **error)
{
  g_autofree char *key = NULL;

  *semaphore = (ToolSemaphore) { .text = NULL };
  if (tool_native_key != NULL)
    return read_native_key (semaphore, tool_native_key, tool_backend, error);

  key = tool_key_from_argument (argument);
  if (!ssem_key_check (key, error))
    return FALSE;
  set_key (semaphore, tool_backend, g_steal_pointer (&key));

  return TRUE;
}

gboolean
tool_semaphore_of_info (ToolSemaphore      *semaphore,
                        const SsemSnapshot *info)
{
  *semaphore = (ToolSemaphore) { .text = NULL };
  if (info->key == NULL)
    return info->native_key != NULL &&
           read_native_key (semaphore, info->native_key, info->backend, NULL);

  set_key (semaphore, info->backend, g_strdup (info->key));

  return TRUE;
}
