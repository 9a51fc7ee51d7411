/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fault-table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* The errors are those of the system call's manual, without errors that a correct program never
 * gets (EBADF, EFAULT, most EINVAL), and errors that would be wrong: stat(2) and semget(2) do not
 * return ENOENT for what exists, and an injected EIDRM for a removal would leave the set.
 *
 * close(2) and munmap(2) never fail here. Linux closes a descriptor whatever it returns, so a call
 * that is not made would be a leak of the test's own. Nor does the release of a lock fail: it needs
 * no resource.
 */

/* --- Looking at arguments --- */

static gboolean
read_memory (const FaultCall *call,
             guint64          address,
             gpointer         buffer,
             gsize            length)
{
  struct iovec local = { buffer, length };
  struct iovec remote = { GSIZE_TO_POINTER ((gsize) address), length };

  return process_vm_readv (call->thread, &local, 1, &remote, 1, 0) == (gssize) length;
}

/* Returns whether a path is in the directory of keys, or relative to a descriptor. */
static gboolean
is_own_path (const FaultCall *call,
             guint            argument)
{
  gsize length = strlen (call->directory);
  g_autofree char *path = g_malloc0 (length + 1);
  guint64 address = call->data->args[argument];
  gsize i;

  /* Byte by byte, because memory may end behind the path. */
  for (i = 0; i < length; i++)
    {
      if (!read_memory (call, address + i, &path[i], 1) || path[i] == '\0')
        break;
    }

  return path[0] != '/' || memcmp (path, call->directory, length) == 0;
}

/* Newer architectures have only the calls whose names end in "at". */
#if defined SYS_access || defined SYS_readlink

static gboolean
first_is_own (const FaultCall *call)
{
  return is_own_path (call, 0);
}

#endif

static gboolean
second_is_own (const FaultCall *call)
{
  return is_own_path (call, 1);
}

/* Returns whether the call looks up a name. Without a name it needs no resource. */
static gboolean
stats_name (const FaultCall *call)
{
  char first = '\0';

  return read_memory (call, call->data->args[1], &first, 1) && first != '\0' &&
         is_own_path (call, 1);
}

static gboolean
opens_nameless (const FaultCall *call)
{
  return (call->data->args[2] & O_TMPFILE) == O_TMPFILE && is_own_path (call, 1);
}

static gboolean
opens_path (const FaultCall *call)
{
  return (call->data->args[2] & O_PATH) != 0 && is_own_path (call, 1);
}

static gboolean
creates_file (const FaultCall *call)
{
  return (call->data->args[2] & O_CREAT) != 0 && is_own_path (call, 1);
}

/* Returns whether the call asks whether another process is alive: it opens a process file, by its
 * name of 12 digits. */
static gboolean
asks_about_process (const FaultCall *call)
{
  char name[13] = { 0 };
  guint64 address = call->data->args[1];
  gsize i;

  for (i = 0; i < sizeof name; i++)
    {
      if (!read_memory (call, address + i, &name[i], 1) || name[i] == '\0')
        break;
    }

  return i == sizeof name - 1 && name[0] != '/' && strchr (name, '~') == NULL;
}

static gboolean
opens_file (const FaultCall *call)
{
  return is_own_path (call, 1);
}

/* Returns whether a thread of the library makes the call. The main thread reads and polls for the
 * main loop. */
static gboolean
is_other_thread (const FaultCall *call)
{
  return call->thread != call->process;
}

static short
lock_type (const FaultCall *call)
{
  struct flock range = { .l_type = F_UNLCK };

  read_memory (call, call->data->args[2], &range, sizeof range);

  return range.l_type;
}

static gboolean
tries_lock (const FaultCall *call)
{
  return call->data->args[1] == F_OFD_SETLK && lock_type (call) != F_UNLCK;
}

static gboolean
drops_lock (const FaultCall *call)
{
  return call->data->args[1] == F_OFD_SETLK;
}

static gboolean
awaits_lock (const FaultCall *call)
{
  return call->data->args[1] == F_OFD_SETLKW;
}

static gboolean
asks_for_lock (const FaultCall *call)
{
  return call->data->args[1] == F_OFD_GETLK;
}

static gboolean
maps_file (const FaultCall *call)
{
  return (call->data->args[3] & MAP_SHARED) != 0;
}

static gboolean
maps_stack (const FaultCall *call)
{
  return (call->data->args[3] & MAP_STACK) != 0;
}

static gboolean
keeps_from_fork (const FaultCall *call)
{
  return call->data->args[2] == MADV_DONTFORK;
}

static gboolean
registers_barrier (const FaultCall *call)
{
  return call->data->args[0] == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
}

static gboolean
sleeps_on_segment (const FaultCall *call)
{
  return call->data->args[1] == FUTEX_WAIT_BITSET;
}

static gboolean
creates_set (const FaultCall *call)
{
  return (call->data->args[2] & IPC_CREAT) != 0;
}

static gboolean
sets_value (const FaultCall *call)
{
  return (call->data->args[2] & 0xff) == SETVAL;
}

static gboolean
gets_value (const FaultCall *call)
{
  return (call->data->args[2] & 0xff) == GETVAL;
}

#if defined SYS_semop || defined SYS_semtimedop

static struct sembuf
first_step (const FaultCall *call)
{
  struct sembuf step = { 0 };

  read_memory (call, call->data->args[1], &step, sizeof step);

  return step;
}

static gboolean
waits_for_units (const FaultCall *call)
{
  struct sembuf step = first_step (call);

  return step.sem_op < 0 && !(step.sem_flg & IPC_NOWAIT);
}

static gboolean
tries_units (const FaultCall *call)
{
  struct sembuf step = first_step (call);

  return step.sem_op < 0 && (step.sem_flg & IPC_NOWAIT);
}

static gboolean
adds_units (const FaultCall *call)
{
  return first_step (call).sem_op > 0;
}

#endif

/* --- The table --- */

/* A call belongs to the first row that applies. */
const FaultRow fault_rows[] = {
  { "openat (O_TMPFILE)", SYS_openat, opens_nameless,
    { EACCES, EDQUOT, EINVAL, EIO, EISDIR, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, EOPNOTSUPP,
      EPERM, EROFS } },
  { "openat (O_PATH)", SYS_openat, opens_path,
    { EACCES, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENOTDIR } },
  { "openat (O_CREAT)", SYS_openat, creates_file,
    { EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, EPERM, EROFS } },
  { "openat (process)", SYS_openat, asks_about_process,
    { EACCES, EIO, EMFILE, ENFILE, ENOMEM }, .is_removal = TRUE },
  { "openat", SYS_openat, opens_file,
    { EACCES, EIO, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENXIO, EPERM, EROFS } },
#ifdef SYS_newfstatat
  { "newfstatat", SYS_newfstatat, stats_name,
    { EACCES, EIO, ENOMEM, EOVERFLOW } },
#endif
#ifdef SYS_statx
  { "statx", SYS_statx, stats_name, { EACCES, EIO, ENOMEM } },
#endif
#ifdef SYS_readlink
  /* The path of the directory is resolved; where that fails, the path is used as it is. */
  { "readlink", SYS_readlink, first_is_own, { EACCES, EIO, ENOMEM }, .is_absorbed = TRUE },
#endif
  { "readlinkat", SYS_readlinkat, second_is_own, { EACCES, EIO, ENOMEM }, .is_absorbed = TRUE },
#ifdef SYS_access
  { "access", SYS_access, first_is_own, { EACCES, EIO, ELOOP, ENOENT, ENOMEM } },
#endif
#ifdef SYS_faccessat
  { "faccessat", SYS_faccessat, second_is_own, { EACCES, EIO, ELOOP, ENOENT, ENOMEM } },
#endif
#ifdef SYS_mkdir
  { "mkdir", SYS_mkdir, first_is_own,
    { EACCES, EDQUOT, EEXIST, EIO, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS } },
#endif
  { "mkdirat", SYS_mkdirat, second_is_own,
    { EACCES, EDQUOT, EEXIST, EIO, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS } },
  { "linkat", SYS_linkat, NULL,
    { EACCES, EDQUOT, EEXIST, EIO, EMLINK, ENOENT, ENOMEM, ENOSPC, EPERM, EROFS } },
#ifdef SYS_rename
  { "rename", SYS_rename, first_is_own,
    { EACCES, EBUSY, EDQUOT, EIO, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTEMPTY, EPERM, EROFS } },
#endif
#ifdef SYS_renameat
  { "renameat", SYS_renameat, NULL,
    { EACCES, EBUSY, EDQUOT, EIO, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTEMPTY, EPERM, EROFS } },
#endif
  { "renameat2", SYS_renameat2, NULL,
    { EACCES, EBUSY, EDQUOT, EEXIST, EINVAL, EIO, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTEMPTY, EPERM,
      EROFS } },
#ifdef SYS_unlink
  { "unlink", SYS_unlink, first_is_own, { EACCES, EBUSY, EIO, ENOENT, ENOMEM, EPERM, EROFS },
    .is_absorbed = TRUE, .is_removal = TRUE },
#endif
  { "unlinkat", SYS_unlinkat, second_is_own, { EACCES, EBUSY, EIO, ENOENT, ENOMEM, EPERM, EROFS },
    .is_absorbed = TRUE, .is_removal = TRUE },
#ifdef SYS_rmdir
  { "rmdir", SYS_rmdir, first_is_own,
    { EACCES, EBUSY, EIO, ENOENT, ENOMEM, ENOTEMPTY, EPERM, EROFS },
    .is_absorbed = TRUE, .is_removal = TRUE },
#endif
#ifdef SYS_utimensat
  { "utimensat", SYS_utimensat, second_is_own, { EACCES, EIO, ENOENT, ENOMEM, EPERM, EROFS },
    .is_absorbed = TRUE },
#endif
#ifdef SYS_chmod
  { "chmod", SYS_chmod, first_is_own, { EIO, ENOMEM, EPERM, EROFS } },
#endif
  { "fchmod", SYS_fchmod, NULL, { EIO, ENOMEM, EPERM, EROFS } },
  { "fallocate", SYS_fallocate, NULL, { EFBIG, EINTR, EIO, ENODEV, ENOSPC, EOPNOTSUPP, EPERM } },
  { "getdents64", SYS_getdents64, NULL, { EIO, ENOENT } },
  { "pread64", SYS_pread64, NULL, { EAGAIN, EINTR, EIO } },
  { "pwrite64", SYS_pwrite64, NULL, { EDQUOT, EFBIG, EINTR, EIO, ENOSPC, EPERM } },
#ifdef SYS_mmap
  { "mmap (MAP_SHARED)", SYS_mmap, maps_file, { EACCES, EAGAIN, ENFILE, ENODEV, ENOMEM, EPERM } },
  { "mmap (MAP_STACK)", SYS_mmap, maps_stack, { EAGAIN, ENOMEM } },
#endif
  { "madvise", SYS_madvise, keeps_from_fork, { EAGAIN, EINVAL, ENOMEM } },
  { "fcntl (F_OFD_SETLK)", SYS_fcntl, tries_lock, { EAGAIN, EINTR, ENOLCK } },
  { "fcntl (F_UNLCK)", SYS_fcntl, drops_lock, { EINTR } },
  { "fcntl (F_OFD_SETLKW)", SYS_fcntl, awaits_lock, { EINTR, ENOLCK } },
  { "fcntl (F_OFD_GETLK)", SYS_fcntl, asks_for_lock, { EACCES, EAGAIN, EINTR, ENOLCK },
    .is_removal = TRUE },
  { "dup", SYS_dup, NULL, { EMFILE } },
  { "membarrier", SYS_membarrier, registers_barrier, { EINVAL, ENOSYS, EPERM },
    .is_absorbed = TRUE },
#ifdef SYS_futex
  { "futex", SYS_futex, sleeps_on_segment, { EAGAIN, EINTR },
    .is_absorbed = TRUE, .is_wait = TRUE },
#endif
  { "inotify_init1", SYS_inotify_init1, NULL, { EMFILE, ENFILE, ENOMEM }, .is_absorbed = TRUE },
  { "inotify_add_watch", SYS_inotify_add_watch, NULL, { EACCES, ENOENT, ENOMEM, ENOSPC },
    .is_absorbed = TRUE },
  { "read", SYS_read, is_other_thread, { EAGAIN, EINTR }, .is_absorbed = TRUE },
  { "ppoll", SYS_ppoll, is_other_thread, { EINTR, EINVAL, ENOMEM }, .is_absorbed = TRUE },
#ifdef SYS_clone3
  { "clone3", SYS_clone3, NULL, { EAGAIN, ENOMEM } },
#endif
  { "clone", SYS_clone, NULL, { EAGAIN, ENOMEM } },
#ifdef SYS_semget
  { "semget (IPC_CREAT)", SYS_semget, creates_set, { EACCES, ENOMEM, ENOSPC } },
  { "semget", SYS_semget, NULL, { EACCES } },
  { "semctl (SETVAL)", SYS_semctl, sets_value, { EACCES, EIDRM, EINVAL, EPERM, ERANGE } },
  { "semctl (GETVAL)", SYS_semctl, gets_value, { EACCES, EIDRM, EINVAL } },
#endif
#ifdef SYS_semtimedop
  { "semtimedop (waiting)", SYS_semtimedop, waits_for_units,
    { EACCES, EIDRM, EINTR, EINVAL, ENOMEM }, .is_wait = TRUE },
  { "semtimedop (IPC_NOWAIT)", SYS_semtimedop, tries_units,
    { EACCES, EIDRM, EINVAL, ENOMEM, ERANGE } },
  { "semtimedop (adding)", SYS_semtimedop, adds_units, { EACCES, EIDRM, EINVAL, ENOMEM, ERANGE } },
#endif
#ifdef SYS_semop
  { "semop (waiting)", SYS_semop, waits_for_units, { EACCES, EIDRM, EINTR, EINVAL, ENOMEM },
    .is_wait = TRUE },
  { "semop (IPC_NOWAIT)", SYS_semop, tries_units, { EACCES, EIDRM, EINVAL, ENOMEM, ERANGE } },
  { "semop (adding)", SYS_semop, adds_units, { EACCES, EIDRM, EINVAL, ENOMEM, ERANGE } },
#endif
};

const guint fault_n_rows = G_N_ELEMENTS (fault_rows);

/* Calls that cannot fail in a correct program, or that GLib and the C library make for memory,
 * threads and the main loop. */
static const long harmless[] = {
  SYS_brk,
  SYS_clock_gettime,
  SYS_clock_nanosleep,
  SYS_close,
  SYS_exit,
  SYS_exit_group,
#ifdef SYS_fstat
  SYS_fstat,
#endif
#ifdef SYS_fstatfs
  SYS_fstatfs, /* these two: what posix_fallocate () does without fallocate(2) */
#endif
#ifdef SYS_ftruncate
  SYS_ftruncate,
#endif
  SYS_getegid,
  SYS_geteuid,
  SYS_getgid,
  SYS_getpid,
  SYS_getrandom,
  SYS_gettid,
  SYS_getuid,
  SYS_inotify_rm_watch,
#ifdef SYS_lseek
  SYS_lseek, /* to read a directory from its beginning */
#endif
  SYS_madvise,
  SYS_mprotect,
  SYS_munmap,
  SYS_nanosleep,
#ifdef SYS_poll
  SYS_poll,
#endif
  SYS_eventfd2,
  SYS_prctl,
  SYS_prlimit64,
  SYS_restart_syscall,
#ifdef SYS_rseq
  SYS_rseq,
#endif
  SYS_rt_sigaction,
  SYS_rt_sigprocmask,
  SYS_sched_getaffinity,
  SYS_sched_getattr,
  SYS_sched_setattr,
  SYS_sched_yield,
  SYS_set_robust_list,
  SYS_wait4, /* by the process whose child the victim is */
  SYS_write,
};

int
fault_find_row (const FaultCall *call)
{
  gboolean is_known = FALSE;
  guint i;

  for (i = 0; i < fault_n_rows; i++)
    {
      if (fault_rows[i].number != call->data->nr)
        continue;

      is_known = TRUE;
      if (fault_rows[i].applies == NULL || fault_rows[i].applies (call))
        return (int) i;
    }

  for (i = 0; i < G_N_ELEMENTS (harmless) && !is_known; i++)
    is_known = harmless[i] == call->data->nr;

  return is_known ? -1 : -2;
}

static SsemSystemSemaphoreError
code_for (const FaultRow *row,
          int             error)
{
  switch (error)
    {
    case EACCES:
    case ELOOP:
    case EPERM:
    case EROFS:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED;

    case EISDIR:
    case ENXIO:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR;

    case EEXIST:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS;

    case EIDRM:
    case ENOENT:
    case ENOTDIR:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;

    case EAGAIN:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOLCK:
    case ENOMEM:
    case ENOSPC:
    case ERANGE:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;

    case EINVAL:
      /* For a set, the same as that it was removed. */
      return g_str_has_prefix (row->name, "sem") ? SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND
                                                 : SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;

    default:
      return SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;
    }
}

gboolean
fault_may_be (const FaultRow           *row,
              int                       error,
              SsemSystemSemaphoreError  code)
{
  /* A file is where the key's directory belongs, or on the way there; what seemed to be a link is
   * none at the next look. */
  if ((error == ENOTDIR || error == ELOOP) && code == SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR)
    return TRUE;

  /* If the library cannot find out whether the semaphore is used, it has to assume so. It may not
   * even get at the directory of the process files. */
  if ((row->applies == asks_for_lock || row->applies == asks_about_process ||
       row->applies == opens_file) &&
      code == SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS)
    return TRUE;

  return code == code_for (row, error);
}
