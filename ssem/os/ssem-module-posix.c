/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-module-private.h"

#include <dlfcn.h>
#include <string.h>

/* Returns what failed, without the path that glibc puts before it. */
static char *
get_reason (const char *path)
{
  const char *reason = dlerror ();
  gsize length = strlen (path);

  if (strncmp (reason, path, length) == 0 && strncmp (reason + length, ": ", 2) == 0)
    reason += length + 2;

  return g_strdup (reason);
}

gpointer
ssem_module_load (const char  *path,
                  const char  *symbol,
                  char       **reason)
{
  void *module = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  gpointer address = NULL;

  /* A module that is usable is never closed: its threads and handlers last as long as the
   * process. */
  if (module != NULL)
    address = dlsym (module, symbol);
  if (address == NULL)
    *reason = get_reason (path);
  if (module != NULL && address == NULL)
    dlclose (module);

  return address;
}

char *
ssem_module_directory (void)
{
  return g_strdup (MODULEDIR);
}
