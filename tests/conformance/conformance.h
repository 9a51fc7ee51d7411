/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "helper.h"

#include <ssem.h>

G_BEGIN_DECLS

/* The conformance suite: what the semaphore promises, on every backend of the build.
 *
 * A case is a script (script.h) or a function in C. It runs once for each backend, as
 * /ssem/TOPIC/BACKEND/CASE, with a fixture: a directory of its own as SSEM_RUNTIME_DIR, a random
 * key, and other processes on request. At the end all helpers that still live quit, and nothing may
 * be left in the directory or in the kernel.
 *
 * Where each promise is kept:
 *
 *   Words          holding is the process's              death/two-objects, threads/ring,
 *                                                        operations/create-units
 *   Key            text of at most 1024 bytes            keys/refused, refused-by-set-key, longest
 *                  any character                         keys/any-character, distinct
 *                  scope: the user                       keys/other-user, other-user-for-root
 *                  SSEM_RUNTIME_DIR                      keys/runtime-dir, paths/spellings,
 *                                                        last-..., link-moves,
 *                                                        errors/directory-missing
 *                  what others put in its place          planted/...
 *                  another's set under its number        modes/collided*
 *   Access modes   every cell of the table               modes/table-*, own-process, numbers,
 *                                                        life/one-creator
 *                  JOIN                                  join/...
 *                  CREATE forgets, keeps others          modes/reset-..., ...-reset
 *                                                        modes/reset-under-load
 *                  waiters wake                          modes/reset-wakes
 *   Operations     together or none                      operations/together, several/...
 *                  creating units, release by anybody    operations/create-units
 *                  n <= 0, the maximum                   operations/not-positive, maximum*,
 *                                                        acquire-past-maximum, initial-value*
 *                  try_acquire, acquire_timeout          operations/try, timeout*, one
 *                  failed ones hold nothing              cancel/..., async/race, cancelled-*
 *                  EINTR                                 operations/signals-*
 *                  release and try in a signal handler   signals/..., ../step: handler/...
 *                  get_error, get_error_string           operations/last-error*
 *                  any thread, any time                  threads/...
 *   Errors         every code, the message               errors/...
 *   Death          every end; what comes back            death/every-end*, histories, large,
 *                                                        more-than-maximum
 *                  promptly                              death/death-serves-waiters, prompt
 *                  a waiter killed when woken            death/waiter-killed*, killed-anywhere
 *                  undo FALSE                            death/without-undo, mixed-undo
 *                  SIGSTOP                               death/stopped-*, modes/resetter-stopped*
 *                  fork, exec                            fork/..., slow-open/..., death/exec*
 *                  what ends in the middle of a call     interrupted/...
 *   End of life    the last one removes                  life/last-*, creator-killed, fork/idle-*
 *                  races converge                        life/churn*, threads/open-and-close
 *                  a crash leaves it                     modes/leftover-value, resetter-killed*
 *                  renamed, another root                 paths/renamed, made-in-..., chroot,
 *                                                        covered, moved/...
 *                  removed from outside                  life/removed*, openers-after-removal
 *                  dropping releases nothing             death/object-dropped,
 *                                                        life/units-go-with-it
 *                  set_key                               life/set-key-leaves, death/key-changed,
 *                                                        threads/set-key-*, object/set-key-fails
 *   Hold           (not of the contract)                 hold/...
 *   Limits         no inotify, no descriptors, no room   limits/no-*, full-file-system,
 *                                                        no-room-to-grow
 *                  listeners die, or stand still         listeners/...
 *                  setrlimit                             rlimits/...
 *                  4,000 attached, and one too many      limits/crowd, counter/slots
 *                  never blocked, nothing started        limits/never-blocked
 *                  many processes attached               processes/many*
 *   Process files  made, removed, cleared away           processes/...
 *   Names          a directory for each key              naming/...
 *                  all of it together                    storm/kills; one-death/...; soak
 *                  all of it, against a model            differential/histories
 *                  other worlds                          ../worlds
 *   POSIX          names, peers, modes, end of life      posix/..., strangers/..., ../peers
 *   Platforms      which backend                         object/environment, default, *-backend
 *                  the kernel's object is Qt's           planted/kernel-object, ...-peer*
 *   Native keys    name an object exactly                native..., windows/native-...
 *                  the text of Qt, both ways             native-key-text, ../fuzz: native-key
 *                  Windows: the system's own             windows/...
 *                  Windows: what is in the way           windows-memory/...
 *                  Windows: no handles, no memory        windows-refused/...
 *   Asynchronous   (not of the contract)                 async/..., fork/async-in-child
 *   Looking        (not of the contract)                 info/..., info-files/..., list/...
 *
 * That time does not count while the system is suspended, and that the wall clock does not matter,
 * cannot be tried out without stopping the machine that runs the test; worlds/name-spaces tries
 * clocks that differ.
 */
typedef struct
{
  SsemBackend backend;
  const char *backend_name; /* as SSEM_BACKEND spells it */
  char *directory;      /* the directory for the test's own files */
  char *keys_directory; /* within it: SSEM_RUNTIME_DIR */
  char *key;
  gconstpointer data;  /* of the case */
  gint64 begin_usec;   /* of the test, by the monotonic clock */
  GPtrArray *helpers;
  GArray *sets;      /* the kernel's semaphore sets that were seen */
} Fixture;

/* What is removed from outside: what counts, what has the name, both. */
typedef enum
{
  REMOVE_COUNTER,
  REMOVE_NAME,
  REMOVE_BOTH,
} Removal;

/* What a case needs that not every backend, system or build has. If the backend lacks it by design,
 * there is no such case for the backend, and the log names the case and the reason. If the system,
 * the user or the build lacks it, the case is skipped, with the reason. */
typedef enum
{
  /* Of the backend: its capabilities. */
  NEEDS_UNDO = 1 << 0,       /* units come back at death */
  NEEDS_RESET = 1 << 1,      /* the mode CREATE sets the value */
  NEEDS_INSPECT = 1 << 2,    /* ssem_semaphore_info_query () */
  NEEDS_LIST = 1 << 3,       /* ssem_semaphore_info_list () */
  NEEDS_REMOVE = 1 << 4,     /* ssem_semaphore_remove_leftover () */
  NEEDS_ATOMIC_N = 1 << 5,   /* several units are taken together, by one operation */
  NEEDS_LEFTOVERS = 1 << 6,  /* a semaphore outlives the crash of its last process, with units */
  NEEDS_FILES = 1 << 7,      /* a semaphore has a file, which anybody may remove */
  NEEDS_HOLDERS = 1 << 8,    /* the backend names the processes that hold and that wait */
  NEEDS_BOUND = 1 << 9,      /* the maximum is less than G_MAXINT */
  NEEDS_ASKING = 1 << 10,    /* every operation asks the system, and so notices a removal */
  NEEDS_INTERRUPT = 1 << 11, /* a signal handler ends acquire_interruptible () */
  NEEDS_UNDO_AT_EXEC = 1 << 12, /* units come back at exec (), not only when the process ends */
  NEEDS_WAITING_THREAD = 1 << 15, /* an asynchronous acquire waits in a thread */
  NEEDS_NATIVE_KEYS = 1 << 27, /* programs without the library can open the system's object */
  NEEDS_DIRECTORY = 1 << 30, /* SSEM_RUNTIME_DIR is where the files are */
  NEEDS_WAITER_COUNT = 1u << 31, /* the backend counts the threads that wait */
  /* For cases about one backend. */
  NEEDS_SHARED_MEMORY = 1 << 13,
  NEEDS_SYSV = 1 << 14,
  NEEDS_POSIX = 1 << 28,
  NEEDS_COLLECTING = 1 << 29, /* the opposite of NEEDS_ATOMIC_N */
  /* Of the system and of the user who runs the test. */
  NEEDS_SIGNALS = 1 << 16,
  NEEDS_EXEC = 1 << 17,
  NEEDS_LIMITS = 1 << 18,    /* on descriptors */
  NEEDS_USERS = 1 << 19,     /* a helper may become another user */
  NEEDS_PRIVATE_MEMORY = 1 << 20, /* a child gets no copy of memory that is for its parent alone */
  NEEDS_OWN_MACHINE = 1 << 21, /* no emulator runs the program */
  NEEDS_ORPHANS = 1 << 22,   /* a process may become the parent of orphans */
  NEEDS_ADDRESS_LIMIT = 1 << 23,
  /* Of the build. */
  NEEDS_FORK_AMONG_THREADS = 1 << 24,
  NEEDS_ALLOCATOR = 1 << 25, /* the system's own: no sanitizer's */
  NEEDS_TRACED_END = 1 << 26,
} Needs;

typedef void (* TestBody) (Fixture *fixture);

/* A case is a body in C, which finds @data in the fixture, or a script (script.h). */
typedef struct
{
  const char *name;
  Needs needs;
  TestBody body;
  gconstpointer data;
  const char *script;
  const char *const *rows; /* of the script, or NULL */
} Case;

/* What a program defines: its topic, what every case needs, and its cases, of which one without a
 * name is the last. The main () of all such programs is in conformance-main.c. */
extern const char    conformance_topic[];
extern const Needs   conformance_needs;
extern const Case    conformance_cases[];

/* For a program with a main () of its own. */
void                 conformance_init      (int             *argc,
                                            char          ***argv,
                                            const char      *topic);
/* Adds the case for each backend that has @needs. */
void                 conformance_add       (const char      *name,
                                            Needs            needs,
                                            TestBody         body,
                                            gconstpointer    data);
void                 conformance_add_case  (const Case      *what);
int                  conformance_run       (void);

/* The helper is the fixture's. */
Helper              *fixture_helper        (Fixture         *self);
Helper              *fixture_fork          (Fixture         *self,
                                            Helper          *parent);
/* Starts a helper, and opens the fixture's key as its object 0, with the mode OPEN and undo. */
Helper              *fixture_open_helper   (Fixture         *self,
                                            int              initial_value);

/* The fixture's key, with undo; must succeed. */
SsemSystemSemaphore *fixture_open          (Fixture         *self,
                                            SsemAccessMode   mode,
                                            int              initial_value);
SsemSystemSemaphore *fixture_open_full     (Fixture         *self,
                                            const char      *key,
                                            SsemAccessMode   mode,
                                            int              initial_value,
                                            gboolean         undo,
                                            GError         **error);
/* Opening has to fail with that code of SSEM_SYSTEM_SEMAPHORE_ERROR; the message has to have @named
 * in it, unless that is NULL. */
void                 fixture_expect_refused (Fixture        *self,
                                            const char      *key,
                                            SsemAccessMode   mode,
                                            int              initial_value,
                                            int              code,
                                            const char      *named);

/* Removes the process files from a directory of keys, and their own directory. A process keeps its
 * file until it ends, and what killed processes had may still be there: but no more than one
 * process may be alive. */
void                 fixture_remove_processes (Fixture      *self,
                                            const char      *keys_directory);

/* Opens the directories to other users. */
void                 fixture_share         (Fixture         *self);
/* The same. Returns FALSE, and skips the case, where no helper can become another user. */
gboolean             fixture_can_change_user (Fixture       *self);

/* The names of keys in their directory, sorted; without the directory of the process files. */
GStrv                fixture_list_keys     (Fixture         *self);
void                 fixture_assert_empty  (Fixture         *self);
/* The path of what the fixture's key has or would have in the directory of keys: a file, or in
 * shared memory a directory. */
char                *fixture_key_path      (Fixture         *self);
/* The path of the file that contains the semaphore of the fixture's key, or would: the key's own,
 * or in shared memory the segment in its directory. */
char                *fixture_content_path  (Fixture         *self);
/* In shared memory: the names of the process files, sorted, and of the private directories of
 * processes. */
GStrv                fixture_list_processes (Fixture        *self);
/* Whether a living process has locked that process file. */
gboolean             fixture_is_process    (Fixture         *self,
                                            const char      *name);
/* Waits until pending asynchronous acquires of this process wait in @n_threads threads. Where no
 * thread waits, they are pending from the start. */
void                 fixture_wait_until_pending (Fixture    *self,
                                            guint            n_threads);
/* The largest value of the backend. */
int                  fixture_maximum       (Fixture         *self);
/* As many units as an acquire of the backend may reasonably ask for. */
int                  fixture_many          (Fixture         *self);
/* Returns @n, or a part of it where each operation takes a round trip to a server. */
int                  fixture_scale         (Fixture         *self,
                                            int              n);
/* Whether there is time for another of many rounds. Where the machine has much else to do there are
 * fewer; but always one. */
gboolean             fixture_has_time      (Fixture         *self);
/* Returns whether the backend and the machine have all of @needs. */
gboolean             fixture_supports      (Fixture         *self,
                                            Needs            needs);
/* Where the content says which version of the library has laid it out. */
gsize                fixture_layout_offset (Fixture         *self);
/* Puts a file with that content there, and takes away whatever is there. */
void                 fixture_plant_content (Fixture         *self,
                                            const char      *content,
                                            gsize            length);
void                 fixture_unplant       (Fixture         *self);
/* Makes a System V set under the key of the file that is there, as a peer such as Qt does. */
void                 fixture_make_peer     (Fixture         *self,
                                            int              value);
/* Removes it; it has to have that value. */
void                 fixture_remove_peer   (Fixture         *self,
                                            int              value);
/* Puts a directory where a file belongs, or the other way round. */
void                 fixture_plant_misfit  (Fixture         *self);
/* Removes the semaphore behind everybody's back, as an administrator would. */
void                 fixture_remove        (Fixture         *self,
                                            Removal          removal);
/* Opens what a native key names; must succeed. */
SsemSystemSemaphore *open_native           (const char      *native_key,
                                            SsemAccessMode   mode,
                                            int              initial_value);

/* Waits until there is one reference: a thread of GTask may let go of its own after the callback. */
void                 await_last_reference  (SsemSystemSemaphore *semaphore);

/* Drops the last reference. */
#define drop_object(place) \
  G_STMT_START { \
    SsemSystemSemaphore *dropped_ = g_steal_pointer (place); \
    await_last_reference (dropped_); \
    g_assert_finalize_object (dropped_); \
  } G_STMT_END

#define assert_value(semaphore, expected) \
  G_STMT_START { \
    GError *value_error_ = NULL; \
    int value_ = ssem_system_semaphore_get_value (semaphore, &value_error_); \
    g_assert_no_error (value_error_); \
    g_assert_cmpint (value_, ==, expected); \
  } G_STMT_END

#define assert_acquire(semaphore, n) \
  G_STMT_START { \
    GError *acquire_error_ = NULL; \
    gboolean acquired_ = ssem_system_semaphore_try_acquire (semaphore, n, &acquire_error_); \
    g_assert_no_error (acquire_error_); \
    g_assert_true (acquired_); \
  } G_STMT_END

#define assert_release(semaphore, n) \
  G_STMT_START { \
    GError *release_error_ = NULL; \
    gboolean released_ = ssem_system_semaphore_release (semaphore, n, &release_error_); \
    g_assert_no_error (release_error_); \
    g_assert_true (released_); \
  } G_STMT_END

/* The method and the property report that native key; NULL for none. */
#define assert_native_key(semaphore, expected) \
  G_STMT_START { \
    char *native_key_ = ssem_system_semaphore_get_native_key (semaphore); \
    char *property_ = NULL; \
    g_object_get (semaphore, "native-key", &property_, NULL); \
    g_assert_cmpstr (native_key_, ==, expected); \
    g_assert_cmpstr (property_, ==, expected); \
    g_free (native_key_); \
    g_free (property_); \
  } G_STMT_END

/* The call succeeds, or it fails; it sets the variable `error` of its caller. */
#define assert_done(call) \
  G_STMT_START { \
    gboolean done_ = call; \
    g_assert_no_error (error); \
    g_assert_true (done_); \
  } G_STMT_END

#define assert_fails(call, domain, code) \
  G_STMT_START { \
    g_assert_false (call); \
    g_assert_error (error, domain, code); \
    g_clear_error (&error); \
  } G_STMT_END

#define assert_refused(call, code) \
  assert_fails (call, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_##code)

#define assert_refused_by_gio(call, code) assert_fails (call, G_IO_ERROR, G_IO_ERROR_##code)

#define assert_code(error, code) \
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_##code)

G_END_DECLS
