/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/backend/ssem-backend-module-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The backend "memory", a module for the tests alone: two numbers in a file that processes map.
 *
 * It can do what few lines can: nothing comes back when a process dies, and nobody can look. It
 * shows that a module can be a whole backend, with asynchronous acquires of its own, and with what
 * a backend on a network has: an address (any text, which leads to other semaphores), fencing
 * tokens, and the event "lost".
 *
 * The event comes from memory_lose (), or from outside the program: the environment variable
 * SSEM_MEMORY_LOSES is the path of a named pipe, and each byte in it is a loss.
 *
 * The file has two locks, both gone with the process: every open instance holds ALIVE, shared;
 * opening and closing hold GATE. A closing instance that gets ALIVE exclusively is the last, and
 * removes the file.
 *
 * module_lock protects the list of instances, every fd, and the requests. A fork takes it: the
 * child closes its copies of the descriptors, and an instance attaches again when the child first
 * uses it.
 */

#define PIECE_USEC (20 * 1000)
#define LOOK_USEC 2000

enum
{
  GATE,
  ALIVE,
};

/* What the file contains. */
typedef struct
{
  atomic_int value;
  atomic_uint n_acquired; /* the last fencing token */
} Content;

typedef struct
{
  SsemInstance parent;
  gatomicrefcount references; /* the library's, and one of each request */
  char *key;                  /* constant after init */
  char *path;                 /* constant after init */
  struct stat identity;       /* constant after init; of the file */
  Content *content;           /* constant after init; shared memory */
  atomic_bool is_closed;
  atomic_bool is_lost;

  /* Under module_lock. */
  int fd;
  atomic_uint fork_count;     /* of the process that fd belongs to */
} Memory;

typedef struct
{
  Memory *instance; /* a reference */
  int n;
  GCancellable *cancellable;
  SsemAcquiredFunc acquired;
  gpointer data;
} Request;

static SsemBackendServicesPointer services;

static GMutex module_lock;
static GPtrArray *instances;
static GQueue requests = G_QUEUE_INIT; /* in the order of their calls */
static gboolean has_thread;

static const SsemBackendTable table;

static void
fail (GError        **error,
      SsemOperation   operation,
      const char     *key,
      int             system_error)
{
  SsemSystemSemaphoreError code = SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;

  if (system_error == ENOENT || system_error == ENOTDIR)
    code = SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;
  else if (system_error == EEXIST)
    code = SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS;
  else if (system_error == EACCES || system_error == EPERM)
    code = SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED;
  else if (system_error == EMFILE || system_error == ENOSPC || system_error == ENOMEM)
    code = SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;

  services->fail_because (error, code, operation, key, g_strerror (system_error));
}

static void
memory_describe (SsemOperation   operation,
                 const char     *key,
                 int             system_error,
                 GError        **error)
{
  fail (error, operation, key, system_error);
}

/* --- The file --- */

static int
lock_byte (int fd,
           int command,
           int type,
           int byte)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
  int result;

  do
    result = fcntl (fd, command, &lock);
  while (result != 0 && errno == EINTR);

  return result;
}

/* Opens the file of @path, with its gate locked. Returns a descriptor or -errno. */
static int
open_file (const char  *path,
           int          flags,
           struct stat *identity)
{
  int fd, saved;

  for (;;)
    {
      fd = open (path, O_RDWR | O_CLOEXEC | flags, 0600);
      if (fd < 0)
        return -errno;
      if (lock_byte (fd, F_OFD_SETLKW, F_WRLCK, GATE) != 0 || fstat (fd, identity) != 0)
        {
          saved = errno;
          close (fd);
          return -saved;
        }
      if (identity->st_nlink > 0 && identity->st_uid == geteuid ())
        return fd;
      close (fd);
      if (identity->st_uid != geteuid ())
        return -EACCES;
      /* Else its last user removed it before this process got the gate. */
    }
}

static void
wake_all (atomic_int *value)
{
  syscall (SYS_futex, value, FUTEX_WAKE, G_MAXINT, NULL, NULL, 0);
}

static void
set_value (atomic_int *value,
           int         n)
{
  atomic_store (value, n);
  wake_all (value);
}

/* Attaches @self with the gate locked. Returns 0 or -errno. */
static int
attach (Memory         *self,
        int             fd,
        int             initial_value,
        SsemAccessMode  mode)
{
  gboolean is_live = lock_byte (fd, F_OFD_SETLK, F_WRLCK, ALIVE) != 0;
  gboolean is_new = self->identity.st_size == 0;
  int mapped_fd;

  if (is_live && mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    return -EEXIST;
  if (is_new && ftruncate (fd, sizeof *self->content) != 0)
    return -errno;

  /* Another open file, without locks: a child's copy of the mapping would keep them. */
  mapped_fd = open (self->path, O_RDWR | O_CLOEXEC);
  if (mapped_fd < 0)
    return -errno;
  self->content = mmap (NULL, sizeof *self->content, PROT_READ | PROT_WRITE, MAP_SHARED, mapped_fd,
                        0);
  close (mapped_fd);
  if (self->content == MAP_FAILED)
    return -ENOMEM;
  if (is_new || mode == SSEM_ACCESS_MODE_CREATE ||
      (!is_live && (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE || mode == SSEM_ACCESS_MODE_JOIN)))
    set_value (&self->content->value, initial_value);
  lock_byte (fd, F_OFD_SETLKW, F_RDLCK, ALIVE);
  lock_byte (fd, F_OFD_SETLK, F_UNLCK, GATE);

  return 0;
}

/* With module_lock: removes the file if no other instance is alive, and closes it. */
static void
detach (Memory *self)
{
  if (self->fd < 0)
    return;

  lock_byte (self->fd, F_OFD_SETLKW, F_WRLCK, GATE);
  if (lock_byte (self->fd, F_OFD_SETLK, F_WRLCK, ALIVE) == 0)
    unlink (self->path);
  close (self->fd);
  self->fd = -1;
}

/* --- The process --- */

static void
forget_in_child (void)
{
  guint i;

  for (i = 0; i < instances->len; i++)
    {
      Memory *self = instances->pdata[i];

      if (self->fd >= 0)
        close (self->fd);
      self->fd = -1;
    }
  /* The requests are the parent's, and so is the thread. */
  g_queue_init (&requests);
  has_thread = FALSE;
}

static void
detach_at_exit (void)
{
  guint i;

  /* A signal handler may have interrupted this file and called exit (). Then the semaphore is left
   * over. */
  if (!g_mutex_trylock (&module_lock))
    return;
  for (i = 0; i < instances->len; i++)
    detach (instances->pdata[i]);
  g_mutex_unlock (&module_lock);
}

/* --- The event "lost" --- */

G_MODULE_EXPORT void memory_lose (void);

void
memory_lose (void)
{
  guint i;

  g_mutex_lock (&module_lock);
  for (i = 0; i < instances->len; i++)
    {
      Memory *self = instances->pdata[i];

      GError *error = NULL;

      atomic_store (&self->is_lost, TRUE);
      services->fail_because (&error, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST, SSEM_OPERATION_KEEP,
                              self->key, "memory_lose () was called");
      services->report_lost (&self->parent, error);
    }
  g_mutex_unlock (&module_lock);
}

static gpointer
lose_for_each_byte (gpointer data)
{
  const char *path = data;

  for (;;)
    {
      int fd = open (path, O_RDONLY | O_CLOEXEC);
      char byte;

      if (fd < 0)
        return NULL;
      while (read (fd, &byte, 1) == 1)
        memory_lose ();
      close (fd);
    }
}

static void
memory_init (void)
{
  instances = g_ptr_array_new ();
  services->protect_at_fork (&module_lock, forget_in_child);
  services->add_exit_hook (detach_at_exit);
  if (g_getenv ("SSEM_MEMORY_LOSES") != NULL)
    services->start_thread ("ssem-memory-loses", lose_for_each_byte,
                            g_strdup (g_getenv ("SSEM_MEMORY_LOSES")), NULL);
}

static void
memory_unref (Memory *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;

  if (self->content != NULL && self->content != MAP_FAILED)
    munmap (self->content, sizeof *self->content);
  g_free (self->key);
  g_free (self->path);
  g_free (self);
}

static SsemInstance *
memory_open (const SsemBackendConfiguration  *configuration,
             const char                      *key,
             int                              initial_value,
             SsemAccessMode                   mode,
             gboolean                         undo,
             GError                         **error)
{
  const char *directory = services->get_environment ("SSEM_RUNTIME_DIR");
  const char *address = configuration->address != NULL ? configuration->address : "";
  g_autofree char *full_key = g_strconcat (address, "\n", key, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, full_key, -1);
  g_autofree char *name = g_strconcat ("ssem-memory-", hash, NULL);
  Memory *self = g_new0 (Memory, 1);
  int fd, result;

  g_atomic_ref_count_init (&self->references);
  self->parent.table = &table;
  self->key = g_strdup (key);
  self->path = g_build_filename (directory != NULL ? directory : g_get_tmp_dir (), name, NULL);
  self->fork_count = services->get_fork_count ();

  /* In one stretch with the list: a child must know every descriptor. */
  g_mutex_lock (&module_lock);
  fd = open_file (self->path, mode == SSEM_ACCESS_MODE_OPEN_EXISTING ? 0 : O_CREAT,
                  &self->identity);
  result = fd >= 0 ? attach (self, fd, initial_value, mode) : fd;
  if (result == 0)
    {
      self->fd = fd;
      g_ptr_array_add (instances, self);
    }
  else if (fd >= 0)
    {
      close (fd);
    }
  g_mutex_unlock (&module_lock);

  if (result != 0)
    {
      fail (error, SSEM_OPERATION_OPEN, key, -result);
      memory_unref (self);
      return NULL;
    }

  return &self->parent;
}

/* Attaches again in a child of fork (). */
static int
attach_in_child (Memory *self)
{
  struct stat identity;
  int result = 0;
  int fd;

  g_mutex_lock (&module_lock);
  if (self->fork_count != services->get_fork_count () && !self->is_closed)
    {
      fd = open_file (self->path, 0, &identity);
      if (fd >= 0 && identity.st_ino != self->identity.st_ino)
        result = ENOENT;
      else if (fd < 0)
        result = -fd;
      if (result == 0)
        {
          lock_byte (fd, F_OFD_SETLKW, F_RDLCK, ALIVE);
          lock_byte (fd, F_OFD_SETLK, F_UNLCK, GATE);
          self->fd = fd;
          self->fork_count = services->get_fork_count ();
        }
      else if (fd >= 0)
        {
          close (fd);
        }
    }
  g_mutex_unlock (&module_lock);

  return result;
}

/* Returns what keeps an operation from beginning, or 0. */
static int
check (Memory *self)
{
  if (atomic_load (&self->is_closed))
    return SSEM_FAILURE_CLOSED;
  if (atomic_load (&self->is_lost) && atomic_exchange (&self->is_lost, FALSE))
    return SSEM_FAILURE_LOST;

  return self->fork_count == services->get_fork_count () ? 0 : attach_in_child (self);
}

/* --- Operations --- */

/* Takes @n units; returns whether they were available, the value that it found, and a token. */
static gboolean
take (Memory  *self,
      int      n,
      int     *found,
      guint64 *fencing_token)
{
  *found = atomic_load (&self->content->value);
  while (*found >= n)
    {
      if (atomic_compare_exchange_weak (&self->content->value, found, *found - n))
        {
          *fencing_token = atomic_fetch_add (&self->content->n_acquired, 1) + 1;
          return TRUE;
        }
    }

  return FALSE;
}

static int
give (Memory *self,
      int     n)
{
  int found = atomic_load (&self->content->value);

  do
    {
      if (found > table.maximum - n)
        return SSEM_FAILURE_TOO_MANY;
    }
  while (!atomic_compare_exchange_weak (&self->content->value, &found, found + n));
  wake_all (&self->content->value);

  return 0;
}

static int
memory_acquire (SsemInstance *instance,
                int           n,
                gint64        deadline_usec,
                GCancellable *cancellable,
                guint64      *fencing_token)
{
  Memory *self = (Memory *) instance;
  int failure = check (self);
  int found;

  if (failure != 0)
    return failure;

  while (!take (self, n, &found, fencing_token))
    {
      gint64 left_usec;
      struct timespec left;

      if (deadline_usec == SSEM_DEADLINE_NOW)
        return SSEM_FAILURE_WOULD_BLOCK;
      if (atomic_load (&self->is_closed))
        return SSEM_FAILURE_CLOSED;
      if (g_cancellable_is_cancelled (cancellable))
        return SSEM_FAILURE_CANCELLED;
      left_usec = MIN (deadline_usec - g_get_monotonic_time (), PIECE_USEC);
      if (left_usec <= 0)
        return SSEM_FAILURE_TIMED_OUT;

      /* In pieces: neither a cancellation nor close () wakes it. */
      left = (struct timespec) { .tv_nsec = left_usec * 1000 };
      syscall (SYS_futex, &self->content->value, FUTEX_WAIT, found, &left, NULL, 0);
    }

  if (!atomic_load (&self->is_closed))
    return 0;

  give (self, n);

  return SSEM_FAILURE_CLOSED;
}

static int
memory_release (SsemInstance *instance,
                int           n)
{
  Memory *self = (Memory *) instance;
  int failure = check (self);

  return failure != 0 ? failure : give (self, n);
}

static int
memory_get_value (SsemInstance *instance,
                  int          *value)
{
  Memory *self = (Memory *) instance;
  int failure = check (self);

  if (failure == 0)
    *value = atomic_load (&self->content->value);

  return failure;
}

static void
memory_close (SsemInstance *instance)
{
  Memory *self = (Memory *) instance;

  g_mutex_lock (&module_lock);
  atomic_store (&self->is_closed, TRUE);
  g_ptr_array_remove (instances, self);
  detach (self);
  g_mutex_unlock (&module_lock);
}

static void
memory_free (SsemInstance *instance)
{
  memory_unref ((Memory *) instance);
}

/* --- Asynchronous acquires --- */

/* Returns whether @request is over, and how: its @failure or its @fencing_token. An earlier request
 * of the same instance makes it wait. */
static gboolean
is_over (Request *request,
         gboolean is_first,
         int     *failure,
         guint64 *fencing_token)
{
  int found;

  *failure = 0;
  *fencing_token = 0;
  if (atomic_load (&request->instance->is_closed))
    *failure = SSEM_FAILURE_CLOSED;
  else if (g_cancellable_is_cancelled (request->cancellable))
    *failure = SSEM_FAILURE_CANCELLED;
  else
    return is_first && take (request->instance, request->n, &found, fencing_token);

  return TRUE;
}

/* With module_lock: takes a request that is over out of the queue; NULL where there is none. */
static Request *
take_over (int     *failure,
           guint64 *fencing_token)
{
  g_autoptr(GHashTable) earlier = g_hash_table_new (NULL, NULL);
  GList *link;

  for (link = requests.head; link != NULL; link = link->next)
    {
      Request *request = link->data;

      if (is_over (request, !g_hash_table_contains (earlier, request->instance), failure,
                   fencing_token))
        {
          g_queue_delete_link (&requests, link);
          return request;
        }
      g_hash_table_add (earlier, request->instance);
    }

  return NULL;
}

/* With module_lock: takes the units if they are available and no request of the instance is
 * before. */
static gboolean
take_first (Memory  *self,
            int      n,
            guint64 *fencing_token)
{
  GList *link = requests.head;
  int found;

  while (link != NULL && ((Request *) link->data)->instance != self)
    link = link->next;

  return link == NULL && take (self, n, &found, fencing_token);
}

static gpointer
serve (gpointer data)
{
  g_mutex_lock (&module_lock);
  while (!g_queue_is_empty (&requests))
    {
      guint64 fencing_token;
      int failure;
      Request *request = take_over (&failure, &fencing_token);

      if (request == NULL)
        {
          /* Nothing wakes this thread, so that it works alike for releases of all processes. */
          g_mutex_unlock (&module_lock);
          g_usleep (LOOK_USEC);
          g_mutex_lock (&module_lock);
          continue;
        }

      g_mutex_unlock (&module_lock);
      request->acquired (request->data, failure, fencing_token);
      memory_unref (request->instance);
      g_clear_object (&request->cancellable);
      g_free (request);
      g_mutex_lock (&module_lock);
    }
  has_thread = FALSE;
  g_mutex_unlock (&module_lock);

  return NULL;
}

static void
memory_acquire_async (SsemInstance     *instance,
                      int               n,
                      GCancellable     *cancellable,
                      SsemAcquiredFunc  acquired,
                      gpointer          data)
{
  Memory *self = (Memory *) instance;
  int failure = check (self);
  gboolean is_taken = FALSE;
  guint64 fencing_token = 0;
  Request *request;

  g_mutex_lock (&module_lock);
  if (failure == 0)
    is_taken = take_first (self, n, &fencing_token);
  if (failure != 0 || is_taken)
    {
      g_mutex_unlock (&module_lock);
      acquired (data, failure, fencing_token);
      return;
    }

  request = g_new (Request, 1);
  g_atomic_ref_count_inc (&self->references);
  request->instance = self;
  request->n = n;
  request->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  request->acquired = acquired;
  request->data = data;
  g_queue_push_tail (&requests, request);
  if (!has_thread)
    g_thread_unref (g_thread_new ("ssem-memory", serve, NULL));
  has_thread = TRUE;
  g_mutex_unlock (&module_lock);
}

/* --- The table --- */

static const SsemBackendTable table = {
  .id = 1000,
  .name = "memory",
  .capabilities = SSEM_CAPABILITY_RESET | SSEM_CAPABILITY_ATOMIC_N | SSEM_CAPABILITY_ASYNC |
                  SSEM_CAPABILITY_LOSS | SSEM_CAPABILITY_ADDRESS,
  .maximum = G_MAXINT,
  .describe = memory_describe,
  .init = memory_init,
  .open = memory_open,
  .acquire = memory_acquire,
  .acquire_async = memory_acquire_async,
  .release = memory_release,
  .get_value = memory_get_value,
  .close = memory_close,
  .free = memory_free,
};

G_MODULE_EXPORT const SsemBackendModule ssem_backend_module = {
  .abi = SSEM_BACKEND_MODULE_ABI,
  .table = &table,
  .services = &services,
};
