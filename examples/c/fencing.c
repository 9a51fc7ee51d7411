/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Writes to a resource that refuses old fencing tokens. Run it with: fencing FILE [pause]
 *
 * SSEM_BACKEND=etcd and SSEM_ETCD_ENDPOINTS choose the cluster. The file FILE is the resource. With
 * "pause", the program stops itself while it holds the unit, as a suspended laptop does. Start
 * another one without "pause": it gets the unit when the lease of the first one ends. Then continue
 * the first one with SIGCONT. The resource refuses its late write.
 */

#include <ssem.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* sample: resource */
/* Writes to the resource, unless it has seen a larger token: then the error is
 * G_IO_ERROR_PERMISSION_DENIED. */
static gboolean
write_resource (const char  *path,
                guint64      token,
                const char  *text,
                GError     **error)
{
  g_autofree char *content = g_strdup_printf ("%" G_GUINT64_FORMAT "\n%s\n", token, text);
  char previous[32] = "";
  guint64 largest;
  gboolean is_written = FALSE;
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd >= 0 && flock (fd, LOCK_EX) == 0 && pread (fd, previous, sizeof previous - 1, 0) >= 0)
    {
      largest = g_ascii_strtoull (previous, NULL, 10);
      if (token < largest)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                       "token %" G_GUINT64_FORMAT " is less than %" G_GUINT64_FORMAT,
                       token, largest);
          close (fd);
          return FALSE;
        }
      is_written = ftruncate (fd, 0) == 0 &&
                   pwrite (fd, content, strlen (content), 0) == (gssize) strlen (content);
    }

  if (!is_written)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path,
                 g_strerror (errno));
  if (fd >= 0)
    close (fd);

  return is_written;
}
/* end of sample */

static void
lost_cb (SsemSystemSemaphore *semaphore,
         const GError        *error,
         gpointer             user_data)
{
  g_print ("lost\n");
  g_main_loop_quit (user_data);
}

static gboolean
run (const char  *path,
     gboolean     pauses,
     GError     **error)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) refusal = NULL;
  guint64 token;

  /* sample: holder */
  semaphore = ssem_system_semaphore_new ("fencing", 1, SSEM_ACCESS_MODE_JOIN, error);
  if (semaphore == NULL)
    return FALSE;
  g_signal_connect (semaphore, "lost", G_CALLBACK (lost_cb), loop);
  if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, error))
    return FALSE;
  token = ssem_system_semaphore_get_fencing_token (semaphore);
  /* end of sample */

  g_print ("holds the unit, token %" G_GUINT64_FORMAT "\n", token);
  if (!write_resource (path, token, "first", error))
    return FALSE;
  g_print ("wrote\n");

  if (pauses)
    {
      fflush (stdout);
      raise (SIGSTOP);

      /* Nothing has told this process yet that it was stopped. */
      if (write_resource (path, token, "late", &refusal))
        g_print ("wrote again\n");
      else if (g_error_matches (refusal, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
        {
          g_print ("refused: %s\n", refusal->message);
          g_main_loop_run (loop);
          return TRUE;
        }
      else
        {
          g_propagate_error (error, g_steal_pointer (&refusal));
          return FALSE;
        }
    }

  if (!ssem_system_semaphore_release (semaphore, 1, error))
    return FALSE;
  g_print ("released\n");

  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");

  if (argc < 2 || argc > 3 || (argc == 3 && !g_str_equal (argv[2], "pause")))
    {
      g_printerr ("Usage: fencing FILE [pause]\n");
      return 2;
    }

  if (!run (argv[1], argc == 3, &error))
    {
      g_printerr ("fencing: %s\n", error->message);
      return 1;
    }

  return 0;
}
