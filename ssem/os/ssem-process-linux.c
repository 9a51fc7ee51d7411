/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-private.h"

#include "ssem-display-private.h"
#include "ssem-fork-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_COUNTS  50
#define SAME_COUNTS 4
#define FIRST_PIECE 500 /* bytes, some eight locks; times 1 to SAME_COUNTS */
#define LATER_PIECE 2000

guint32
ssem_process_get_name_space (void)
{
  /* Fork count + 1 (32-63), name space (0-31). A process never changes its pid name space, but its
   * child may be in another: unshare (2) and setns (2) move the children. */
  static atomic_uint_least64_t cached;
  guint64 process = (guint64) ssem_fork_count () + 1;
  guint64 word = atomic_load_explicit (&cached, memory_order_relaxed);
  struct stat found;

  if (word >> 32 != process)
    {
      word = process << 32;
      if (stat ("/proc/self/ns/pid", &found) == 0)
        word |= (guint32) found.st_ino;
      atomic_store_explicit (&cached, word, memory_order_relaxed);
    }

  return (guint32) word;
}

char *
ssem_process_get_command (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
  g_autofree char *name = NULL;
  gsize length;

  if (!g_file_get_contents (path, &name, &length, NULL))
    return NULL;

  /* The kernel adds a newline. The name itself may contain others. */
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

/* Reads the list in pieces. The size of the first piece decides where all the others end.
 *
 * The kernel fills a page with complete locks before it returns, so a read of half a page is short
 * at the end of the list only. One more read, to see whether more follows, could return the last
 * lock again.
 */
static GString *
read_locks (gsize first_size)
{
  GString *text = g_string_new (NULL);
  char piece[LATER_PIECE];
  gsize size = first_size;
  ssize_t n = -1;
  int fd = open ("/proc/locks", O_RDONLY | O_CLOEXEC);

  while (fd >= 0)
    {
      n = read (fd, piece, size);
      if (n < 0 && errno == EINTR)
        continue;
      if (n > 0)
        g_string_append_len (text, piece, n);
      if (n < (ssize_t) size)
        break;
      size = sizeof piece;
    }
  if (fd >= 0)
    close (fd);
  if (n >= 0)
    return text;

  g_string_free (text, TRUE);

  return NULL;
}

/* Reads the list once, and counts in the n_seen of each file. */
static gboolean
count_locks_once (GHashTable *files,
                  goffset     byte,
                  gsize       first_size)
{
  GString *text = read_locks (first_size);
  const char *line;

  if (text == NULL)
    return FALSE;

  for (line = text->str; line != NULL; line = strchr (line, '\n'))
    {
      unsigned int device_major, device_minor;
      unsigned long long inode;
      long long start, end;
      SsemLockCount locked;
      SsemLockCount *file;

      line += strspn (line, "\n");

      /* "3: OFDLCK ADVISORY READ -1 08:01:1234 4294967297 4294967297". The list also has processes
       * that wait for a lock. Their lines contain an arrow and do not match. */
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
  g_string_free (text, TRUE);

  return TRUE;
}

/* Returns whether the count is known now. */
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

  /* Between two pieces, other programs may lock and unlock. That can move a lock from one piece
   * into another, so that it is read twice or not at all. So the pieces of each reading end in
   * different places, and a count is right when several readings agree. */
  for (n = 0; n < MAX_COUNTS && !is_settled; n++)
    {
      for (i = 0; i < n_files; i++)
        files[i].n_seen = 0;
      if (!count_locks_once (table, byte, FIRST_PIECE * (gsize) (1 + n % SAME_COUNTS)))
        return;
      is_settled = TRUE;
      for (i = 0; i < n_files; i++)
        is_settled = settle (&files[i]) && is_settled;
    }
}
