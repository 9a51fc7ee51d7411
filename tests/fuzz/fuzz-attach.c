/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

/* A file with arbitrary bytes lies where the key's has to be. Opening must end, with an error or
 * with a semaphore that can be used.
 *
 * The first byte says which mode it is opened with (bits 0-1), whether units are acquired (bit 2),
 * whether the rest is the whole file or lies over the words of a sound one (bit 3), and whether it
 * is looked at first, as the `ssem` command does it (bit 4). With bit 3 the words are reached
 * whatever the layout's number is. */

#define FUZZ_KEY "fuzz"
#define MODE_BITS 3
#define ACQUIRES 4
#define IS_SOUND 8
#define LOOKS 16

static char *file_path;
static char *sound;
static gsize sound_length;

static SsemSystemSemaphore *
open_key (SsemAccessMode mode)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, NULL,
                         "key", FUZZ_KEY,
                         "initial-value", 3,
                         "mode", mode,
                         "backend", FUZZ_BACKEND,
                         NULL);
}

/* Finds out where the file lies and how a sound one begins. */
static void
look_at_sound_one (void)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_key (SSEM_ACCESS_MODE_OPEN);

  g_assert_nonnull (semaphore);
  file_path = fuzz_find_file (NULL);
  g_assert_true (g_file_get_contents (file_path, &sound, &sound_length, NULL));
}

static void
plant (const guint8 *bytes,
       gsize         length,
       gboolean      is_sound)
{
  g_autofree char *content = g_malloc0 (sound_length + length + 1);
  gsize offset = is_sound ? FUZZ_OFFSET : 0;

  memcpy (content, sound, sound_length);
  memcpy (content + offset, bytes, length);
  length = is_sound ? MAX (sound_length, offset + length) : length;

  fuzz_write_file (file_path, content, length);
}

/* Whatever the library has left; what it reads may tell it to leave something. */
static void
clear (void)
{
  int set = FUZZ_BACKEND == SSEM_BACKEND_SYSV ? semget (ftok (file_path, 'Q'), 1, 0) : -1;

  if (set >= 0)
    semctl (set, 0, IPC_RMID);
  fuzz_remove_file (file_path);
}

static void
look (void)
{
  g_autoptr(GPtrArray) list = ssem_semaphore_info_list (FUZZ_BACKEND, NULL);
  g_autoptr(SsemSemaphoreInfo) info = ssem_semaphore_info_query (FUZZ_KEY, FUZZ_BACKEND, NULL);

  g_assert_nonnull (list);
  g_assert_cmpuint (list->len, <=, 1);
  if (info != NULL)
    {
      g_assert_cmpstr (ssem_semaphore_info_get_key (info), ==, FUZZ_KEY);
      g_assert_cmpint (ssem_semaphore_info_get_value (info), >=, 0);
      /* A sound file of shared memory names this process as attached, and it is alive. */
      g_assert_true (ssem_semaphore_info_is_leftover (info) ||
                     FUZZ_BACKEND == SSEM_BACKEND_SHARED_MEMORY);
    }
}

static void
use (SsemSystemSemaphore *semaphore,
     gboolean             acquires)
{
  int value = ssem_system_semaphore_get_value (semaphore, NULL);

  g_assert_cmpint (value, >=, -1);
  if (acquires && ssem_system_semaphore_try_acquire (semaphore, 1, NULL))
    ssem_system_semaphore_release (semaphore, 1, NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         length)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  guint8 flags;

  if (file_path == NULL)
    look_at_sound_one ();
  if (length == 0)
    return 0;

  flags = data[0];
  plant (data + 1, length - 1, (flags & IS_SOUND) != 0);
  if ((flags & LOOKS) != 0)
    look ();
  semaphore = open_key (flags & MODE_BITS);
  if (semaphore != NULL)
    use (semaphore, (flags & ACQUIRES) != 0);
  g_clear_object (&semaphore);

  clear ();

  return 0;
}
