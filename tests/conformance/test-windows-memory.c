/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "handles-win32.h"
#include "looking.h"

#include <string.h>
#include <windows.h>
#include <sddl.h>

/* Shared memory on Windows, and what others have put in the place of its objects. A key has a
 * section, the anchor: a word that says what it is, and the id of the segment. The segment is
 * another section: eight bytes of text, the number of its layout, the length of the key. */

#define ANCHOR_MAGIC (G_GUINT64_CONSTANT (0x5373656d4b657901))
#define OTHER_VERSION (ANCHOR_MAGIC + 1)
#define LAYOUT_OFFSET 8
#define ID 0x1234
#define PAGE 4096

/* Where random bytes may fall: all but the text, the layout and the key's length. */
#define FIRST_BYTE 16
#define LAST_BYTE 4096

#define N_HANDLE_ROUNDS 12

static char *
make_name (Fixture    *fixture,
           const char *suffix)
{
  g_autofree char *directory_hash =
    g_compute_checksum_for_string (G_CHECKSUM_SHA1, fixture->keys_directory, -1);
  g_autofree char *key_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, fixture->key, -1);

  return g_strdup_printf ("ssem_%s_%s_%s", directory_hash, key_hash, suffix);
}

static gunichar2 *
make_wide_name (Fixture    *fixture,
                const char *suffix)
{
  g_autofree char *name = make_name (fixture, suffix);

  return g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
}

/* Returns the security descriptor of what only the user may open. */
static char *
get_own_rights (void)
{
  union
  {
    TOKEN_USER user;
    char room[sizeof (TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  } found;
  HANDLE token = NULL;
  char *user = NULL;
  char *rights;
  DWORD length;

  g_assert_true (OpenProcessToken (GetCurrentProcess (), TOKEN_QUERY, &token));
  g_assert_true (GetTokenInformation (token, TokenUser, &found, sizeof found, &length));
  g_assert_true (ConvertSidToStringSidA (found.user.User.Sid, &user));
  rights = g_strdup_printf ("O:%sD:P(A;;GA;;;%s)", user, user);
  LocalFree (user);
  CloseHandle (token);

  return rights;
}

/* Creates a section with those rights; NULL for those of the library. */
static HANDLE
create_section (Fixture    *fixture,
                const char *suffix,
                DWORD       size,
                DWORD       flags,
                const char *rights)
{
  g_autofree gunichar2 *name = make_wide_name (fixture, suffix);
  g_autofree char *own_rights = get_own_rights ();
  SECURITY_ATTRIBUTES attributes = { .nLength = sizeof attributes };
  HANDLE section;

  g_assert_true (ConvertStringSecurityDescriptorToSecurityDescriptorA (
                   rights != NULL ? rights : own_rights, SDDL_REVISION_1,
                   &attributes.lpSecurityDescriptor, NULL));
  section = CreateFileMappingW (INVALID_HANDLE_VALUE, &attributes, PAGE_READWRITE | flags, 0, size,
                                (LPCWSTR) name);
  g_assert_nonnull (section);
  g_assert_cmpint (GetLastError (), !=, ERROR_ALREADY_EXISTS);
  LocalFree (attributes.lpSecurityDescriptor);

  return section;
}

static void
write_at_start (HANDLE         section,
                gconstpointer  bytes,
                gsize          length)
{
  gpointer memory = MapViewOfFile (section, FILE_MAP_WRITE, 0, 0, length);

  g_assert_true (memory != NULL);
  memcpy (memory, bytes, length);
  UnmapViewOfFile (memory);
}

/* An anchor with a segment of that id. */
static HANDLE
create_anchor (Fixture *fixture,
               guint64  magic,
               guint64  id)
{
  const guint64 words[] = { magic, id };
  HANDLE anchor = create_section (fixture, "key", PAGE, 0, NULL);

  write_at_start (anchor, words, sizeof words);

  return anchor;
}

static void
expect_all_refused (Fixture *fixture,
                    int      code)
{
  g_autoptr(GError) error = NULL;
  SsemAccessMode mode;

  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_JOIN; mode++)
    fixture_expect_refused (fixture, fixture->key, mode, 1, code, fixture->key);
  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  assert_n_listed (fixture, 0);
}

/* What was in the way is gone, and the key can be used. */
static void
expect_usable (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);

  assert_value (semaphore, 3);
  drop_object (&semaphore);
}

/* --- Names that are taken --- */

static HANDLE
create_event (LPCWSTR name)
{
  return CreateEventW (NULL, TRUE, FALSE, name);
}

static HANDLE
create_mutex (LPCWSTR name)
{
  return CreateMutexW (NULL, FALSE, name);
}

static HANDLE
create_semaphore (LPCWSTR name)
{
  return CreateSemaphoreW (NULL, 1, 1, name);
}

static void
test_other_objects (Fixture *fixture)
{
  HANDLE (* const creators[]) (LPCWSTR) = { create_event, create_mutex, create_semaphore };
  g_autofree gunichar2 *name = make_wide_name (fixture, "key");
  g_autofree gunichar2 *segment_name = make_wide_name (fixture, "0000000000001234");
  guint i;

  for (i = 0; i < G_N_ELEMENTS (creators); i++)
    {
      HANDLE object = creators[i] ((LPCWSTR) name);
      HANDLE anchor;

      g_assert_nonnull (object);
      expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
      CloseHandle (object);
      expect_usable (fixture);

      object = creators[i] ((LPCWSTR) segment_name);
      anchor = create_anchor (fixture, ANCHOR_MAGIC, ID);
      expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
      CloseHandle (object);
      expect_usable (fixture);
      CloseHandle (anchor);
    }
}

/* --- Sections of others --- */

static void
test_anchors (Fixture *fixture)
{
  HANDLE anchor;

  anchor = create_anchor (fixture, 0x6e6f6e73656e7365, 7);
  expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  CloseHandle (anchor);

  anchor = create_anchor (fixture, OTHER_VERSION, 7);
  expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
  CloseHandle (anchor);

  /* Memory that is not there: to read it would be a crash. */
  anchor = create_section (fixture, "key", PAGE, SEC_RESERVE, NULL);
  expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  CloseHandle (anchor);
  expect_usable (fixture);

  /* All who used the segment were killed, or whoever made the anchor before the next step. */
  anchor = create_anchor (fixture, ANCHOR_MAGIC, ID);
  assert_not_found (fixture);
  expect_usable (fixture);
  CloseHandle (anchor);
  anchor = create_anchor (fixture, 0, 0);
  assert_not_found (fixture);
  expect_usable (fixture);
  CloseHandle (anchor);
}

/* Returns the bytes of the segment of a semaphore in use, and the size of the segment. */
static char *
copy_segment (Fixture *fixture,
              DWORD   *size)
{
  Helper *helper = fixture_open_helper (fixture, 5);
  g_autofree gunichar2 *anchor_name = make_wide_name (fixture, "key");
  g_autofree gunichar2 *segment_name = NULL;
  g_autofree char *suffix = NULL;
  MEMORY_BASIC_INFORMATION found;
  HANDLE anchor, segment;
  const guint64 *words;
  gpointer memory;
  char *copy;

  helper_run_expect_ok (helper, "acquire 0 2");
  anchor = OpenFileMappingW (FILE_MAP_READ, FALSE, (LPCWSTR) anchor_name);
  g_assert_nonnull (anchor);
  words = MapViewOfFile (anchor, FILE_MAP_READ, 0, 0, PAGE);
  g_assert_true (words != NULL);
  g_assert_cmphex (words[0], ==, ANCHOR_MAGIC);
  suffix = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", words[1]);
  UnmapViewOfFile (words);

  segment_name = make_wide_name (fixture, suffix);
  segment = OpenFileMappingW (FILE_MAP_READ, FALSE, (LPCWSTR) segment_name);
  g_assert_nonnull (segment);
  memory = MapViewOfFile (segment, FILE_MAP_READ, 0, 0, 0);
  g_assert_true (memory != NULL);
  g_assert_cmpuint (VirtualQuery (memory, &found, sizeof found), >, 0);
  *size = (DWORD) found.RegionSize;
  copy = g_memdup2 (memory, *size);
  UnmapViewOfFile (memory);
  CloseHandle (segment);
  CloseHandle (anchor);
  helper_kill (helper);

  return copy;
}

static void
expect_segment_refused (Fixture    *fixture,
                        const char *bytes,
                        DWORD       size,
                        int         code)
{
  HANDLE anchor = create_anchor (fixture, ANCHOR_MAGIC, ID);
  HANDLE segment = create_section (fixture, "0000000000001234", size, 0, NULL);

  write_at_start (segment, bytes, size);
  expect_all_refused (fixture, code);
  CloseHandle (segment);
  expect_usable (fixture);
  CloseHandle (anchor);
}

static void
test_segments (Fixture *fixture)
{
  DWORD size;
  g_autofree char *bytes = copy_segment (fixture, &size);
  g_autofree char *nonsense = g_malloc0 (size);

  expect_segment_refused (fixture, nonsense, size, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  /* Of another size. */
  expect_segment_refused (fixture, bytes, PAGE, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  /* Of another key. */
  bytes[32] ^= 1;
  expect_segment_refused (fixture, bytes, size, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  bytes[32] ^= 1;
  /* Of another layout. */
  bytes[LAYOUT_OFFSET] ^= 1;
  expect_segment_refused (fixture, bytes, size, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
}

/* A look at random bytes ends, and its figures are in range. */
static void
test_any_bytes (Fixture *fixture)
{
  DWORD size;
  g_autofree char *bytes = copy_segment (fixture, &size);
  HANDLE anchor = create_anchor (fixture, ANCHOR_MAGIC, ID);
  HANDLE segment = create_section (fixture, "0000000000001234", size, 0, NULL);
  int n_looked = 0, round;

  for (round = 0; round < 500; round++)
    {
      g_autofree char *spoilt = g_memdup2 (bytes, size);
      g_autoptr(SsemSemaphoreInfo) info = NULL;
      g_autoptr(GPtrArray) infos = NULL;
      g_autoptr(GError) error = NULL;
      int n = g_test_rand_int_range (1, 20);

      while (n-- > 0)
        spoilt[g_test_rand_int_range (FIRST_BYTE, LAST_BYTE)] = (char) g_test_rand_int ();
      write_at_start (segment, spoilt, size);
      info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
      g_assert_cmpint (info != NULL, !=, error != NULL);
      infos = ssem_semaphore_info_list (fixture->backend, NULL);
      g_assert_nonnull (infos);
      if (info == NULL)
        continue;

      n_looked++;
      g_assert_cmpint (ssem_semaphore_info_get_value (info), >=, 0);
      g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), >=, -1);
      g_assert_cmpuint (ssem_semaphore_info_get_holders (info)->len, ==, 0);
    }
  g_assert_cmpint (n_looked, >, 0);
  CloseHandle (segment);
  CloseHandle (anchor);
}

/* Sections of another owner, who allows everything: they are not used. One that the user may not
 * open is counted. */
static void
test_other_owner (Fixture *fixture)
{
  HANDLE anchor = create_section (fixture, "key", PAGE, 0, "O:BAD:P(A;;GA;;;WD)");

  expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 1);
  CloseHandle (anchor);

  anchor = create_section (fixture, "key", PAGE, 0, "D:P");
  expect_all_refused (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 1);
  CloseHandle (anchor);
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 0);
  expect_usable (fixture);
}

/* --- Handles --- */

/* Opens the key, waits, sees the holder die, and closes the key. */
static void
use_once (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *holder = fixture_open_helper (fixture, 0);
  g_autoptr(GError) error = NULL;

  helper_run_expect_ok (holder, "acquire 0 1");
  assert_refused_by_gio (ssem_system_semaphore_acquire_timeout (semaphore, 1, 20000, NULL,
                                                                &error), TIMED_OUT);
  helper_kill (holder);
  assert_done (ssem_system_semaphore_acquire (semaphore, 1, NULL, &error));
  assert_release (semaphore, 1);
  drop_object (&semaphore);
}

/* A process has no more handles afterwards than before, except those of the helpers, which the test
 * keeps. */
static void
test_handles (Fixture *fixture)
{
  guint before, of_helper;
  int round;

  /* The first round opens what stays open as long as the process. */
  use_once (fixture);
  before = handles_count ();
  helper_kill (fixture_helper (fixture));
  of_helper = handles_count () - before;

  before = handles_count ();
  for (round = 0; round < N_HANDLE_ROUNDS; round++)
    use_once (fixture);
  g_assert_cmpuint (handles_count (), <, before + N_HANDLE_ROUNDS * (of_helper + 1));
}

/* --- Suspended --- */

/* A process that stands still anywhere, also while it opens or closes, blocks nobody, and a process
 * that dies meanwhile is found dead. */
static void
test_suspended (Fixture *fixture)
{
  int round;

  for (round = 0; round < 25; round++)
    {
      Helper *statue = fixture_helper (fixture);
      Helper *victim = fixture_open_helper (fixture, 4);
      g_autofree char *key = g_strescape (fixture->key, NULL);
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      helper_send (statue, "operate %d 4 %s", G_MAXINT, key);
      g_usleep (g_test_rand_int_range (0, 30000));
      helper_stop (statue);
      helper_run_expect_ok (victim, "acquire 0 1");
      semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 4);
      helper_kill (victim);
      /* The statue has one unit at most. */
      assert_done (ssem_system_semaphore_acquire (semaphore, 3, NULL, &error));
      assert_release (semaphore, 3);
      drop_object (&semaphore);
      helper_kill (statue);
    }
}

const char conformance_topic[] = "windows-memory";
const Needs conformance_needs = NEEDS_SHARED_MEMORY;

const Case conformance_cases[] = {
  { "other-objects", 0, test_other_objects },
  { "anchors", 0, test_anchors },
  { "segments", 0, test_segments },
  { "any-bytes", 0, test_any_bytes },
  { "other-owner", 0, test_other_owner },
  { "handles", 0, test_handles },
  { "suspended", 0, test_suspended },
  { NULL },
};
