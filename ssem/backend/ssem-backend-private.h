/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-gio-private.h"
#include "ssem/os/ssem-snapshot-private.h"
#include "ssem/ssem-error.h"
#include "ssem/ssem-types.h"

#include <gio/gio.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* A backend is a way to have a semaphore. An instance is one use of one semaphore of a backend: the
 * part of a SsemSystemSemaphore that set_key () exchanges.
 *
 * Contract, for every backend:
 *
 * - Any thread may call any function at any time, on the same instance too. An operation on an
 *   instance runs between ssem_hazard_enter () and ssem_hazard_leave (), so the instance's memory
 *   stays until free ().
 * - The callers have checked the arguments: n is at least 1, the key is a key, the initial value is
 *   not negative. With a native name in the configuration, which belongs to the backend, the key is
 *   the text of the native key, and only for messages.
 * - A function with an argument @error sets it on failure, exactly once, and changes nothing else;
 *   a success does not set it. The operations return the number of a failure instead, which
 *   ssem_backend_describe () turns into an error.
 * - acquire () with SSEM_DEADLINE_NOW and release () may run in a signal handler of a thread that
 *   has used the semaphore before, and may interrupt any operation of that thread. They take no
 *   lock and allocate nothing, also where they fail. A system without signals needs none of this.
 * - No function fails with EINTR or the like, except acquire_interruptible ().
 * - pthread_cancel () ends no thread inside acquire () or release (): they put SSEM_THREAD_SHIELD
 *   where a cancellation point lies. The callers of the other functions have put it.
 */
typedef struct _SsemBackendTable SsemBackendTable;

typedef struct _SsemInstance SsemInstance;

typedef struct _SsemFastPath SsemFastPath;

typedef struct _SsemLossWatch SsemLossWatch;

/* What an operation returns: 0 for a success, one of these, or an error number of the system, which
 * is greater than 0. */
typedef enum
{
  SSEM_FAILURE_WOULD_BLOCK = -1,
  SSEM_FAILURE_TIMED_OUT = -2,
  SSEM_FAILURE_CANCELLED = -3,
  SSEM_FAILURE_CLOSED = -4,   /* the instance is closed, or was closed while the operation waited */
  SSEM_FAILURE_TOO_MANY = -5, /* the value would pass the maximum */
  SSEM_FAILURE_TOO_DEEP = -6, /* too many signal handlers interrupt each other's operations */
  SSEM_FAILURE_LOST = -7,     /* other processes were given what this process held */
  SSEM_FAILURE_INTERRUPTED = -8, /* a signal handler ran during the wait */
} SsemFailure;

struct _SsemInstance
{
  const SsemBackendTable *table; /* constant after init */
  SsemInstance *next_retired;    /* under the lock of ssem-hazard.c */

  /* Of ssem-loss-watch.c. */
  _Atomic (SsemLossWatch *) loss_watch;
  _Atomic (GError *) loss; /* a report that waits for its watch */
  atomic_uint n_losses;
};

/* The operation that failed. */
typedef enum
{
  SSEM_OPERATION_OPEN,
  SSEM_OPERATION_ACQUIRE,
  SSEM_OPERATION_RELEASE,
  SSEM_OPERATION_GET_VALUE,
  SSEM_OPERATION_INSPECT,
  SSEM_OPERATION_LIST,   /* the key is the directory */
  SSEM_OPERATION_REMOVE,
  SSEM_OPERATION_KEEP,   /* keeping what the process holds, which failed with LOST */
} SsemOperation;

/* What a backend can do. */
typedef enum
{
  SSEM_CAPABILITY_UNDO = 1 << 0,     /* units come back at death; else "undo" reads FALSE */
  SSEM_CAPABILITY_RESET = 1 << 1,    /* the mode CREATE sets the value; else it is the mode OPEN */
  SSEM_CAPABILITY_ATOMIC_N = 1 << 2, /* several units are taken together; else they are collected */
  SSEM_CAPABILITY_ASYNC = 1 << 3,    /* has acquire_async () */
  SSEM_CAPABILITY_LOSS = 1 << 4,     /* may lose what a process holds; see ssem-loss-watch.c */
  SSEM_CAPABILITY_INSPECT = 1 << 5,  /* has inspect () */
  SSEM_CAPABILITY_LIST = 1 << 6,     /* has list () */
  SSEM_CAPABILITY_REMOVE = 1 << 7,   /* has remove_leftover () */
  SSEM_CAPABILITY_INTERRUPT = 1 << 8, /* has acquire_interruptible () */
  SSEM_CAPABILITY_ADDRESS = 1 << 9,  /* is a service with an address; else an address is refused */
} SsemCapabilities;

/* Where a backend finds its semaphores. NULL stands for the backend's own default. */
typedef struct
{
  const char *address; /* of the service */

  /* Of a native key: see ssem-native-key-text-private.h. */
  const char *native_name; /* the exact name of the system's object; NULL: the name of the key */
  int native_project;      /* the project number of ftok (3), with System V; else 0 */
} SsemBackendConfiguration;

/* Deadlines are points of g_get_monotonic_time (), in microseconds. */
#define SSEM_DEADLINE_NOW  G_GINT64_CONSTANT (0)
#define SSEM_DEADLINE_NONE G_MAXINT64

/* A fencing token is a number greater than that of every earlier acquire of the key, in whatever
 * process and on whatever machine. A resource that remembers the greatest token that it has seen
 * can refuse a process that has lost its units and does not know it yet. 0 is no token: a backend
 * in which nothing can be lost has none. */

/* Is called with what an asynchronous acquire ends with: 0, or the number of a failure. After a
 * success, @fencing_token is that of this acquire, or 0. */
typedef void (* SsemAcquiredFunc) (gpointer data,
                                   int      failure,
                                   guint64  fencing_token);

/* Only ssem-backend.c calls what is in a table. */
struct _SsemBackendTable
{
  SsemBackend id;
  const char *name;              /* as SSEM_BACKEND spells it */
  SsemCapabilities capabilities;
  int maximum;                   /* the greatest value */

  /* Sets the error for an error number of the system. */
  void          (* describe)  (SsemOperation   operation,
                               const char     *key,
                               int             system_error,
                               GError        **error);

  /* NULL, or called once in a process, before the first open (). A fork in another thread waits
   * until it returns. */
  void          (* init)      (void);

  /* Attaches this process to the semaphore of @key as @mode says. With @undo FALSE, what goes
   * through the instance counts neither for nor against what the process holds. */
  SsemInstance *(* open)      (const SsemBackendConfiguration  *configuration,
                               const char                      *key,
                               int                              initial_value,
                               SsemAccessMode                   mode,
                               gboolean                         undo,
                               GError                         **error);

  /* Takes @n units together, or none. With SSEM_DEADLINE_NOW it does not wait, and fails with
   * WOULD_BLOCK. With SSEM_DEADLINE_NONE it waits forever; else it fails with TIMED_OUT at the
   * deadline. A cancelled wait ends within 50 milliseconds. After a success, a backend that has
   * fencing tokens has set @fencing_token, which the caller has set to 0. */
  int           (* acquire)   (SsemInstance   *instance,
                               int             n,
                               gint64          deadline_usec,
                               GCancellable   *cancellable,
                               guint64        *fencing_token);

  /* Does what acquire () does, but fails with INTERRUPTED if a signal handler runs in the calling
   * thread while it sleeps. Never fails so if it has taken the units. May also fail so if the
   * system wakes the thread for another reason. NULL where the backend lacks the capability: then
   * acquire () is called, and the wait goes on. */
  int           (* acquire_interruptible) (SsemInstance   *instance,
                                           int             n,
                                           gint64          deadline_usec,
                                           GCancellable   *cancellable,
                                           guint64        *fencing_token);

  /* Takes @n units together, in the order of the calls on one instance, and calls @acquired exactly
   * once: from any thread, possibly before this function returns. After a cancellation, and after
   * close (), it does so within 50 milliseconds. NULL where the backend lacks the capability: then
   * ssem-acquire-queue.c calls acquire () from a thread. */
  void          (* acquire_async) (SsemInstance      *instance,
                                   int                n,
                                   GCancellable      *cancellable,
                                   SsemAcquiredFunc   acquired,
                                   gpointer           data);

  /* Adds @n units. */
  int           (* release)   (SsemInstance   *instance,
                               int             n);

  int           (* get_value) (SsemInstance   *instance,
                               int            *value);

  /* open_fast () is NULL where the backend has no fast path: see ssem-backend-fast-private.h.
   * is_in_fast () is NULL where an operation on the fast path announces itself with a hazard
   * pointer. It returns whether another thread may still be on the fast path of @instance, after
   * the object's fast path was closed and all threads have passed a fence. */
  void          (* open_fast)  (SsemInstance   *instance,
                                SsemFastPath   *path);
  gboolean      (* is_in_fast) (SsemInstance   *instance);

  /* Detaches the instance. Waits in it fail with CLOSED. Its memory stays, because operations may
   * still be inside. */
  void          (* close)     (SsemInstance   *instance);

  /* Frees a closed instance that no operation is inside. */
  void          (* free)      (SsemInstance   *instance);

  /* Returns the native key of the semaphore: see ssem-native-key-text-private.h. NULL where
   * programs without this library cannot open it. */
  char         *(* get_native_key) (SsemInstance   *instance);

  /* The functions below need no instance, and are called without init (), too. They are NULL where
   * the backend lacks the capability.
   *
   * Looking attaches to nothing, waits for no process, and changes nothing, for this process's own
   * attachments either. It fails with NOT_FOUND where there is no semaphore. */
  SsemSnapshot *(* inspect)   (const SsemBackendConfiguration  *configuration,
                               const char                      *key,
                               GError                         **error);

  /* Adds a snapshot of each semaphore of the user to @snapshots, in any order. It leaves out what
   * it cannot read, and adds the semaphores of other users to @n_others. On failure some may have
   * been added. */
  gboolean      (* list)      (const SsemBackendConfiguration  *configuration,
                               GPtrArray                       *snapshots,
                               guint                           *n_others,
                               GError                         **error);

  /* NULL, or returns the directory in which something appears with a semaphore of the user, and
   * disappears with it; sets @prefix to what the names of these things begin with. The directory
   * need not exist. The caller frees it. */
  char         *(* get_directory) (const char **prefix);

  /* Removes a semaphore that no live process is attached to; G_IO_ERROR_BUSY where one is. */
  gboolean      (* remove_leftover) (const SsemBackendConfiguration  *configuration,
                                     const char                      *key,
                                     GError                         **error);
};

/* The backends of this build, best first, NULL at the end. Meson makes the list. */
extern G_GNUC_INTERNAL const SsemBackendTable *const ssem_backends[];

extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_shm;
extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_sysv;
extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_windows;
extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_posix;

/* --- Choosing --- */

/* Returns the backend that @wanted names, or for DEFAULT the one that the environment names, or the
 * best. Loads its module if it is not linked in. Fails with G_IO_ERROR_NOT_SUPPORTED where it is
 * not installed or cannot be loaded, and with G_IO_ERROR_INVALID_ARGUMENT where @wanted or the
 * environment names no backend. */
const SsemBackendTable *ssem_backend_choose (SsemBackend   wanted,
                                             GError      **error);

/* Returns the backend of @id; not NULL for an @id that opening has chosen. */
const SsemBackendTable *ssem_backend_find   (SsemBackend   id);

/* Returns the name of the member @id of SsemBackend; NULL if it has no such member. */
const char             *ssem_backend_get_name (SsemBackend id);

static inline gboolean
ssem_backend_can (const SsemBackendTable *table,
                  SsemCapabilities        capability)
{
  return (table->capabilities & capability) == capability;
}

/* --- Calling a table ---
 *
 * The functions with a configuration fail with G_IO_ERROR_INVALID_ARGUMENT where it has an address
 * and the backend has none. */

/* Initialises the backend if need be. */
SsemInstance *ssem_backend_open            (const SsemBackendTable          *table,
                                            const SsemBackendConfiguration  *configuration,
                                            const char                      *key,
                                            int                              initial_value,
                                            SsemAccessMode                   mode,
                                            gboolean                         undo,
                                            GError                         **error);

/* After a success, @fencing_token is that of this acquire, or 0 where the backend has none. */
int           ssem_backend_acquire         (SsemInstance                    *instance,
                                            int                              n,
                                            gint64                           deadline_usec,
                                            GCancellable                    *cancellable,
                                            guint64                         *fencing_token);

/* Waits on after a signal handler where the backend lacks the capability. */
int           ssem_backend_acquire_interruptible (SsemInstance              *instance,
                                            int                              n,
                                            gint64                           deadline_usec,
                                            GCancellable                    *cancellable,
                                            guint64                         *fencing_token);

/* Does nothing, and returns FALSE, where the backend has no asynchronous acquire. */
gboolean      ssem_backend_acquire_async   (SsemInstance                    *instance,
                                            int                              n,
                                            GCancellable                    *cancellable,
                                            SsemAcquiredFunc                 acquired,
                                            gpointer                         data);
int           ssem_backend_release         (SsemInstance                    *instance,
                                            int                              n);
int           ssem_backend_get_value       (SsemInstance                    *instance,
                                            int                             *value);
void          ssem_backend_open_fast       (SsemInstance                    *instance,
                                            SsemFastPath                    *path);
gboolean      ssem_backend_is_in_fast      (SsemInstance                    *instance);
/* Tells in the log that an instance was attached to a semaphore, which lies in @path. */
void          ssem_backend_trace_attach    (const SsemBackendTable          *table,
                                            const char                      *key,
                                            const char                      *path);
void          ssem_backend_close           (SsemInstance                    *instance);
void          ssem_backend_free            (SsemInstance                    *instance);

/* Returns NULL where the backend has no native keys. */
char         *ssem_backend_get_native_key  (SsemInstance                    *instance);

/* Fail with G_IO_ERROR_NOT_SUPPORTED where the backend lacks the capability. */
SsemSnapshot *ssem_backend_inspect         (const SsemBackendTable          *table,
                                            const SsemBackendConfiguration  *configuration,
                                            const char                      *key,
                                            GError                         **error);
gboolean      ssem_backend_list            (const SsemBackendTable          *table,
                                            const SsemBackendConfiguration  *configuration,
                                            GPtrArray                       *snapshots,
                                            guint                           *n_others,
                                            GError                         **error);
/* Returns NULL where the backend has no directory. */
char         *ssem_backend_get_directory   (const SsemBackendTable          *table,
                                            const char                     **prefix);
gboolean      ssem_backend_remove_leftover (const SsemBackendTable          *table,
                                            const SsemBackendConfiguration  *configuration,
                                            const char                      *key,
                                            GError                         **error);

/* Sets the error for what an operation of @table on the semaphore of @key has returned. @table may
 * be NULL where the failure needs none of it: CANCELLED, CLOSED and TOO_DEEP. */
void          ssem_backend_describe        (const SsemBackendTable          *table,
                                            SsemOperation                    operation,
                                            const char                      *key,
                                            int                              failure,
                                            GError                         **error);

/* --- Errors --- */

/* Sets the error to @code, with a message of what failed and the reason. Returns FALSE. */
gboolean ssem_backend_fail_because   (GError                   **error,
                                      SsemSystemSemaphoreError   code,
                                      SsemOperation              operation,
                                      const char                *key,
                                      const char                *reason);

/* Sets the error for @system_error, an errno. @path, or NULL, is the file that is to blame. Returns
 * FALSE. */
gboolean ssem_backend_fail           (GError         **error,
                                      SsemOperation    operation,
                                      const char      *key,
                                      const char      *path,
                                      int              system_error);

/* Does the same without a path: describe () of the backends of Unix. */
void     ssem_backend_describe_errno (SsemOperation    operation,
                                      const char      *key,
                                      int              system_error,
                                      GError         **error);

/* Sets the error for a value that would pass the maximum. Returns FALSE. */
gboolean ssem_backend_fail_maximum   (GError         **error,
                                      SsemOperation    operation,
                                      const char      *key,
                                      int              maximum);

/* Sets the error for a system that does not show its semaphores. Returns FALSE. */
gboolean ssem_backend_fail_to_look   (GError         **error);

G_END_DECLS
