/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-info.h"

#include "ssem-process-info-private.h"

/**
 * SsemProcessInfo:
 *
 * A process that held units of a semaphore, or waited for some, when a snapshot was taken.
 *
 * It is part of a [struct@Ssem.SemaphoreInfo], and does not change. It is for people to read: the
 * process may have done something else since.
 *
 * Any thread may use this type.
 *
 * Since: 1.0
 */
struct _SsemProcessInfo
{
  /* Constant after creation. */
  char *host;
  int pid;
  char *command;
  gint64 units;
  GDateTime *since;
};

G_DEFINE_BOXED_TYPE (SsemProcessInfo, ssem_process_info,
                     ssem_process_info_ref, ssem_process_info_unref)

SsemProcessInfo *
ssem_process_info_new (const SsemSnapshotProcess *seen)
{
  SsemProcessInfo *self = g_atomic_rc_box_new0 (SsemProcessInfo);
  g_autoptr(GDateTime) seconds = NULL;

  self->host = g_strdup (seen->host);
  self->pid = seen->pid;
  self->command = g_strdup (seen->command);
  self->units = seen->units;
  if (seen->since_usec >= 0)
    {
      seconds = g_date_time_new_from_unix_local (seen->since_usec / G_USEC_PER_SEC);
      self->since = g_date_time_add (seconds, seen->since_usec % G_USEC_PER_SEC);
    }

  return self;
}

/**
 * ssem_process_info_ref:
 * @self: a process
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
SsemProcessInfo *
ssem_process_info_ref (SsemProcessInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  SsemProcessInfo *self = data;

  g_free (self->host);
  g_free (self->command);
  g_clear_pointer (&self->since, g_date_time_unref);
}

/**
 * ssem_process_info_unref:
 * @self: (transfer full): a process
 *
 * Drops a reference; the last one frees @self.
 *
 * Since: 1.0
 */
void
ssem_process_info_unref (SsemProcessInfo *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_rc_box_release_full (self, clear);
}

/**
 * ssem_process_info_get_host:
 * @self: a process
 *
 * Returns the name of the machine that the process runs on.
 *
 * It is valid UTF-8 and safe to print, as [method@Ssem.ProcessInfo.get_command] describes.
 *
 * Returns: (nullable): the name, or `NULL` for this machine, which is the only one that a backend
 *   other than `SSEM_BACKEND_ETCD` knows
 *
 * Since: 1.0
 */
const char *
ssem_process_info_get_host (SsemProcessInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->host;
}

/**
 * ssem_process_info_get_pid:
 * @self: a process
 *
 * Returns the process id.
 *
 * The process has recorded the id itself. The library finds out by other means whether the process
 * lives, so an id that the system has reused is never returned.
 *
 * Returns: the id, or 0 if the process runs in another pid name space, such as a container
 *
 * Since: 1.0
 */
int
ssem_process_info_get_pid (SsemProcessInfo *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->pid;
}

/**
 * ssem_process_info_get_command:
 * @self: a process
 *
 * Returns what the process runs.
 *
 * On Linux it is the content of `/proc/PID/comm`: the name of the program, at most 15 bytes, which
 * the process can change. For `ssem run` in shared memory, it is the command with its arguments.
 * It is valid UTF-8 and safe to print: an escape such as `\u202e` replaces each character that
 * controls a terminal, changes the direction of text or is invisible.
 *
 * Returns: (nullable): the name, or `NULL` if it is not known
 *
 * Since: 1.0
 */
const char *
ssem_process_info_get_command (SsemProcessInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->command;
}

/**
 * ssem_process_info_get_units:
 * @self: a process
 *
 * Returns how many units all threads of the process held together, or waited for.
 *
 * Returns: a number of units, 1 or more
 *
 * Since: 1.0
 */
gint64
ssem_process_info_get_units (SsemProcessInfo *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->units;
}

/**
 * ssem_process_info_get_since:
 * @self: a process
 *
 * Returns since when the process has held units without a break, or has waited.
 *
 * The time is exact to the second, by the wall clock at that time. If several threads of the
 * process hold or wait, it is the time of the first. Units that one thread acquired and another
 * released still count as held by the first thread.
 *
 * To be fast, an acquire does not read the clock if it follows a release by the same thread, with
 * no other operation in between.
 *
 * Returns: (transfer none) (nullable): a time of the local time zone, or `NULL` if it is not known
 *
 * Since: 1.0
 */
GDateTime *
ssem_process_info_get_since (SsemProcessInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->since;
}
