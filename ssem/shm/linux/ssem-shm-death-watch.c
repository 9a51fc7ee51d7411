/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-linux-member-private.h"
#include "ssem-shm-process-files-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

/* The death watch: a thread that notices when another process dies.
 *
 * When a process ends, the kernel closes its process file. inotify (7) reports for the directory of
 * these files that a file which was open for writing was closed (IN_CLOSE_WRITE), and the file's
 * name: the process id. No other process opens such a file for writing. A process that has removed
 * its own file causes no event (IN_EXCL_UNLINK).
 *
 * The event comes shortly before the kernel drops the lock, and the dying process may lose the
 * processor in between. So the thread asks whether the process is dead, again and again after ever
 * longer pauses, until it is.
 *
 * When many processes die at once, the waiters get all units first. The thread removes the files of
 * the dead when no more deaths are reported. What it does not get to, others remove: see
 * ssem-shm-process.c.
 *
 * There is one thread for all semaphores of the process. It starts when the process first sleeps
 * for units and is to watch, and stays as long as it has something to watch.
 *
 * watch_lock protects all data here. The thread holds it while it calls a member's function, which
 * takes some microseconds, and not while it sleeps. So a caller of unwatch () knows, with the lock,
 * that the thread is done with the member.
 *
 * A program that closes every descriptor that it finds also closes the inotify instance. The number
 * may then belong to another file, whose data the thread must not read. So the instance has a mark,
 * which is checked before each use. A lost instance is given up: the members are told, and the
 * thread ends. Each instance has a serial, by which a thread knows whether it is still its own.
 */

/* The pauses between questions grow by half each time, from the first to the last; their sum is a
 * third of a second. */
#define FIRST_PAUSE_USEC 10
#define LAST_PAUSE_USEC 100000

/* The mark: the signal that an open file would send when it is ready, if the program had asked for
 * one. This file does not ask for it. Other files have none, or another one. */
#define MARK SIGWINCH

typedef struct
{
  SsemShmLinuxMember *member;
  SsemShmDeathFunc func;
  SsemShmDeafFunc end;
  int watch; /* of the directory of the member's process file */
} Watched;

/* A process whose file was closed. */
typedef struct
{
  int watch;
  guint64 process_id;
} Dying;

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

/* Gives up an instance that the program has closed. With watch_lock. */
static void
lose_instance (void)
{
  guint i;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      entry->end (&entry->member->parent);
    }
  drop_instance ();
}

/* With watch_lock. */
static gboolean
make_instance (void)
{
  lose_instance ();
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
  ssem_shm_process_init ();
}

/* --- The thread --- */

/* Adds the processes of which there are events to @dying, without waiting. Returns FALSE if the
 * instance cannot be read. With watch_lock. */
static gboolean
read_events (GArray *dying,
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
      Dying entry = { .watch = event->wd };

      if ((event->mask & IN_CLOSE_WRITE) != 0 && event->len > 0)
        entry.process_id = ssem_shm_process_files_parse_name (event->name);
      if (entry.process_id != 0)
        {
          g_array_append_val (dying, entry);
          *pause = FIRST_PAUSE_USEC;
        }
      at += (gssize) (sizeof *event + event->len);
    }

  return n_read > 0;
}

/* Returns a process file of this process in that directory; NULL if nobody watches it any more.
 * With watch_lock. */
static SsemShmProcess *
find_process (int watch)
{
  guint i;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->watch == watch)
        return entry->member->process;
    }

  return NULL;
}

/* Tells the members, if the process is dead. Returns whether there is nothing left to ask. With
 * watch_lock. */
static gboolean
handle_dying (const Dying *dying,
              GArray      *dead)
{
  SsemShmProcess *process = find_process (dying->watch);
  guint i;

  if (process == NULL)
    return TRUE;
  if (ssem_shm_process_ask (process, dying->process_id) != 0)
    return FALSE;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->watch == dying->watch)
        entry->func (&entry->member->parent, dying->process_id);
    }
  g_array_append_val (dead, *dying);

  return TRUE;
}

static void
handle_all (GArray *dying,
            GArray *dead,
            gint64 *pause)
{
  gboolean is_last = *pause > LAST_PAUSE_USEC;
  guint i = 0;

  ssem_thread_lock (&watch_lock);
  while (i < dying->len)
    {
      if (handle_dying (&g_array_index (dying, Dying, i), dead) || is_last)
        g_array_remove_index_fast (dying, i);
      else
        i++;
    }
  ssem_thread_unlock (&watch_lock);

  *pause += *pause / 2;
}

/* Removes the files of the dead. With watch_lock. */
static void
bury_all (GArray *dead)
{
  guint i;

  for (i = 0; i < dead->len; i++)
    {
      const Dying *entry = &g_array_index (dead, Dying, i);
      SsemShmProcess *process = find_process (entry->watch);

      if (process != NULL)
        ssem_shm_process_bury (process, entry->process_id);
    }
  g_array_set_size (dead, 0);
}

/* Waits for events, or until it is time to ask again, or not at all if files are to be removed.
 * Returns whether there are events. */
static gboolean
wait_for_events (int     fd,
                 gint64  pause,
                 GArray *dying,
                 GArray *dead)
{
  struct pollfd instance = { .fd = fd, .events = POLLIN };
  struct timespec wait = { 0 };

  if (dead->len == 0)
    {
      wait.tv_sec = pause / G_USEC_PER_SEC;
      wait.tv_nsec = pause % G_USEC_PER_SEC * 1000;
    }

  return ppoll (&instance, 1, dying->len > 0 || dead->len > 0 ? &wait : NULL, NULL) > 0;
}

static gpointer
watch_thread (gpointer data)
{
  guint serial = GPOINTER_TO_UINT (data);
  g_autoptr(GArray) dying = g_array_new (FALSE, FALSE, sizeof (Dying));
  g_autoptr(GArray) dead = g_array_new (FALSE, FALSE, sizeof (Dying));
  gint64 pause = FIRST_PAUSE_USEC;
  gboolean is_over;
  int fd;

  ssem_thread_lock (&watch_lock);
  is_over = serial != watch_serial;
  fd = inotify_fd;
  ssem_thread_unlock (&watch_lock);

  while (!is_over)
    {
      gboolean has_events = wait_for_events (fd, pause, dying, dead);

      ssem_thread_lock (&watch_lock);
      is_over = serial != watch_serial;
      if (!is_over && has_events)
        is_over = !has_instance () || !read_events (dying, &pause);
      else if (!is_over)
        bury_all (dead);
      ssem_thread_unlock (&watch_lock);

      if (dying->len > 0)
        handle_all (dying, dead, &pause);

      /* Ending a watch is an event, too, so the thread wakes when nothing is left to watch. */
      ssem_thread_lock (&watch_lock);
      is_over = is_over || serial != watch_serial || watched->len == 0;
      if (is_over && serial == watch_serial)
        lose_instance ();
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

/* --- The port --- */

gboolean
ssem_shm_member_watch (SsemShmMember    *member,
                       SsemShmDeathFunc  func,
                       SsemShmDeafFunc   end)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  Watched entry = { .member = self, .func = func, .end = end, .watch = -1 };
  gboolean is_watched;

  ssem_thread_lock (&watch_lock);

  /* In another root the path may name another directory. The waiters' own look finds deaths
   * then. */
  if (ssem_shm_process_check_path (self->process) == 0 && (has_instance () || make_instance ()))
    entry.watch = inotify_add_watch (inotify_fd, ssem_shm_process_get_path (self->process),
                                     IN_CLOSE_WRITE | IN_EXCL_UNLINK | IN_ONLYDIR);

  is_watched = entry.watch >= 0 && start_thread ();
  if (is_watched)
    g_array_append_val (watched, entry);
  else if (!has_thread)
    drop_instance ();

  ssem_thread_unlock (&watch_lock);

  return is_watched;
}

void
ssem_shm_member_unwatch (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  gboolean is_last = TRUE;
  int watch = -1;
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      if (entry->member == self)
        {
          watch = entry->watch;
          g_array_remove_index_fast (watched, i);
          break;
        }
    }

  /* All members in one directory have one watch. */
  for (i = 0; i < watched->len; i++)
    is_last = is_last && g_array_index (watched, Watched, i).watch != watch;
  if (watch >= 0 && is_last && has_instance ())
    inotify_rm_watch (inotify_fd, watch);
  ssem_thread_unlock (&watch_lock);
}
