/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-private.h"

#include "ssem-display-private.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MAX_COUNTS  50
#define SAME_COUNTS 4

guint32
ssem_process_get_name_space (void)
{
  struct stat found;

  return stat ("/proc/self/ns/pid", &found) == 0 ? (guint32) found.st_ino : 0;
}

char *
ssem_process_get_command (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
  g_autofree char *name = NULL;
  gsize length;

  if (!g_file_get_contents (path, &name, &length, NULL))
    return NULL;

  /* It ends with a newline, and may have others: a process can call itself anything. */
  if (length > 0 && name[length - 1] == '\n')
    name[length - 1] = '\0';

  return ssem_display_text (name);
}

static guint
hash_file (gconstpointer data)
{
  const SsemLockCount *file = data;

  return (guint) file->inode ^ (guint) file->device;
}

static gboolean
is_same_file (gconstpointer a,
              gconstpointer b)
{
  const SsemLockCount *file_a = a, *file_b = b;

  return file_a->device == file_b->device && file_a->inode == file_b->inode;
}

/* Reads the list once, and counts in the n_seen of each file. */
static gboolean
count_locks_once (GHashTable *files,
                  goffset     byte)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/locks", &text, NULL, NULL))
    return FALSE;

  for (line = text; line != NULL; line = strchr (line, '\n'))
    {
      unsigned int device_major, device_minor;
      unsigned long long inode;
      long long start, end;
      SsemLockCount locked;
      SsemLockCount *file;

      line += strspn (line, "\n");

      /* "3: OFDLCK ADVISORY READ -1 08:01:1234 4294967297 4294967297"; who waits for a lock is
       * listed, too, with an arrow, which does not match. */
      if (sscanf (line, "%*d: OFDLCK %*s %*s %*d %x:%x:%llu %lld %lld",
                  &device_major, &device_minor, &inode, &start, &end) != 5 ||
          start > byte || end < byte)
        continue;

      locked.device = makedev (device_major, device_minor);
      locked.inode = (ino_t) inode;
      file = g_hash_table_lookup (files, &locked);
      if (file != NULL)
        file->n_seen++;
    }

  return TRUE;
}

/* Whether it is known by now. */
static gboolean
settle (SsemLockCount *file)
{
  if (file->n >= 0)
    return TRUE;

  file->n_times = file->n_seen == file->n_before ? file->n_times + 1 : 1;
  file->n_before = file->n_seen;
  if (file->n_times >= SAME_COUNTS)
    file->n = file->n_seen;

  return file->n >= 0;
}

void
ssem_process_count_locks (SsemLockCount *files,
                          gsize          n_files,
                          goffset        byte)
{
  g_autoptr(GHashTable) table = g_hash_table_new (hash_file, is_same_file);
  gboolean is_settled = n_files == 0;
  gsize i;
  int n;

  for (i = 0; i < n_files; i++)
    {
      files[i].n = files[i].n_before = -1;
      g_hash_table_add (table, &files[i]);
    }

  /* The list comes in pieces, and what other programs lock and unlock in between moves a lock to
   * another piece, so that it is seen twice or not at all. What is seen again and again is true. */
  for (n = 0; n < MAX_COUNTS && !is_settled; n++)
    {
      for (i = 0; i < n_files; i++)
        files[i].n_seen = 0;
      if (!count_locks_once (table, byte))
        return;
      is_settled = TRUE;
      for (i = 0; i < n_files; i++)
        is_settled = settle (&files[i]) && is_settled;
    }
}
