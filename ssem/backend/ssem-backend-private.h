/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"
#include "ssem/ssem-error.h"
#include "ssem/ssem-types.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A way to have a semaphore, and one instance of it.
 *
 * Contract, for every backend:
 *
 * - Any thread may call anything at any time, on one instance too. What operates on an instance
 *   runs between ssem_hazard_enter () and ssem_hazard_leave (), so its memory stays until free ().
 * - Arguments have been checked: n is at least 1, the key is a key, the initial value is not
 *   negative.
 * - A function with a place for an error sets it on failure, exactly once, and leaves everything as
 *   it was; on success it sets none. The operations answer a failure by its number instead, which
 *   ssem_backend_describe () turns into an error.
 * - acquire () with SSEM_DEADLINE_NOW and release () may run in a signal handler of a thread that has
 *   used the semaphore before, and may interrupt any operation of that thread. They take no lock and
 *   allocate nothing, also where they fail. Where the system has no signals, that is no promise.
 * - EINTR and its like never surface.
 * - acquire () and release () see to it that a thread which is cancelled by pthread_cancel () does not
 *   end inside them: SSEM_THREAD_SHIELD is put where a cancellation point lies. The other functions
 *   are called with it.
 */
typedef struct _SsemBackendTable SsemBackendTable;

typedef struct _SsemInstance SsemInstance;

/* What an operation answers: 0 for a success, one of these, or an error number of the system's,
 * which is greater than 0. */
typedef enum
{
  SSEM_FAILURE_WOULD_BLOCK = -1,
  SSEM_FAILURE_TIMED_OUT = -2,
  SSEM_FAILURE_CANCELLED = -3,
  SSEM_FAILURE_CLOSED = -4,   /* the instance is closed, or was closed while the operation waited */
  SSEM_FAILURE_TOO_MANY = -5, /* the value would pass the maximum */
  SSEM_FAILURE_TOO_DEEP = -6, /* too many signal handlers interrupt each other's operations */
} SsemFailure;

struct _SsemInstance
{
  const SsemBackendTable *table; /* constant after init */
  SsemInstance *next_retired;    /* under the lock of ssem-hazard.c */
};

/* What an operation was doing when it failed. */
typedef enum
{
  SSEM_OPERATION_OPEN,
  SSEM_OPERATION_ACQUIRE,
  SSEM_OPERATION_RELEASE,
  SSEM_OPERATION_GET_VALUE,
  SSEM_OPERATION_INSPECT,
  SSEM_OPERATION_LIST,   /* the key is the folder */
  SSEM_OPERATION_REMOVE,
} SsemOperation;

/* Deadlines are points of g_get_monotonic_time (), in microseconds. */
#define SSEM_DEADLINE_NOW  G_GINT64_CONSTANT (0)
#define SSEM_DEADLINE_NONE G_MAXINT64

struct _SsemBackendTable
{
  SsemBackend id;
  const char *name;      /* as SSEM_BACKEND spells it */
  gboolean supports_undo; /* else the property reads FALSE */
  gboolean supports_reset; /* else the mode CREATE is as OPEN */
  int maximum;           /* the greatest value */

  /* Sets the error for an error number of the system's. */
  void          (* describe)  (SsemOperation   operation,
                               const char     *key,
                               int             system_error,
                               GError        **error);

  /* Called once, before the others. */
  void          (* init)      (void);

  /* Attaches this process to the semaphore of @key as @mode says. With @undo FALSE, what goes
   * through the instance counts neither for nor against what the process holds. */
  SsemInstance *(* open)      (const char     *key,
                               int             initial_value,
                               SsemAccessMode  mode,
                               gboolean        undo,
                               GError        **error);

  /* Takes @n units together, or none. With SSEM_DEADLINE_NOW it does not wait, and answers
   * WOULD_BLOCK; with SSEM_DEADLINE_NONE it waits forever; else it answers TIMED_OUT at the deadline.
   * A cancelled wait ends within 50 milliseconds. */
  int           (* acquire)   (SsemInstance   *instance,
                               int             n,
                               gint64          deadline_usec,
                               GCancellable   *cancellable);

  /* Adds @n units. */
  int           (* release)   (SsemInstance   *instance,
                               int             n);

  int           (* get_value) (SsemInstance   *instance,
                               int            *value);

  /* The instance goes. Waiters in it fail; its memory stays for those who are still inside. */
  void          (* close)     (SsemInstance   *instance);

  /* Nobody is inside, and it was closed. */
  void          (* free)      (SsemInstance   *instance);

  /* What follows needs no instance, nor init (). Looking attaches to nothing, waits for nobody,
   * and changes nothing, for this process's own attachments either. NOT_FOUND where there is
   * none. */
  SsemSnapshot *(* inspect)   (const char     *key,
                               GError        **error);

  /* Adds a snapshot of each semaphore of the user to @snapshots, in any order. What cannot be read
   * is left out; what looks like a semaphore and belongs to another user is added to @n_others. On
   * failure some may have been added. */
  gboolean      (* list)      (GPtrArray      *snapshots,
                               guint          *n_others,
                               GError        **error);

  /* Removes a semaphore that no living process is attached to; G_IO_ERROR_BUSY where one is. */
  gboolean      (* remove_leftover) (const char  *key,
                                     GError     **error);
};

/* The backends of this build, best first, NULL at the end. Made by Meson's choice of files. */
extern G_GNUC_INTERNAL const SsemBackendTable *const ssem_backends[];

extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_shm;
extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_sysv;
extern G_GNUC_INTERNAL const SsemBackendTable ssem_backend_windows;

/* Makes all that is one for the whole process. To be called once, before anything is opened. */
void ssem_backend_init (void);

/* The one place that chooses: what @wanted names, or for DEFAULT what the environment names, or the
 * best. G_IO_ERROR_NOT_SUPPORTED where this build has it not, G_IO_ERROR_INVALID_ARGUMENT where the
 * environment names none that there is. */
const SsemBackendTable *ssem_backend_choose (SsemBackend   wanted,
                                             GError      **error);

/* Sets the error to @code, with a message of what failed and the reason. Answers FALSE. */
gboolean ssem_backend_fail_because  (GError                   **error,
                                     SsemSystemSemaphoreError   code,
                                     SsemOperation              operation,
                                     const char                *key,
                                     const char                *reason);

/* The same for @system_error, an errno: the one table from those numbers to our codes. @path, if
 * any, is the file that is to blame. */
gboolean ssem_backend_fail          (GError         **error,
                                     SsemOperation    operation,
                                     const char      *key,
                                     const char      *path,
                                     int              system_error);

/* For a backend whose system tells nothing: they fail with G_IO_ERROR_NOT_SUPPORTED. */
SsemSnapshot *ssem_backend_cannot_inspect (const char     *key,
                                           GError        **error);
gboolean      ssem_backend_cannot_list    (GPtrArray      *snapshots,
                                           guint          *n_others,
                                           GError        **error);
gboolean      ssem_backend_cannot_remove  (const char     *key,
                                           GError        **error);

/* For the tables of Unix: the same without a file to blame. */
void     ssem_backend_describe_errno (SsemOperation    operation,
                                      const char      *key,
                                      int              system_error,
                                      GError         **error);

/* Sets the error for what an operation of @table's on the semaphore of @key has answered. */
void     ssem_backend_describe       (const SsemBackendTable  *table,
                                      SsemOperation            operation,
                                      const char              *key,
                                      int                      failure,
                                      GError                 **error);

/* The value that is asked for would pass the maximum. Answers FALSE. */
gboolean ssem_backend_fail_maximum   (GError         **error,
                                      SsemOperation    operation,
                                      const char      *key,
                                      int              maximum);

/* Not NULL: of an id that open () has answered to. */
const SsemBackendTable *ssem_backend_find (SsemBackend id);

G_END_DECLS
