/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-death-watch-private.h"

#include "ssem/shm/ssem-shm-recovery-private.h"
#include "ssem/shm/ssem-shm-waiters-private.h"
#include "ssem/os/ssem-file-number-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

/* When a process dies, the kernel closes its files, and inotify(7) tells whoever watches the
 * segment that a file that was open for writing was closed (IN_CLOSE_WRITE). That is the bell. It
 * rings for every leaver, dead or not, so the thread looks who is dead. It rings a moment before
 * the kernel drops the locks by which the living are known, and who is dying may lose the processor
 * in between, so the thread looks again after ever longer pauses. Also, bells that ring together
 * may be heard as one.
 *
 * Not every process that waits listens: a bell that wakes fifty of them makes the one that is to
 * get the units wait for a processor. Up to three do for each semaphore, each with a lock on one of
 * three bytes, and hear of each other's death like of any other's. When all is quiet again after a
 * bell, those who wait are woken and try to take a place that may be free; a listener that leaves
 * in good order wakes one to take its place. What no listener hears, because all died or stand
 * still, or because the system has no more inotify instances, the waiters find out by their own
 * look, at most a second later.
 *
 * One thread for all semaphores of the process, started when the process first sleeps waiting for
 * units and is to listen. It stays as long as it has something to watch.
 *
 * watch_lock protects all here. The thread holds it while it sweeps a file, which takes some
 * microseconds, and not while it sleeps; so whoever unwatches a file knows, with the lock, that it
 * is let go of.
 *
 * A program that closes every descriptor that it finds takes the inotify instance away, too, and
 * the number may be a stranger's then, whose data the thread must not read. So the instance bears a
 * mark, which is looked at before each use. A bell that was lost is left alone: its thread ends
 * when it wakes, and the next one to listen makes another bell. Each has a number, by which a
 * thread knows whether the bell is still its own.
 */

/* The pauses between looks grow by half each time, from the first to the last; together that is a
 * third of a second. */
#define FIRST_PAUSE_USEC 10
#define LAST_PAUSE_USEC 100000

/* The signal that an open file would send when it is ready, if anybody had asked it to send one.
 * Nobody does so here; and what others open has none, or another one. */
#define MARK SIGWINCH

typedef struct
{
  SsemShmFile *file;
  int watch;
} Watched;

static GMutex watch_lock;
static int inotify_fd = -1; /* -1: there is no bell */
static guint watch_serial;
static gboolean has_thread;
static GArray *watched;

/* With watch_lock: whether there is a bell that the program has left us. */
static gboolean
has_instance (void)
{
  return inotify_fd >= 0 && fcntl (inotify_fd, F_GETSIG) == MARK;
}

/* With watch_lock. The thread, if there is one, is not of this bell any more. */
static void
drop_instance (void)
{
  if (has_instance ())
    close (inotify_fd);
  inotify_fd = -1;
  watch_serial++;
  has_thread = FALSE;
  g_array_set_size (watched, 0);
}

/* With watch_lock. */
static gboolean
make_instance (void)
{
  drop_instance ();
  inotify_fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_fd >= 0)
    inotify_fd = ssem_file_number_settle (inotify_fd);
  if (inotify_fd >= 0 && fcntl (inotify_fd, F_SETSIG, MARK) != 0)
    {
      close (inotify_fd);
      inotify_fd = -1;
    }

  return inotify_fd >= 0;
}

static void
forget_in_child (void)
{
  drop_instance ();
}

void
ssem_shm_death_watch_init (void)
{
  watched = g_array_new (FALSE, FALSE, sizeof (Watched));
  ssem_fork_protect (&watch_lock, forget_in_child);
}

/* With watch_lock. */
static gboolean
sweep_watch (int watch)
{
  gboolean has_found = FALSE;
  guint i;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->watch != watch)
        continue;

      /* First what somebody may be waiting for right now. */
      if (ssem_shm_recovery_sweep (entry->file, SSEM_SHM_SWEEP_UNITS) > 0)
        has_found = TRUE;
      if (ssem_shm_recovery_sweep (entry->file, SSEM_SHM_SWEEP_WAITERS) > 0)
        has_found = TRUE;
    }

  return has_found;
}

/* With watch_lock: the rest that a death asks for, when the units are back already. */
static void
tidy_watch (int watch)
{
  guint i;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->watch != watch)
        continue;

      /* Whoever died may have brought units back for another, and not woken anybody any more, and
       * need not have had a slot by which it could be found. Or it listened, and has to be
       * replaced. So in the end all who wait look, whomever we find. */
      if (ssem_shm_recovery_sweep (entry->file, SSEM_SHM_SWEEP_ALL) >= 0)
        ssem_shm_waiters_wake_all (entry->file->memory);
    }
}

static void
add_once (GArray *rung,
          int     watch)
{
  guint i;

  for (i = 0; i < rung->len; i++)
    {
      if (g_array_index (rung, int, i) == watch)
        return;
    }
  g_array_append_val (rung, watch);
}

/* With watch_lock. Adds to @rung whose bell has rung, without waiting. FALSE when there is nothing
 * to listen to. */
static gboolean
hear (GArray *rung,
      gint64 *pause)
{
  _Alignas (struct inotify_event) char events[4096];
  gssize n_read, at;

  n_read = read (inotify_fd, events, sizeof events);
  if (n_read < 0)
    return errno == EINTR || errno == EAGAIN;

  for (at = 0; at < n_read;)
    {
      const struct inotify_event *event = (const struct inotify_event *) (gpointer) (events + at);

      if (event->mask & IN_CLOSE_WRITE)
        {
          add_once (rung, event->wd);
          *pause = FIRST_PAUSE_USEC;
        }
      at += (gssize) (sizeof *event + event->len);
    }

  return n_read > 0;
}

/* Looks who is dead where the bell has rung. After the last look, the bells are forgotten. */
static void
answer (GArray *rung,
        gint64 *pause)
{
  gboolean is_last = *pause > LAST_PAUSE_USEC;
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; i < rung->len; i++)
    {
      int watch = g_array_index (rung, int, i);

      if (sweep_watch (watch) || is_last)
        tidy_watch (watch);
    }
  ssem_thread_unlock (&watch_lock);

  *pause += *pause / 2;
  if (is_last)
    g_array_set_size (rung, 0);
}

static gpointer
listen_thread (gpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  struct pollfd bell = { .fd = -1, .events = POLLIN };
  g_autoptr(GArray) rung = g_array_new (FALSE, FALSE, sizeof (int));
  gint64 pause = FIRST_PAUSE_USEC;
  gboolean is_over;

  ssem_thread_lock (&watch_lock);
  is_over = number != watch_serial;
  bell.fd = inotify_fd;
  ssem_thread_unlock (&watch_lock);

  while (!is_over)
    {
      gboolean has_rung;

      struct timespec wait = {
        .tv_sec = pause / G_USEC_PER_SEC,
        .tv_nsec = pause % G_USEC_PER_SEC * 1000,
      };

      has_rung = ppoll (&bell, 1, rung->len > 0 ? &wait : NULL, NULL) > 0;

      ssem_thread_lock (&watch_lock);
      is_over = number != watch_serial;
      if (!is_over && has_rung)
        is_over = !has_instance () || !hear (rung, &pause);
      ssem_thread_unlock (&watch_lock);

      if (rung->len > 0)
        answer (rung, &pause);

      /* Unwatching is heard, too, so nobody has to tell us that there is nothing left. */
      ssem_thread_lock (&watch_lock);
      is_over = is_over || number != watch_serial || watched->len == 0;
      if (is_over && number == watch_serial)
        drop_instance ();
      ssem_thread_unlock (&watch_lock);
    }

  return NULL;
}

/* With watch_lock, when something is watched. */
static gboolean
start_thread (void)
{
  if (!has_thread)
    has_thread = ssem_thread_start ("ssem-watch", listen_thread, GUINT_TO_POINTER (watch_serial),
                                    NULL);

  return has_thread;
}

/* Rings the bell of the segment. Who has begun to listen does so: somebody may have died after it
 * had looked for the dead and before it listened, and the thread is to look again, and a while
 * after. */
static void
ring (const char *path)
{
  int fd = open (path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

  if (fd >= 0)
    close (fd);
}

gboolean
ssem_shm_death_watch_watch (SsemShmFile *file)
{
  Watched entry = { .file = file, .watch = -1 };
  gboolean is_watched = FALSE;

  ssem_thread_lock (&watch_lock);

  /* In another root the path may name another file. The waiters' own look finds deaths then. */
  if (ssem_shm_file_is_in_place (file) && (has_instance () || make_instance ()))
    entry.watch = inotify_add_watch (inotify_fd, file->place, IN_CLOSE_WRITE);

  is_watched = entry.watch >= 0 && start_thread ();
  if (is_watched)
    {
      g_array_append_val (watched, entry);
      ring (file->place);
    }
  else if (!has_thread)
    {
      drop_instance ();
    }

  ssem_thread_unlock (&watch_lock);

  return is_watched;
}

void
ssem_shm_death_watch_unwatch (SsemShmFile *file)
{
  gboolean is_last = TRUE;
  int watch = -1;
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->file == file)
        {
          watch = entry->watch;
          g_array_remove_index_fast (watched, i);
          break;
        }
    }

  /* Two attachments of one process to the same segment have one watch. */
  for (i = 0; i < watched->len; i++)
    is_last = is_last && g_array_index (watched, Watched, i).watch != watch;
  if (watch >= 0 && is_last && has_instance ())
    inotify_rm_watch (inotify_fd, watch);
  ssem_thread_unlock (&watch_lock);
}
