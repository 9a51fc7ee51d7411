/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

G_BEGIN_DECLS

/* The id of the backend, which no member of SsemBackend has. It is known to a process that has
 * loaded the module by its name. */
#define MEMORY_BACKEND 1000

/* Loads the module; returns FALSE where this build has none. */
static inline gboolean
memory_load (void)
{
  gboolean is_loaded;

  g_setenv ("SSEM_BACKEND", "memory", TRUE);
  is_loaded = ssem_backend_is_supported (SSEM_BACKEND_DEFAULT);
  g_unsetenv ("SSEM_BACKEND");

  return is_loaded;
}

/* Reports to every instance of the process that it has lost what it held. Its next operation fails
 * with SSEM_SYSTEM_SEMAPHORE_ERROR_LOST. The module exports it for the tests. */
void memory_lose (void);

G_END_DECLS
