/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/os/ssem-process-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_FILES    150 /* enough for three pieces of the kernel's list */
#define MAX_COUNTS 4000
#define MAX_USEC   (3 * G_USEC_PER_SEC)
#define BYTE       1
#define N_CHURNERS 2

static gboolean is_ended;

static int
make_file (void)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("ssem-test-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_assert_no_errno (g_unlink (path));

  return fd;
}

static void
set_lock (int   fd,
          short type,
          off_t byte)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  g_assert_no_errno (fcntl (fd, F_OFD_SETLK, &lock));
}

static gpointer
churn (gpointer data G_GNUC_UNUSED)
{
  int fd = make_file ();
  int i;

  while (!g_atomic_int_get (&is_ended))
    {
      for (i = 0; i < 5; i++)
        set_lock (fd, F_WRLCK, 2 * i);
      for (i = 0; i < 5; i++)
        set_lock (fd, F_UNLCK, 2 * i);
    }
  close (fd);

  return NULL;
}

/* Locks that come and go move the others in the kernel's list while it is read. A lock at the end
 * of a piece, or of the list, must not be counted twice. */
static void
test_list_that_moves (void)
{
  SsemLockCount files[N_FILES];
  GThread *churners[N_CHURNERS];
  int fds[N_FILES];
  struct stat opened;
  gint64 end_usec;
  int n_unknown = 0;
  int i, n;

  for (i = 0; i < N_FILES; i++)
    {
      fds[i] = make_file ();
      set_lock (fds[i], F_RDLCK, BYTE);
      g_assert_no_errno (fstat (fds[i], &opened));
      files[i] = (SsemLockCount) { .device = opened.st_dev, .inode = opened.st_ino };
    }
  for (i = 0; i < N_CHURNERS; i++)
    churners[i] = g_thread_new ("churner", churn, NULL);

  end_usec = g_get_monotonic_time () + MAX_USEC;
  for (n = 0; n < MAX_COUNTS && g_get_monotonic_time () < end_usec; n++)
    {
      ssem_process_count_locks (files, N_FILES, BYTE);
      for (i = 0; i < N_FILES; i++)
        {
          /* A list that never stands still may leave a count unknown. */
          if (files[i].n == -1)
            n_unknown++;
          else
            g_assert_cmpint (files[i].n, ==, 1);
        }
    }
  g_test_message ("%d counts unknown", n_unknown);
  g_assert_cmpint (n_unknown, <, n * N_FILES / 2);

  g_atomic_int_set (&is_ended, TRUE);
  for (i = 0; i < N_CHURNERS; i++)
    g_thread_join (churners[i]);
  for (i = 0; i < N_FILES; i++)
    close (fds[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/count-locks/list-that-moves", test_list_that_moves);

  return g_test_run ();
}
