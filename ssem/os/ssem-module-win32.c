/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-module-private.h"

#include <windows.h>

gpointer
ssem_module_load (const char  *path,
                  const char  *symbol,
                  char       **reason)
{
  g_autofree gunichar2 *wide = g_utf8_to_utf16 (path, -1, NULL, NULL, NULL);
  HMODULE module = wide != NULL ? LoadLibraryW ((LPCWSTR) wide) : NULL;
  FARPROC address = NULL;

  /* A module that is usable is never freed: its threads last as long as the process. */
  if (module != NULL)
    address = GetProcAddress (module, symbol);
  if (address == NULL)
    *reason = g_win32_error_message ((int) GetLastError ());
  if (module != NULL && address == NULL)
    FreeLibrary (module);

  return (gpointer) address;
}

/* Returns the directory beside the library: a program's installation may lie anywhere. */
char *
ssem_module_directory (void)
{
  HMODULE library = NULL;
  g_autofree char *root = NULL;

  GetModuleHandleExW (GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                      GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                      (LPCWSTR) (gpointer) ssem_module_directory, &library);
  root = g_win32_get_package_installation_directory_of_module (library);

  return g_build_filename (root, "lib", "ssem-1", "modules", NULL);
}
