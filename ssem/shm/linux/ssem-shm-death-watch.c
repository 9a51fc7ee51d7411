/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-linux-member-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

/* The death watch: a thread that notices when another process dies that is attached to a semaphore.
 *
 * When a process dies, the kernel closes its files. inotify (7) reports to each watcher of the
 * segment's file that a file which was open for writing was closed (IN_CLOSE_WRITE). That event
 * comes for every process that leaves, dead or not, so the core looks which processes are dead. The
 * event comes shortly before the kernel drops the locks by which live processes are known, and the
 * dying process may lose the processor in between. So the core looks again after ever longer
 * pauses. Several events may be merged into one.
 *
 * Not every waiting process watches: an event that wakes fifty of them would make the process that
 * is to get the units wait for a processor. Up to three watch each semaphore, each with a lock on
 * one of three bytes, and they notice each other's death like any other. After the last look the
 * waiters are woken, and try to take a byte that may be free; a watcher that leaves in order wakes
 * one waiter for that. The waiters' own look, after at most a second, finds what no watcher
 * notices, because all died or are stopped, or because the system has no more inotify instances.
 *
 * There is one thread for all semaphores of the process. It starts when the process first sleeps
 * for units and is to watch, and stays as long as it has something to watch.
 *
 * watch_lock protects all data here. The thread holds it during a look, which takes some
 * microseconds, and not while it sleeps. So a caller of unwatch () knows, with the lock, that the
 * thread is done with the member.
 *
 * A program that closes every descriptor that it finds also closes the inotify instance. The number
 * may then belong to another file, whose data the thread must not read. So the instance has a mark,
 * which is checked before each use. A lost instance is given up: its thread ends when it wakes, and
 * the next watch () makes another instance. Each instance has a serial, by which a thread knows
 * whether the instance is still its own.
 */

/* The pauses between looks grow by half each time, from the first to the last; their sum is a third
 * of a second. */
#define FIRST_PAUSE_USEC 10
#define LAST_PAUSE_USEC 100000

/* The mark: the signal that an open file would send when it is ready, if the program had asked for
 * one. This file does not ask for it. Other files have none, or another one. */
#define MARK SIGWINCH

typedef struct
{
  SsemShmLinuxMember *member;
  SsemShmDeathFunc func;
  int watch;
} Watched;

static GMutex watch_lock;
static int inotify_fd = -1; /* -1: there is no instance */
static guint watch_serial;
static gboolean has_thread;
static GArray *watched;

/* Returns whether there is an instance that the program has not closed. With watch_lock. */
static gboolean
has_instance (void)
{
  return inotify_fd >= 0 && fcntl (inotify_fd, F_GETSIG) == MARK;
}

/* Gives up the instance; its thread, if there is one, will end. With watch_lock. */
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
    inotify_fd = ssem_file_avoid_standard_streams (inotify_fd);
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
ssem_shm_port_init (void)
{
  watched = g_array_new (FALSE, FALSE, sizeof (Watched));
  ssem_fork_protect (&watch_lock, forget_in_child);
}

/* Looks for the dead in the segment with that watch. With watch_lock. */
static void
look (int      watch,
      gboolean is_last)
{
  guint i;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->watch == watch)
        entry->func (&entry->member->parent, is_last);
    }
}

static void
add_once (GArray *closed,
          int     watch)
{
  guint i;

  for (i = 0; i < closed->len; i++)
    {
      if (g_array_index (closed, int, i) == watch)
        return;
    }
  g_array_append_val (closed, watch);
}

/* Adds the watches of which there are events to @closed, without waiting. Returns FALSE if the
 * instance cannot be read. With watch_lock. */
static gboolean
read_events (GArray *closed,
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
          add_once (closed, event->wd);
          *pause = FIRST_PAUSE_USEC;
        }
      at += (gssize) (sizeof *event + event->len);
    }

  return n_read > 0;
}

/* Looks for the dead in the segments of @closed. After the last look, @closed is empty. */
static void
look_at_all (GArray *closed,
             gint64 *pause)
{
  gboolean is_last = *pause > LAST_PAUSE_USEC;
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; i < closed->len; i++)
    look (g_array_index (closed, int, i), is_last);
  ssem_thread_unlock (&watch_lock);

  *pause += *pause / 2;
  if (is_last)
    g_array_set_size (closed, 0);
}

static gpointer
watch_thread (gpointer data)
{
  guint serial = GPOINTER_TO_UINT (data);
  struct pollfd instance = { .fd = -1, .events = POLLIN };
  g_autoptr(GArray) closed = g_array_new (FALSE, FALSE, sizeof (int));
  gint64 pause = FIRST_PAUSE_USEC;
  gboolean is_over;

  ssem_thread_lock (&watch_lock);
  is_over = serial != watch_serial;
  instance.fd = inotify_fd;
  ssem_thread_unlock (&watch_lock);

  while (!is_over)
    {
      gboolean has_events;

      struct timespec wait = {
        .tv_sec = pause / G_USEC_PER_SEC,
        .tv_nsec = pause % G_USEC_PER_SEC * 1000,
      };

      has_events = ppoll (&instance, 1, closed->len > 0 ? &wait : NULL, NULL) > 0;

      ssem_thread_lock (&watch_lock);
      is_over = serial != watch_serial;
      if (!is_over && has_events)
        is_over = !has_instance () || !read_events (closed, &pause);
      ssem_thread_unlock (&watch_lock);

      if (closed->len > 0)
        look_at_all (closed, &pause);

      /* Ending a watch is an event, too, so the thread wakes when nothing is left to watch. */
      ssem_thread_lock (&watch_lock);
      is_over = is_over || serial != watch_serial || watched->len == 0;
      if (is_over && serial == watch_serial)
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
    has_thread = ssem_thread_start ("ssem-watch", watch_thread, GUINT_TO_POINTER (watch_serial),
                                    NULL);

  return has_thread;
}

/* Causes an event for the segment. A process that starts to watch does so: another may have died
 * after this process had looked for the dead, and before it watched. So the thread looks again, and
 * a while later. */
static void
cause_event (const char *location)
{
  int fd = open (location, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

  if (fd >= 0)
    close (fd);
}

static gboolean
start_watch (SsemShmLinuxMember *member,
             SsemShmDeathFunc    func)
{
  Watched entry = { .member = member, .func = func, .watch = -1 };
  gboolean is_watched = FALSE;

  ssem_thread_lock (&watch_lock);

  /* In another root the path may name another file. The waiters' own look finds deaths then. */
  if (ssem_shm_file_is_in_place (&member->file) && (has_instance () || make_instance ()))
    entry.watch = inotify_add_watch (inotify_fd, member->file.location, IN_CLOSE_WRITE);

  is_watched = entry.watch >= 0 && start_thread ();
  if (is_watched)
    {
      g_array_append_val (watched, entry);
      cause_event (member->file.location);
    }
  else if (!has_thread)
    {
      drop_instance ();
    }

  ssem_thread_unlock (&watch_lock);

  return is_watched;
}

static void
end_watch (SsemShmLinuxMember *member)
{
  gboolean is_last = TRUE;
  int watch = -1;
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->member == member)
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

/* --- The port --- */

gboolean
ssem_shm_member_watch (SsemShmMember    *member,
                       SsemShmDeathFunc  func)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  if (!ssem_shm_member_can_ask (member) || ssem_shm_liveness_listen (self) != 0)
    return FALSE;
  if (start_watch (self, func))
    return TRUE;

  ssem_shm_liveness_unlisten (self);

  return FALSE;
}

void
ssem_shm_member_unwatch (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  end_watch (self);
  ssem_shm_liveness_unlisten (self);
}
