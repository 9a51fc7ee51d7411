/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Passes items from a producer process to a consumer process, through a ring in shared memory.
 *
 *   circular-buffer producer NAME [ITEMS] & circular-buffer consumer NAME [ITEMS]
 *
 * Each process may run this program or circular-buffer.py, and they may start in any order. One
 * semaphore counts the free cells of the ring, and another the used cells. The producer acquires
 * what the consumer releases, and the consumer acquires what the producer releases. This is
 * signalling: when a process ends, the units that it acquired must not come back. Therefore "undo"
 * is FALSE.
 */

#include <ssem.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CELLS        1024
#define BATCH        64
#define PATIENCE_SEC 30

typedef struct
{
  SsemSystemSemaphore *free_cells;
  SsemSystemSemaphore *used_cells;
  guint64 *ring;
  const char *path;
} Buffer;

/* Returns the item after @item. Items do not repeat, so the consumer detects a lost, repeated,
 * misplaced or half-written item. */
static guint64
next_item (guint64 item)
{
  return item * G_GUINT64_CONSTANT (6364136223846793005) + G_GUINT64_CONSTANT (1442695040888963407);
}

static guint64 *
map_ring (const char  *path,
          GError     **error)
{
  const gsize size = CELLS * sizeof (guint64);
  guint64 *ring = MAP_FAILED;
  int fd;

  /* The first process creates the file. The second process changes nothing here. */
  fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && ftruncate (fd, size) == 0)
    ring = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED)
    {
      int saved_errno = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
                   "Cannot map %s: %s", path, g_strerror (saved_errno));
    }
  if (fd >= 0)
    close (fd);

  return ring != MAP_FAILED ? ring : NULL;
}

/* sample: open */
/* Opens a semaphore. The first process resets a leftover of a killed run; the second joins. */
static SsemSystemSemaphore *
open_semaphore (const char  *name,
                const char  *what,
                int          initial_value,
                GError     **error)
{
  g_autofree char *key = g_strdup_printf ("%s-%s", name, what);

  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                         "key", key,
                         "initial-value", initial_value,
                         "mode", SSEM_ACCESS_MODE_JOIN,
                         "undo", FALSE,
                         NULL);
}
/* end of sample */

static gboolean
acquire (SsemSystemSemaphore  *cells,
         int                   n,
         GError              **error)
{
  return ssem_system_semaphore_acquire_timeout (cells, n, PATIENCE_SEC * G_USEC_PER_SEC, NULL,
                                                error);
}

/* sample: produce */
static gboolean
produce (Buffer  *buffer,
         int      n_items,
         GError **error)
{
  guint64 item = 0;

  for (int done = 0; done < n_items;)
    {
      int n = MIN (BATCH, n_items - done);

      if (!acquire (buffer->free_cells, n, error))
        return FALSE;
      for (int end = done + n; done < end; done++)
        buffer->ring[done % CELLS] = item = next_item (item);
      if (!ssem_system_semaphore_release (buffer->used_cells, n, error))
        return FALSE;
    }

  /* All cells are free again when the consumer has taken every item. Wait for that: if the consumer
   * has not started yet, the producer is the last user, and leaving would remove the semaphores. */
  return acquire (buffer->free_cells, CELLS, error);
}
/* end of sample */

/* sample: consume */
static gboolean
consume (Buffer  *buffer,
         int      n_items,
         GError **error)
{
  guint64 item = 0;

  for (int done = 0; done < n_items;)
    {
      int n = MIN (BATCH, n_items - done);

      if (!acquire (buffer->used_cells, n, error))
        return FALSE;

      /* Both processes have the ring open now, so unlink it: no file stays if either is killed. */
      if (done == 0)
        g_unlink (buffer->path);

      for (int end = done + n; done < end; done++)
        {
          item = next_item (item);
          if (buffer->ring[done % CELLS] != item)
            {
              g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "Item %d differs from the item that was produced", done);
              return FALSE;
            }
        }
      if (!ssem_system_semaphore_release (buffer->free_cells, n, error))
        return FALSE;
    }

  return TRUE;
}
/* end of sample */

int
main (int    argc,
      char **argv)
{
  gboolean is_producer = argc > 1 && strcmp (argv[1], "producer") == 0;
  gboolean is_consumer = argc > 1 && strcmp (argv[1], "consumer") == 0;
  int n_items = argc > 3 ? atoi (argv[3]) : 100000;
  g_autoptr(SsemSystemSemaphore) free_cells = NULL;
  g_autoptr(SsemSystemSemaphore) used_cells = NULL;
  g_autofree char *path = NULL;
  g_autoptr(GError) error = NULL;
  guint64 *ring;

  setlocale (LC_ALL, "");

  if (argc < 3 || argc > 4 || n_items < 1 || !(is_producer || is_consumer))
    {
      g_printerr ("Usage: circular-buffer producer|consumer NAME [ITEMS]\n");
      return 2;
    }

  path = g_build_filename (g_get_user_runtime_dir (), argv[2], NULL);

  ring = map_ring (path, &error);
  if (ring != NULL &&
      (free_cells = open_semaphore (argv[2], "free", CELLS, &error)) != NULL &&
      (used_cells = open_semaphore (argv[2], "used", 0, &error)) != NULL)
    {
      Buffer buffer = { free_cells, used_cells, ring, path };

      if (is_producer ? produce (&buffer, n_items, &error) : consume (&buffer, n_items, &error))
        {
          g_print ("%s: %d items %s\n", argv[1], n_items,
                   is_producer ? "produced, all of them consumed"
                               : "consumed, all of them correct");
          return 0;
        }
    }

  g_printerr ("%s: %s\n", argv[1], error->message);
  g_unlink (path);

  return 1;
}
