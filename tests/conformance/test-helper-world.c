/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The commands of test-helper that put the process into another world: with less of something, in
 * name spaces of its own, or with its descriptors gone. They are described in test-helper.c. */

#include "stacks.h"
#include "test-helper-posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean has_new_children;
static gboolean has_no_proc;

gboolean
is_elsewhere (void)
{
  return has_new_children || has_no_proc;
}

void
limit (int    resource,
       rlim_t n)
{
  struct rlimit limits = { .rlim_cur = n, .rlim_max = n };

  if (getrlimit (resource, &limits) == 0)
    {
      limits.rlim_cur = n;
      setrlimit (resource, &limits);
    }
}

static const struct
{
  const char *name;
  int resource;
} limit_names[] = {
  { "as", RLIMIT_AS },
  { "fsize", RLIMIT_FSIZE },
  { "memlock", RLIMIT_MEMLOCK },
  { "nproc", RLIMIT_NPROC },
  { "stack", RLIMIT_STACK },
};

/* The bytes of address space that the process has. */
static rlim_t
measure_memory (void)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    return 0;

  return g_ascii_strtoull (text, NULL, 10) * (rlim_t) sysconf (_SC_PAGESIZE);
}

/* @n is a number, `-` for none, or a number after a `+`: for so much more memory than there is. */
static gboolean
limit_by_name (const char *name,
               const char *n)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (limit_names); i++)
    {
      if (!g_str_equal (limit_names[i].name, name))
        continue;

      if (*n == '-')
        limit (limit_names[i].resource, RLIM_INFINITY);
      else
        limit (limit_names[i].resource,
               g_ascii_strtoull (n, NULL, 10) + (*n == '+' ? measure_memory () : 0));
      return TRUE;
    }

  return FALSE;
}

/* A name space of our own for System V, with a limit of none. */
static gboolean
forbid_sets (void)
{
  static const char none[] = "250 32000 32 0\n";
  gboolean is_done;
  int fd;

  if (unshare (CLONE_NEWIPC) != 0)
    return FALSE;
  fd = open ("/proc/sys/kernel/sem", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  is_done = write (fd, none, strlen (none)) == (gssize) strlen (none);
  close (fd);

  return is_done;
}

static gboolean
write_text (const char *path,
            const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean is_done;

  if (fd < 0)
    return FALSE;
  is_done = write (fd, text, strlen (text)) == (gssize) strlen (text);
  close (fd);

  return is_done;
}

/* Becomes its own user's name space, with itself for the user, and the limit there none. */
/* Returns the lowest number that no descriptor has. */
static int
find_free_descriptor (void)
{
  int fd = dup (STDIN_FILENO);

  close (fd);

  return fd;
}

static gboolean
forbid_inotify (void)
{
  g_autofree char *map = g_strdup_printf ("%d %d 1", (int) geteuid (), (int) geteuid ());

  return unshare (CLONE_NEWUSER) == 0 &&
         write_text ("/proc/self/uid_map", map) &&
         write_text ("/proc/sys/user/max_inotify_instances", "0");
}

/* What only this process sees: a mount of its own. */
static gboolean
leave_mounts (void)
{
  static gboolean is_out;

  if (!is_out)
    is_out = unshare (CLONE_NEWNS) == 0 && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;

  return is_out;
}

static gboolean
mount_small (const char *directory,
             const char *options)
{
  static gboolean is_mounted;

  if (!leave_mounts ())
    return FALSE;
  if (mount ("tmpfs", directory, "tmpfs", is_mounted ? MS_REMOUNT : 0, options) != 0)
    return FALSE;
  is_mounted = TRUE;

  return TRUE;
}

static gboolean
bind_directory (const char *from,
             const char *to,
             gboolean    is_read_only)
{
  const unsigned long again = MS_BIND | MS_REMOUNT | MS_RDONLY;

  return leave_mounts () && mount (from, to, NULL, MS_BIND, NULL) == 0 &&
         (!is_read_only || mount (NULL, to, NULL, again, NULL) == 0);
}

static gboolean
cover (const char *directory)
{
  has_no_proc = g_str_equal (directory, "/proc");

  return leave_mounts () && mount ("tmpfs", directory, "tmpfs", 0, NULL) == 0;
}

/* Children have clocks that are ahead of ours by so many seconds. */
static gboolean
leave_time (const char *monotonic,
            const char *boottime)
{
  g_autofree char *offsets = g_strdup_printf ("monotonic %s 0\nboottime %s 0\n",
                                              monotonic, boottime);

  has_new_children = unshare (CLONE_NEWTIME) == 0;

  return has_new_children && write_text ("/proc/self/timens_offsets", offsets);
}

/* --- Without descriptors --- */

#define N_STRANGERS 48

/* As a program does that becomes a daemon. The two through which it is spoken to stay. */
static void
close_all (void)
{
  int fd;

  for (fd = 0; fd < N_STRANGERS; fd++)
    {
      if (!is_channel (fd))
        close (fd);
    }
}

static gboolean
open_stranger (const char *kind,
               const char *directory,
               int         ends[2])
{
  static const char content[] = "nobody else's";
  g_autofree char *path = g_build_filename (directory, "stranger", NULL);

  if (g_str_equal (kind, "file"))
    ends[0] = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  else if (g_str_equal (kind, "directory"))
    ends[0] = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  else if (g_str_equal (kind, "pipe") && pipe2 (ends, O_CLOEXEC) == 0 &&
           write (ends[1], content, sizeof content) != sizeof content)
    return FALSE;

  return ends[0] >= 0;
}

/* Gives every number that was closed to a file of the program's own. */
static gboolean
invite_strangers (const char *kind,
                  const char *directory)
{
  int ends[2] = { -1, -1 };
  int fd;

  close_all ();
  if (g_str_equal (kind, "none"))
    return TRUE;
  if (!open_stranger (kind, directory, ends))
    return FALSE;

  for (fd = 0; fd < N_STRANGERS; fd++)
    {
      if (!is_channel (fd) && fd != ends[0] && fd != ends[1] && dup2 (ends[0], fd) != fd)
        return FALSE;
    }

  return TRUE;
}

/* --- Threads --- */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  int n;
  gboolean is_ok;
  GError *error;
} Wait;

static Wait wait_in_thread;
static GThread *waiting_thread;

static gpointer
acquire_cb (gpointer data)
{
  Wait *self = data;

  self->is_ok = ssem_system_semaphore_acquire (self->semaphore, self->n, NULL, &self->error);

  return NULL;
}

static void
start_waiting (SsemSystemSemaphore *semaphore,
               int                  n)
{
  wait_in_thread = (Wait) { .semaphore = semaphore, .n = n };
  waiting_thread = g_thread_new ("wait", acquire_cb, &wait_in_thread);
  answer ("ok");
}

static void
stop_waiting (void)
{
  g_thread_join (g_steal_pointer (&waiting_thread));
  answer_result (wait_in_thread.is_ok, wait_in_thread.error);
  g_clear_error (&wait_in_thread.error);
}

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GMutex lock;
  GCond changed;
  int n_tried;
  int n_in;
  int n_expected;
  int code; /* of the last refusal */
} Crowd;

static gpointer
stay_in_crowd (gpointer data)
{
  Crowd *crowd = data;
  g_autoptr(GError) error = NULL;
  gboolean is_in = ssem_system_semaphore_try_acquire (crowd->semaphore, 1, &error);

  g_mutex_lock (&crowd->lock);
  crowd->n_tried++;
  if (is_in)
    crowd->n_in++;
  else
    crowd->code = error->code;
  g_cond_signal (&crowd->changed);
  g_mutex_unlock (&crowd->lock);

  /* Until the process is killed. */
  while (is_in)
    pause ();

  return NULL;
}

static void
gather (SsemSystemSemaphore *semaphore,
        int                  n)
{
  static Crowd crowd;
  int i;

  g_mutex_lock (&crowd.lock);
  crowd.semaphore = semaphore;
  crowd.n_tried = crowd.n_in = crowd.code = 0;
  use_small_stacks ();
  for (i = 0; i < n; i++)
    {
      g_thread_unref (g_thread_new ("crowd", stay_in_crowd, &crowd));
      while (crowd.n_tried <= i)
        g_cond_wait (&crowd.changed, &crowd.lock);
    }
  answer ("ok %d %d", crowd.n_in, crowd.code);
  g_mutex_unlock (&crowd.lock);
}

static gpointer
pass_through (gpointer data)
{
  Crowd *crowd = data;
  gboolean is_through = ssem_system_semaphore_acquire (crowd->semaphore, 1, NULL, NULL) &&
                        ssem_system_semaphore_release (crowd->semaphore, 1, NULL);

  g_mutex_lock (&crowd->lock);
  crowd->n_tried++;
  crowd->n_in += is_through;
  g_cond_broadcast (&crowd->changed);
  while (crowd->n_tried < crowd->n_expected)
    g_cond_wait (&crowd->changed, &crowd->lock);
  g_mutex_unlock (&crowd->lock);

  return NULL;
}

/* They all live at once, and all end. */
static void
send_through (SsemSystemSemaphore *semaphore,
              int                  n)
{
  g_autofree GThread **threads = g_new (GThread *, n);
  Crowd crowd = { .semaphore = semaphore, .n_expected = n };
  int i;

  use_small_stacks ();
  for (i = 0; i < n; i++)
    threads[i] = g_thread_new ("passer", pass_through, &crowd);
  for (i = 0; i < n; i++)
    g_thread_join (threads[i]);
  answer (crowd.n_in == n ? "ok" : "broken: %d of them found no room", n - crowd.n_in);
}

/* What may be forbidden. Returns FALSE where the command is none. */
static gboolean
change_world (char  **words,
              guint   n_words)
{
  const char *command = words[0];
  int n = n_words > 1 ? atoi (words[1]) : 0;
  gboolean is_done = TRUE;

  if (g_str_equal (command, "files") && n_words == 2)
    limit (RLIMIT_NOFILE, n);
  else if (g_str_equal (command, "no-files"))
    limit (RLIMIT_NOFILE, find_free_descriptor ());
  else if (g_str_equal (command, "limit") && n_words == 3)
    is_done = limit_by_name (words[1], words[2]);
  else if (g_str_equal (command, "lock-memory"))
    is_done = mlockall (MCL_FUTURE) == 0;
  else if (g_str_equal (command, "umask") && n_words == 2)
    umask ((mode_t) strtoul (words[1], NULL, 8));
  else if (g_str_equal (command, "uid") && n_words == 2)
    is_done = setgid (n) == 0 && setuid (n) == 0;
  else if (g_str_equal (command, "no-sets"))
    is_done = forbid_sets ();
  else if (g_str_equal (command, "no-inotify"))
    is_done = forbid_inotify ();
  else if (g_str_equal (command, "new-pids"))
    is_done = has_new_children = unshare (CLONE_NEWPID) == 0;
  else if (g_str_equal (command, "full") && n_words == 3)
    is_done = mount_small (words[2], words[1]);
  else if (g_str_equal (command, "name") && n_words == 2)
    prctl (PR_SET_NAME, words[1]);
  else if (g_str_equal (command, "bind") && n_words == 4)
    is_done = bind_directory (words[2], words[3], n);
  else if (g_str_equal (command, "cover") && n_words == 2)
    is_done = cover (words[1]);
  else if (g_str_equal (command, "chdir") && n_words == 2)
    is_done = chdir (words[1]) == 0;
  else if (g_str_equal (command, "chroot") && n_words == 2)
    is_done = has_no_proc = chroot (words[1]) == 0 && chdir ("/") == 0;
  else if (g_str_equal (command, "new-time") && n_words == 3)
    is_done = leave_time (words[1], words[2]);
  else if (g_str_equal (command, "strangers") && n_words == 3)
    is_done = invite_strangers (words[1], words[2]);
  else
    return FALSE;

  answer (is_done ? "ok" : "no");

  return TRUE;
}

gboolean
obey_for_world (SsemSystemSemaphore **slots,
                char                **words,
                guint                 n_words)
{
  const char *command = words[0];
  int n = n_words > 1 ? atoi (words[1]) : 0;

  if (change_world (words, n_words))
    return TRUE;

  if (g_str_equal (command, "wait-in-thread") && n_words == 3)
    start_waiting (slots[n], atoi (words[2]));
  else if (g_str_equal (command, "join-thread"))
    stop_waiting ();
  else if (g_str_equal (command, "crowd") && n_words == 3)
    gather (slots[n], atoi (words[2]));
  else if (g_str_equal (command, "passers") && n_words == 3)
    send_through (slots[n], atoi (words[2]));
  else
    return obey_for_signals (slots, words, n_words);

  return TRUE;
}
