/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "places.h"

#include <string.h>
#include <windows.h>
#include <winternl.h>

/* The directory of keys stays empty here. Semaphores lie among the names that the system keeps for
 * the session, and the names of this directory begin with its hash.
 *
 * In shared memory, the name of a key ends with "_key". It is a section, whose second word is the
 * id of the key's segment, or 0; the segment has the same name with that id in place of "_key". A
 * process that lingers keeps the names of a segment that has been removed. */

#define ANCHOR_SUFFIX "_key"

#define DIRECTORY_QUERY 1
#define NAMES_AT_A_TIME 16384

/* As ntdll has them, documented in the Windows Driver Kit; the headers have only some. */
typedef struct
{
  UNICODE_STRING name;
  UNICODE_STRING type;
} DirectoryInformation;

NTSYSAPI NTSTATUS NTAPI NtOpenDirectoryObject  (HANDLE            *directory,
                                                ACCESS_MASK        access,
                                                OBJECT_ATTRIBUTES *attributes);
NTSYSAPI NTSTATUS NTAPI NtQueryDirectoryObject (HANDLE             directory,
                                                void              *buffer,
                                                ULONG              length,
                                                BOOLEAN            only_one,
                                                BOOLEAN            from_start,
                                                ULONG             *context,
                                                ULONG             *length_needed);

static HANDLE
open_names_of_session (void)
{
  g_autofree char *path = NULL;
  g_autofree gunichar2 *wide_path = NULL;
  OBJECT_ATTRIBUTES attributes;
  UNICODE_STRING text;
  HANDLE directory = NULL;
  DWORD session = 0;

  g_assert_true (ProcessIdToSessionId (GetCurrentProcessId (), &session));
  path = session != 0 ? g_strdup_printf ("\\Sessions\\%lu\\BaseNamedObjects", session)
                      : g_strdup ("\\BaseNamedObjects");
  wide_path = g_utf8_to_utf16 (path, -1, NULL, NULL, NULL);
  RtlInitUnicodeString (&text, (PCWSTR) wide_path);
  InitializeObjectAttributes (&attributes, &text, 0, NULL, NULL);
  g_assert_cmpint (NtOpenDirectoryObject (&directory, DIRECTORY_QUERY, &attributes), >=, 0);

  return directory;
}

static char *
to_utf8 (const UNICODE_STRING *text)
{
  char *result = g_utf16_to_utf8 ((const gunichar2 *) text->Buffer, text->Length / sizeof (WCHAR),
                                  NULL, NULL, NULL);

  return result != NULL ? result : g_strdup ("");
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The names that begin so, of that type or of any where that is NULL, sorted. Other tests make and
 * remove names in the meantime, so that the place of ours moves: it may come twice, or be
 * missed. */
static GStrv
look_at_names (const char *prefix,
               const char *type)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree DirectoryInformation *found = g_malloc (NAMES_AT_A_TIME);
  HANDLE directory = open_names_of_session ();
  ULONG context = 0;

  /* One at a time, which is simple; at the end the system answers with an error. */
  while (NtQueryDirectoryObject (directory, found, NAMES_AT_A_TIME, TRUE, context == 0, &context,
                                 NULL) >= 0)
    {
      g_autofree char *name = to_utf8 (&found->name);
      g_autofree char *found_type = to_utf8 (&found->type);

      if (g_str_has_prefix (name, prefix) && (type == NULL || g_str_equal (found_type, type)) &&
          !g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
        g_ptr_array_add (names, g_steal_pointer (&name));
    }
  CloseHandle (directory);

  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);

  return (GStrv) g_ptr_array_steal (names, NULL);
}

/* Returns the names of objects of the directory: those on which three looks in a row agree. */
static GStrv
list_names (Fixture    *self,
            const char *type)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, self->keys_directory, -1);
  g_autofree char *prefix = g_strdup_printf ("ssem_%s_", hash);
  g_auto(GStrv) names = look_at_names (prefix, type);
  int n_agreed = 1;

  while (n_agreed < 3)
    {
      g_auto(GStrv) again = look_at_names (prefix, type);

      n_agreed = g_strv_equal ((const char *const *) names, (const char *const *) again)
                 ? n_agreed + 1 : 1;
      g_strfreev (names);
      names = g_steal_pointer (&again);
    }

  return g_steal_pointer (&names);
}

static HANDLE
open_section (const char *name)
{
  g_autofree gunichar2 *wide_name = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);

  return OpenFileMappingW (FILE_MAP_READ, FALSE, (LPCWSTR) wide_name);
}

/* Whether the anchor of that name has a segment. */
static gboolean
has_segment (const char *name)
{
  HANDLE section = open_section (name), segment = NULL;
  const guint64 *words;
  guint64 id = 0;

  if (section == NULL)
    return FALSE;
  words = MapViewOfFile (section, FILE_MAP_READ, 0, 0, 2 * sizeof *words);
  g_assert (words != NULL);
  id = words[1];
  UnmapViewOfFile (words);
  CloseHandle (section);

  if (id != 0)
    {
      g_autofree char *stem = g_strndup (name, strlen (name) - strlen (ANCHOR_SUFFIX));
      g_autofree char *segment_name =
        g_strdup_printf ("%s_%016" G_GINT64_MODIFIER "x", stem, id);

      segment = open_section (segment_name);
    }
  if (segment != NULL)
    CloseHandle (segment);

  return segment != NULL;
}

GStrv
fixture_list_keys (Fixture *self)
{
  g_auto(GStrv) names = NULL;
  g_autoptr(GPtrArray) keys = NULL;
  guint i;

  if (self->backend != SSEM_BACKEND_SHARED_MEMORY)
    return list_names (self, "Semaphore");

  names = list_names (self, "Section");
  keys = g_ptr_array_new ();
  for (i = 0; names[i] != NULL; i++)
    {
      if (g_str_has_suffix (names[i], ANCHOR_SUFFIX) && has_segment (names[i]))
        g_ptr_array_add (keys, g_strdup (names[i]));
    }
  g_ptr_array_add (keys, NULL);

  return (GStrv) g_ptr_array_steal (keys, NULL);
}

Needs
places_get_lacks (void)
{
  return NEEDS_SIGNALS | NEEDS_EXEC | NEEDS_LIMITS | NEEDS_FORK_AMONG_THREADS;
}

void
places_begin (Fixture *self)
{
}

void
places_note (gpointer source,
             gpointer fixture)
{
}

void
places_end (Fixture *self)
{
  g_auto(GStrv) names =
    self->backend == SSEM_BACKEND_SHARED_MEMORY ? fixture_list_keys (self)
                                                : list_names (self, NULL);
  g_autofree char *text = g_strjoinv (" ", names);

  g_assert_cmpstr (text, ==, "");
}

void
fixture_remove_processes (Fixture    *self,
                          const char *keys_directory)
{
}

/* --- Of backends that have files --- */

char *
fixture_key_path (Fixture *self)
{
  g_assert_not_reached ();
}

char *
fixture_content_path (Fixture *self)
{
  g_assert_not_reached ();
}

gsize
fixture_layout_offset (Fixture *self)
{
  g_assert_not_reached ();
}

void
fixture_plant_content (Fixture    *self,
                       const char *content,
                       gsize       length)
{
  g_assert_not_reached ();
}

void
fixture_unplant (Fixture *self)
{
  g_assert_not_reached ();
}

void
fixture_plant_misfit (Fixture *self)
{
  g_assert_not_reached ();
}

void
fixture_remove (Fixture *self,
                Removal  removal)
{
  g_assert_not_reached ();
}

void
fixture_make_peer (Fixture *self,
                   int      value)
{
  g_assert_not_reached ();
}

void
fixture_remove_peer (Fixture *self,
                     int      value)
{
  g_assert_not_reached ();
}
