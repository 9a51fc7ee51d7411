/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "imports-win32.h"

#include <ssem.h>
#include <windows.h>

/* The library calls the system through its import table, in which we put our own function in the
 * place of the system's. Where the entry of a name lies, the headers of the loaded file tell; see
 * "PE Format" in Microsoft's documentation. */

static gpointer *
find_import (const char *base,
             const char *name)
{
  const IMAGE_DOS_HEADER *dos = (gconstpointer) base;
  const IMAGE_NT_HEADERS *headers = (gconstpointer) (base + dos->e_lfanew);
  const IMAGE_DATA_DIRECTORY *directory =
    &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
  const IMAGE_IMPORT_DESCRIPTOR *import = (gconstpointer) (base + directory->VirtualAddress);

  for (; import->Name != 0; import++)
    {
      const IMAGE_THUNK_DATA *thunk = (gconstpointer) (base + import->OriginalFirstThunk);
      gpointer *entry = (gpointer *) (base + import->FirstThunk);

      for (; thunk->u1.AddressOfData != 0; thunk++, entry++)
        {
          const IMAGE_IMPORT_BY_NAME *found = (gconstpointer) (base + thunk->u1.AddressOfData);

          if (!IMAGE_SNAP_BY_ORDINAL (thunk->u1.Ordinal) &&
              g_str_equal ((const char *) found->Name, name))
            return entry;
        }
    }

  return NULL;
}

gpointer
imports_replace (const char *name,
                 gpointer    replacement)
{
  HMODULE library = NULL;
  gpointer *entry;
  gpointer replaced;
  DWORD protection;

  g_assert_true (GetModuleHandleExW (GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                     GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                                     (LPCWSTR) (gpointer) ssem_system_semaphore_get_type,
                                     &library));
  entry = find_import ((const char *) library, name);
  if (entry == NULL)
    g_error ("The library does not import %s", name);

  replaced = *entry;
  g_assert_true (VirtualProtect (entry, sizeof *entry, PAGE_READWRITE, &protection));
  *entry = replacement;
  VirtualProtect (entry, sizeof *entry, protection, &protection);

  return replaced;
}
