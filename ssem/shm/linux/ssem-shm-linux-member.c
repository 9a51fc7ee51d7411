/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-linux-member-private.h"

#include "ssem-shm-wing-private.h"

#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void
ssem_shm_linux_member_init (SsemShmLinuxMember *self,
                            SsemShmName        *own_name)
{
  *self = (SsemShmLinuxMember) {
    .name = own_name,
    .own_name = own_name,
    .file = SSEM_SHM_FILE_INIT,
    .liveness = SSEM_SHM_LIVENESS_INIT,
  };
}

void
ssem_shm_linux_member_init_other (SsemShmLinuxMember *self,
                                  SsemShmLinuxMember *other)
{
  ssem_shm_linux_member_init (self, NULL);
  self->name = other->name;
}

void
ssem_shm_linux_member_clear (SsemShmLinuxMember *self)
{
  ssem_shm_member_close (&self->parent);
  g_clear_pointer (&self->own_name, ssem_shm_name_free);
}

void
ssem_shm_linux_member_move (SsemShmLinuxMember *self,
                            SsemShmLinuxMember *other)
{
  self->parent = other->parent;
  self->file = other->file;
  self->liveness = other->liveness;
  ssem_shm_linux_member_init_other (other, self);
}

int
ssem_shm_linux_member_open (SsemShmLinuxMember *self,
                            const char         *location)
{
  int result = ssem_shm_file_open (&self->file, location, O_RDWR);

  self->parent.attach_id = 0;
  if (result == 0)
    result = ssem_shm_file_check (&self->file, self->name->key);
  if (result == 0)
    result = ssem_shm_file_map (&self->file, &self->parent.segment);
  if (result == 0)
    result = ssem_shm_file_check_location (&self->file, &self->name->directory);
  if (result != 0)
    ssem_shm_member_close (&self->parent);

  return result;
}

int
ssem_shm_linux_member_create (SsemShmLinuxMember *self,
                              int                 initial_value,
                              gboolean            is_successor)
{
  int result = ssem_shm_file_create_nameless (&self->file, &self->name->directory);

  if (result == 0)
    result = ssem_shm_file_map (&self->file, &self->parent.segment);
  if (result == 0)
    {
      ssem_shm_segment_fill (self->parent.segment, self->name->key, initial_value,
                             is_successor ? self->parent.incarnation : 0);
      result = ssem_shm_liveness_take_id (self);
    }
  if (result != 0)
    ssem_shm_member_close (&self->parent);

  return result;
}

void
ssem_shm_linux_member_disown (SsemShmLinuxMember *self)
{
  ssem_shm_wing_disown (self);
  if (!ssem_file_identity_is (&self->file.identity, self->file.fd))
    self->file.fd = -1;
}

/* --- The port --- */

SsemShmMember *
ssem_shm_member_new (const char *key)
{
  SsemShmLinuxMember *self = g_new (SsemShmLinuxMember, 1);

  ssem_shm_linux_member_init (self, ssem_shm_name_new (key));

  return &self->parent;
}

void
ssem_shm_member_free (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  ssem_shm_linux_member_disown (self);
  ssem_shm_linux_member_clear (self);
  g_free (self);
}

char *
ssem_shm_member_make_name (SsemShmMember *member)
{
  const SsemShmName *name = ssem_shm_linux_member (member)->name;
  struct stat found;

  /* The library's own directory has one spelling, and need not exist yet. */
  if (name->directory.is_own || stat (name->directory.path, &found) != 0)
    return g_strdup (name->path);

  return g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "%s", (guint64) found.st_dev,
                          (guint64) found.st_ino, name->path + strlen (name->directory.path));
}

void
ssem_shm_member_prepare_exit (SsemShmMember *member)
{
  ssem_shm_directory_note (&ssem_shm_linux_member (member)->name->directory);
}

void
ssem_shm_member_close (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  ssem_shm_liveness_end (self);
  if (member->segment != NULL)
    ssem_shm_file_unmap (member->segment);
  member->segment = NULL;
  ssem_shm_file_close (&self->file);
}

void
ssem_shm_member_forget (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  /* It is the parent that is counted. */
  self->liveness.is_counted = FALSE;
  ssem_shm_linux_member_disown (self);
  ssem_shm_member_close (member);
}

int
ssem_shm_member_check_name (SsemShmMember *member)
{
  if (!ssem_shm_member_can_ask (member))
    return -EBADF;

  return ssem_shm_file_is_in_place (&ssem_shm_linux_member (member)->file) ? 0 : -EIDRM;
}

int
ssem_shm_member_check_use (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  int result = ssem_shm_file_check_use (&self->file);

  return result != -EBADF && !ssem_shm_wing_is_open (self) ? -EBADF : result;
}

const char *
ssem_shm_member_get_culprit (SsemShmMember *member)
{
  return ssem_shm_name_get_culprit (ssem_shm_linux_member (member)->name);
}

int
ssem_shm_member_grow (SsemShmMember *member)
{
  guint32 n_slots = atomic_load (&member->segment->n_slots);
  guint32 more = MIN (n_slots * 2, SSEM_SHM_MAX_SLOTS);
  int result;

  if (n_slots >= SSEM_SHM_MAX_SLOTS)
    return -EUSERS;

  result = ssem_shm_file_reserve (&ssem_shm_linux_member (member)->file, more);
  if (result == 0)
    ssem_shm_segment_grow (member->segment, more);

  return result;
}
