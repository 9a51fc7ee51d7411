/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/shm/ssem-shm-look-private.h"

#include "ssem-shm-alive-private.h"
#include "ssem-shm-win32-member-private.h"

#include "ssem/os/ssem-random-private.h"

#include <errno.h>
#include <string.h>
#include <winternl.h>

/* A look disturbs no process. It opens the anchor and the segment for reading, and asks by name
 * which processes are alive. While it looks, its handles keep a segment whose last process has
 * gone; nobody is attached to that.
 *
 * All segments are found through the system's directory of the names of the session: among these
 * names are the anchors. A name contains the hash of a key, and the segment contains the key.
 */

/* --- The directory --- */

#define DIRECTORY_QUERY 1

/* For one entry: two names of at most 32 KiB each. */
#define ENTRY_SIZE (128 * 1024)

/* What NtQueryDirectoryObject () and NtQueryObject () fill in. The headers for drivers have the
 * types; the functions are documented, and exist since Windows NT. */
typedef struct
{
  UNICODE_STRING name;
  UNICODE_STRING type;
} DirectoryEntry;

typedef struct
{
  UNICODE_STRING name;
  WCHAR room[1024];
} ObjectName;

#define OBJECT_NAME_INFORMATION_CLASS 1

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

/* Sets @name to the whole name of the directory that "Local\" leads to. An object in it has a name
 * that begins so, and ends with a backslash and the object's own name. */
static int
find_directory (ObjectName *name)
{
  SsemShmObjectName event_name;
  HANDLE event = NULL;
  NTSTATUS status;
  USHORT length;
  int result;

  ssem_shm_object_make_name (&event_name, "Local\\ssem_look_%" G_GINT64_MODIFIER "x",
                             ssem_random_unique ());
  result = ssem_shm_object_use_event (&event_name, &event, NULL);
  if (result != 0)
    return result;

  status = NtQueryObject (event, OBJECT_NAME_INFORMATION_CLASS, name, sizeof *name, NULL);
  CloseHandle (event);
  if (status < 0)
    return ssem_shm_object_error (RtlNtStatusToDosError (status));

  length = name->name.Length / sizeof (WCHAR);
  while (length > 0 && name->name.Buffer[length - 1] != L'\\')
    length--;
  name->name.Length = MAX (length, 1) * sizeof (WCHAR) - sizeof (WCHAR);

  return 0;
}

static int
open_directory (ObjectName *name,
                HANDLE     *directory)
{
  OBJECT_ATTRIBUTES attributes;
  NTSTATUS status;

  InitializeObjectAttributes (&attributes, &name->name, 0, NULL, NULL);
  status = NtOpenDirectoryObject (directory, DIRECTORY_QUERY, &attributes);

  return status >= 0 ? 0 : ssem_shm_object_error (RtlNtStatusToDosError (status));
}

static char *
to_utf8 (const UNICODE_STRING *text)
{
  char *result = g_utf16_to_utf8 ((const gunichar2 *) text->Buffer, text->Length / sizeof (WCHAR),
                                  NULL, NULL, NULL);

  return result != NULL ? result : g_strdup ("");
}

/* Adds the names of anchors, without their suffix, to @names. Objects come and go meanwhile, so a
 * name may be met twice. */
static int
list_anchors (HANDLE      directory,
              GHashTable *names)
{
  g_autofree DirectoryEntry *entry = g_malloc (ENTRY_SIZE);
  ULONG context = 0;
  gboolean is_first = TRUE;
  NTSTATUS status;
  ULONG error;

  while ((status = NtQueryDirectoryObject (directory, entry, ENTRY_SIZE, TRUE, is_first, &context,
                                           NULL)) >= 0)
    {
      g_autofree char *name = to_utf8 (&entry->name);

      is_first = FALSE;
      if (!g_str_has_prefix (name, SSEM_SHM_ANCHOR_PREFIX) ||
          !g_str_has_suffix (name, SSEM_SHM_ANCHOR_SUFFIX))
        continue;
      name[strlen (name) - strlen (SSEM_SHM_ANCHOR_SUFFIX)] = '\0';
      g_hash_table_add (names, g_steal_pointer (&name));
    }

  error = RtlNtStatusToDosError (status);

  return error == ERROR_NO_MORE_ITEMS ? 0 : ssem_shm_object_error (error);
}

/* --- Looking --- */

static gssize
read_section (gconstpointer  source,
              void          *buffer,
              gsize          size,
              goffset        offset)
{
  const SsemShmSection *section = source;
  gsize n = (gsize) offset < section->size ? MIN (size, section->size - (gsize) offset) : 0;

  memcpy (buffer, (const char *) section->memory + offset, n);

  return (gssize) n;
}

static gboolean
is_alive (gconstpointer   data,
          guint64         process_id,
          char         ***arguments)
{
  return ssem_shm_alive_ask (process_id) != 0;
}

static int
look_at_section (const SsemShmSection *section,
                 const char           *key,
                 SsemShmLook         **look)
{
  g_autoptr(SsemShmLook) new_look = ssem_shm_look_new ();
  int result = ssem_shm_look_read (new_look, (goffset) section->size, key, read_section, section);

  if (result == 0 && section->size < SSEM_SHM_SECTION_SIZE)
    result = -EBADMSG;
  if (result != 0)
    return result == -EBADMSG ? -EPROTOTYPE : result;
  if (ssem_shm_life_is_removed (atomic_load (&new_look->copy->life)))
    return -ENOENT;

  ssem_shm_look_ask (new_look, is_alive, NULL);
  *look = g_steal_pointer (&new_look);

  return 0;
}

/* @key may be NULL. */
static int
look_at_anchor (SsemShmAnchor *anchor,
                const char    *key,
                SsemShmLook  **look)
{
  SsemShmSection section = { NULL };
  SsemShmObjectName name;
  guint64 id;
  int result = ssem_shm_anchor_look (anchor);

  if (result != 0)
    return result;

  id = atomic_load (&anchor->page->segment_id);
  if (id == 0)
    return -ENOENT;
  ssem_shm_anchor_make_segment_name (anchor, id, &name);
  result = ssem_shm_section_open (&section, &name, FILE_MAP_READ);
  if (result == 0)
    result = look_at_section (&section, key, look);
  ssem_shm_section_close (&section);

  return result;
}

int
ssem_shm_look (const char   *key,
               SsemShmLook **look)
{
  SsemShmAnchor anchor;
  int result;

  ssem_shm_anchor_init (&anchor, key);
  result = look_at_anchor (&anchor, key, look);
  ssem_shm_anchor_clear (&anchor);

  return result;
}

/* Looks at the segment of the anchor called @name, if its key leads there. */
static int
look_at_name (const char   *name,
              SsemShmLook **look)
{
  g_autoptr(SsemShmLook) found = NULL;
  SsemShmAnchor anchor, right_anchor;
  g_autofree char *key = NULL;
  gboolean is_right;
  int result;

  ssem_shm_anchor_init_for_name (&anchor, name);
  result = look_at_anchor (&anchor, NULL, &found);
  ssem_shm_anchor_clear (&anchor);
  if (result != 0)
    return result;

  key = g_strndup (found->copy->key, found->copy->key_length);
  if (*key == '\0' || !g_utf8_validate (key, -1, NULL))
    return -EPROTOTYPE;
  ssem_shm_anchor_init (&right_anchor, key);
  is_right = g_str_equal (right_anchor.name, name);
  ssem_shm_anchor_clear (&right_anchor);
  if (!is_right)
    return -EPROTOTYPE;

  *look = g_steal_pointer (&found);

  return 0;
}

int
ssem_shm_look_at_all (SsemShmLookFunc   func,
                      gpointer          data,
                      guint            *n_others,
                      char            **path)
{
  g_autoptr(GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  ObjectName directory_name = { 0 };
  HANDLE directory = NULL;
  GHashTableIter iter;
  gpointer name;
  int result = find_directory (&directory_name);

  *path = result == 0 ? to_utf8 (&directory_name.name) : g_strdup ("Local\\");
  if (result == 0)
    result = open_directory (&directory_name, &directory);
  if (result != 0)
    return result;
  result = list_anchors (directory, names);
  CloseHandle (directory);

  g_hash_table_iter_init (&iter, names);
  while (result == 0 && g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_autoptr(SsemShmLook) look = NULL;

      result = look_at_name (name, &look);
      if (result == 0)
        func (look, data);
      else if (result == -EACCES)
        (*n_others)++;
      /* What is no segment is not listed. What the system has no means to look at may be one. */
      if (result != -EMFILE && result != -ENOMEM && result != -ENOSPC)
        result = 0;
    }

  return result;
}

/* The system reports no changes of its directory. */
char *
ssem_shm_look_get_directory (const char **prefix)
{
  return NULL;
}
