/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-record-private.h"

#include "ssem-sysv-set-private.h"

#include "ssem/os/ssem-random-private.h"

static void
set_epoch (SsemSysvRecord *self,
           guint32         epoch)
{
  /* Sequentially consistent, like the kernel's lock on the set. So all threads see SETVAL after the
   * odd epoch and before the even epoch. */
  atomic_store (&self->epoch, epoch);
}

int
ssem_sysv_record_reset_set (SsemSysvRecord *self,
                            int             set,
                            int             value)
{
  guint32 epoch = atomic_load (&self->epoch);
  int result;

  if (value > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  self->value = value;
  set_epoch (self, epoch | 1);
  result = ssem_sysv_set_reset (set, value);
  if (result == 0)
    self->initial = value;
  set_epoch (self, (epoch | 1) + 1);

  return result;
}

void
ssem_sysv_record_finish_reset (SsemSysvRecord *self,
                               int             set)
{
  if (atomic_load (&self->epoch) & 1)
    ssem_sysv_record_reset_set (self, set, self->value);
}

static void
begin_incarnation (SsemSysvRecord *self,
                   int             set,
                   gboolean        made_by_us)
{
  /* In this order: a process may die between the two lines. Then the record must not describe Qt's
   * set as made by this library. */
  self->made_by_us = made_by_us;
  self->incarnation = ssem_random_unique () << 32 | (guint32) set;
}

gboolean
ssem_sysv_record_is_qt_set (const SsemSysvRecord *self,
                             int                   set)
{
  return self->phase == SSEM_SYSV_PHASE_QT ||
         (self->phase == SSEM_SYSV_PHASE_READY && set != ssem_sysv_record_get_set (self));
}

void
ssem_sysv_record_adopt_qt_set (SsemSysvRecord *self,
                               int             set)
{
  /* An unfinished reset belongs to another set, so only make the epoch even. */
  set_epoch (self, (atomic_load (&self->epoch) + 1) & ~1u);
  begin_incarnation (self, set, FALSE);
  self->initial = -1;
  self->phase = SSEM_SYSV_PHASE_READY;
}

/* Creates a set of @ipc_key, or finds the set that Qt has just created without the attach lock.
 * Tries again if Qt removes its set before the lookup. Returns the set's identifier or -errno. */
static int
create_or_find_set (key_t     ipc_key,
                    gboolean *made_by_us)
{
  int set;

  do
    {
      set = ssem_sysv_set_create (ipc_key);
      *made_by_us = set >= 0;
      if (set == -EEXIST)
        set = ssem_sysv_set_lookup (ipc_key);
    }
  while (set == -ENOENT);

  return set;
}

int
ssem_sysv_record_create_set (SsemSysvRecord *self,
                             key_t           ipc_key,
                             int             set,
                             int             value)
{
  gboolean is_qt = self->phase == SSEM_SYSV_PHASE_QT;
  gboolean made_by_us = TRUE;
  int result;

  if (value > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  self->phase = SSEM_SYSV_PHASE_CREATING;
  if (set < 0)
    set = create_or_find_set (ipc_key, &made_by_us);
  if (set < 0)
    {
      if (is_qt)
        self->phase = SSEM_SYSV_PHASE_QT;
      return set;
    }

  if (!made_by_us)
    {
      ssem_sysv_record_adopt_qt_set (self, set);
      return set;
    }

  begin_incarnation (self, set, TRUE);
  result = ssem_sysv_record_reset_set (self, set, value);
  if (result != 0)
    {
      /* The caller removes the file. Without the file, no process could find the set. */
      ssem_sysv_set_remove (set);
      return result;
    }

  self->phase = SSEM_SYSV_PHASE_READY;

  return set;
}
