/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-process-files-private.h"

#include "ssem/os/ssem-directory-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-process-arguments-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TRIES 100
#define SAMPLE_SIZE 16

/* --- The directory --- */

static int
open_all (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd < 0)
    return errno == ENOTDIR ? -EBADMSG : -errno;

  return ssem_file_avoid_standard_streams (fd);
}

int
ssem_shm_process_files_open (const SsemShmDirectory *directory)
{
  return open_all (directory->processes);
}

/* Creates DIRECTORY/processes, and opens it. -ENOENT if DIRECTORY is missing. */
static int
create_and_open_all (const SsemShmDirectory *directory)
{
  int result = ssem_shm_directory_create (directory->processes);
  int check_result;

  /* Another user may have made the library's own directory, also just now. */
  check_result = ssem_shm_directory_check (directory);
  if (check_result == 0)
    return result == 0 ? open_all (directory->processes) : result;
  if (result == 0)
    rmdir (directory->processes);

  return check_result;
}

int
ssem_shm_process_files_create (const SsemShmDirectory *directory)
{
  int i, result = -ENOENT;

  /* The last process may remove the directories meanwhile. */
  for (i = 0; i < MAX_TRIES && result == -ENOENT; i++)
    {
      int parent_result;

      result = create_and_open_all (directory);
      if (result != -ENOENT)
        return result;

      parent_result = directory->is_own ? ssem_shm_directory_create (directory->path)
                                        : access (directory->path, F_OK);
      if (parent_result != 0)
        return directory->is_own && parent_result != -ENOENT ? parent_result : -ENOTDIR;
    }

  return result;
}

/* --- Asking --- */

/* Returns the id at the beginning of @name, and sets @end to what follows; 0 if there is none. */
static guint64
parse_id (const char  *name,
          const char **end)
{
  guint64 id = 0;
  int i;

  for (i = 0; i < SSEM_SHM_PROCESS_ID_DIGITS; i++)
    {
      int digit = g_ascii_xdigit_value (name[i]);

      if (digit < 0 || g_ascii_isupper (name[i]))
        return 0;
      id = id << 4 | (guint64) digit;
    }
  *end = name + SSEM_SHM_PROCESS_ID_DIGITS;

  return id;
}

guint64
ssem_shm_process_files_parse_name (const char *name)
{
  const char *end;
  guint64 id = parse_id (name, &end);

  return id != 0 && *end == '\0' ? id : 0;
}

static int
open_name (int         all_fd,
           const char *name)
{
  int fd;

  do
    fd = openat (all_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);

  return fd >= 0 ? fd : -errno;
}

static int
ask_name (int         all_fd,
          const char *name)
{
  int fd = open_name (all_fd, name);
  int result;

  if (fd < 0)
    return fd;

  result = ssem_file_lock_query (fd, 0, 1);
  close (fd);

  return result;
}

int
ssem_shm_process_files_ask (int     all_fd,
                            guint64 id)
{
  char name[SSEM_SHM_PROCESS_ID_DIGITS + 1];

  ssem_shm_directory_write_number (name, id, SSEM_SHM_PROCESS_ID_DIGITS);

  return ask_name (all_fd, name);
}

char **
ssem_shm_process_files_read (int     all_fd,
                             guint64 id)
{
  char name[SSEM_SHM_PROCESS_ID_DIGITS + 1];
  char record[SSEM_PROCESS_ARGUMENTS_MAX];
  gssize size;
  int fd;

  ssem_shm_directory_write_number (name, id, SSEM_SHM_PROCESS_ID_DIGITS);
  fd = open_name (all_fd, name);
  if (fd < 0)
    return NULL;

  size = ssem_file_read (fd, record, sizeof record, 0);
  close (fd);

  return size > 0 ? ssem_process_arguments_parse (record, (gsize) size) : NULL;
}

/* --- Removing what the dead have left --- */

/* Removes a private directory and the segment in it. */
static void
remove_private (int         all_fd,
                const char *name,
                const char *number)
{
  char path[2 * SSEM_SHM_PROCESS_ID_DIGITS + 40];

  g_stpcpy (g_stpcpy (g_stpcpy (path, name), "/"), number);
  unlinkat (all_fd, path, 0);
  unlinkat (all_fd, name, AT_REMOVEDIR);
}

/* Removes what the name stands for, if it is a dead process's. Returns whether it did. */
static gboolean
clear_name (int         all_fd,
            const char *name)
{
  const char *end;
  guint64 id = parse_id (name, &end);

  if (id == 0)
    return FALSE;
  if (*end == '-' && strlen (end + 1) == SSEM_SHM_NUMBER_DIGITS)
    {
      int result = ssem_shm_process_files_ask (all_fd, id);

      if (result == 0 || result == -ENOENT)
        remove_private (all_fd, name, end + 1);
      return result == 0 || result == -ENOENT;
    }
  if (*end == '\0' || g_str_equal (end, "~"))
    return ask_name (all_fd, name) == 0 && unlinkat (all_fd, name, 0) == 0;

  return FALSE;
}

typedef struct
{
  guint64 random;
  int n_seen;
  char names[SAMPLE_SIZE][2 * SSEM_SHM_PROCESS_ID_DIGITS + 8];
} Sample;

/* Chooses SAMPLE_SIZE names of any number, each with the same probability. */
static void
add_to_sample_cb (const char *name,
                  gpointer    data)
{
  Sample *sample = data;
  guint64 place = (guint64) sample->n_seen++;

  if (place >= SAMPLE_SIZE)
    {
      /* A linear congruential generator is good enough: see Knuth, volume 2. */
      sample->random = sample->random * G_GUINT64_CONSTANT (6364136223846793005) + 1;
      place = (sample->random >> 33) % (place + 1);
    }
  if (place < SAMPLE_SIZE)
    g_strlcpy (sample->names[place], name, sizeof sample->names[place]);
}

int
ssem_shm_process_files_clear_some (int     all_fd,
                                   guint64 random)
{
  Sample sample = { .random = random };
  int i, n = 0;

  ssem_directory_read (all_fd, add_to_sample_cb, &sample);
  for (i = 0; i < MIN (sample.n_seen, SAMPLE_SIZE); i++)
    n += clear_name (all_fd, sample.names[i]);

  return n;
}

void
ssem_shm_process_files_clear (int     all_fd,
                              guint64 id)
{
  char name[SSEM_SHM_PROCESS_ID_DIGITS + 1];

  ssem_shm_directory_write_number (name, id, SSEM_SHM_PROCESS_ID_DIGITS);
  unlinkat (all_fd, name, 0);
}
