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
  /* Sequentially consistent, as is the kernel's own lock on the set: no thread sees a reset before
   * the odd number or after the even number. */
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
  /* In this order: a process that dies between the two lines does not leave Qt's set as ours. */
  self->made_by_us = made_by_us;
  self->incarnation = ssem_random_unique () << 32 | (guint32) set;
}

gboolean
ssem_sysv_record_is_qts_set (const SsemSysvRecord *self,
                             int                   set)
{
  return self->phase == SSEM_SYSV_PHASE_QTS ||
         (self->phase == SSEM_SYSV_PHASE_READY && set != ssem_sysv_record_get_set (self));
}

void
ssem_sysv_record_take_qts_set (SsemSysvRecord *self,
                               int             set)
{
  /* A reset in progress was of another set. */
  set_epoch (self, (atomic_load (&self->epoch) + 1) & ~1u);
  begin_incarnation (self, set, FALSE);
  self->initial = -1;
  self->phase = SSEM_SYSV_PHASE_READY;
}

/* Returns the new set, or Qt's: only Qt creates one without the attach lock. Qt may remove its own
 * before we look it up. */
static int
create_or_find_set (key_t     token,
                    gboolean *made_by_us)
{
  int set;

  do
    {
      set = ssem_sysv_set_create (token);
      *made_by_us = set >= 0;
      if (set == -EEXIST)
        set = ssem_sysv_set_lookup (token);
    }
  while (set == -ENOENT);

  return set;
}

int
ssem_sysv_record_create_set (SsemSysvRecord *self,
                             key_t           token,
                             int             set,
                             int             value)
{
  gboolean is_qts = self->phase == SSEM_SYSV_PHASE_QTS;
  gboolean made_by_us = TRUE;
  int result;

  if (value > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  self->phase = SSEM_SYSV_PHASE_CREATING;
  if (set < 0)
    set = create_or_find_set (token, &made_by_us);
  if (set < 0)
    {
      if (is_qts)
        self->phase = SSEM_SYSV_PHASE_QTS;
      return set;
    }

  if (!made_by_us)
    {
      ssem_sysv_record_take_qts_set (self, set);
      return set;
    }

  begin_incarnation (self, set, TRUE);
  result = ssem_sysv_record_reset_set (self, set, value);
  if (result != 0)
    {
      /* The caller removes the file. Without the file nobody would ever find the set. */
      ssem_sysv_set_remove (set);
      return result;
    }

  self->phase = SSEM_SYSV_PHASE_READY;

  return set;
}
