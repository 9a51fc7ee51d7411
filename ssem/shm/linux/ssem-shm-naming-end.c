/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-naming-private.h"

#include "ssem-shm-wing-private.h"

#include <errno.h>
#include <unistd.h>

/* Gives up the name of a segment. The protocol is described in ssem-shm-naming.c. */

#define PHASE(life)       SSEM_SHM_LIFE_PHASE (life)
#define NEXT(life, phase) SSEM_SHM_LIFE_NEXT (life, SSEM_SHM_LIFE_ ## phase)

/* The common case, for the one process that has ever been attached: TRUE when it is doomed now.
 * Nobody can be in the way, and whoever comes meanwhile takes a number before it looks at life. */
gboolean
ssem_shm_naming_doom_own (SsemShmLinuxMember *self)
{
  guint64 life = atomic_load (&self->parent.segment->life);
  guint64 closing = NEXT (life, CLOSING);

  return (PHASE (life) == SSEM_SHM_LIFE_OPEN || PHASE (life) == SSEM_SHM_LIFE_CLOSING) &&
         atomic_compare_exchange_strong (&self->parent.segment->life, &life, closing) &&
         atomic_load (&self->parent.segment->last_attach_id) == 1 &&
         self->parent.attach_id == SSEM_SHM_PROCESS (1, 0) &&
         atomic_compare_exchange_strong (&self->parent.segment->life, &closing,
                                         NEXT (closing, DOOMED));
}

/* TRUE when the segment is doomed, by whomever; FALSE when somebody is attached. */
gboolean
ssem_shm_naming_doom (SsemShmLinuxMember *self)
{
  guint64 life = atomic_load (&self->parent.segment->life);

  while (PHASE (life) != SSEM_SHM_LIFE_DOOMED)
    {
      /* Who helps a nascent one has to look for rivals first, so that one is never made closing. */
      if (PHASE (life) != SSEM_SHM_LIFE_NASCENT)
        {
          guint64 closing = NEXT (life, CLOSING);

          if (!atomic_compare_exchange_strong (&self->parent.segment->life, &life, closing))
            continue;
          life = closing;
        }
      if (ssem_shm_liveness_has_others (self))
        return FALSE;

      /* Whoever attached unseen will change life, or has: then this fails. */
      if (atomic_compare_exchange_strong (&self->parent.segment->life, &life, NEXT (life, DOOMED)))
        break;
    }

  return TRUE;
}

/* Removes a doomed segment. The caller has a number in no wing, which others see. FALSE when
 * somebody else is about to do so. */
gboolean
ssem_shm_naming_remove_doomed (SsemShmLinuxMember *self,
                               guint64             attach_id)
{
  guint64 remover = atomic_load (&self->parent.segment->remover);

  do
    {
      if (remover != 0 && remover != attach_id && remover != self->parent.attach_id &&
          ssem_shm_member_is_alive (&self->parent, remover))
        return FALSE;
    }
  while (!atomic_compare_exchange_strong (&self->parent.segment->remover, &remover, attach_id));

  /* Nobody else unlinks it from here on. But a former remover may have done so; or the path names
   * another file by now, because this process has changed its root, or somebody has moved files. */
  if (ssem_shm_file_is_in_place (&self->file))
    unlink (self->file.location);
  ssem_shm_wing_remove (self);

  return TRUE;
}

static gboolean
remove_folder (const char *path)
{
  return rmdir (path) == 0 || (errno != ENOTEMPTY && errno != EEXIST);
}

/* A creator or a remover that was killed may have left what it put into a further place. */
static void
clear_further (SsemShmLinuxMember *self)
{
  g_autofree char *folder = ssem_shm_name_get_further (self->name);
  g_auto(GStrv) places = NULL;
  guint i;

  if (remove_folder (folder))
    return;

  if (ssem_shm_name_list_further (self->name, &places) != 0)
    return;
  for (i = 0; places != NULL && places[i] != NULL; i++)
    {
      SsemShmLinuxMember left;
      guint64 remover;
      int phase;

      ssem_shm_linux_member_init_other (&left, self);
      if (ssem_shm_linux_member_open (&left, places[i]) != 0)
        continue;

      phase = PHASE (atomic_load (&left.parent.segment->life));
      if ((phase == SSEM_SHM_LIFE_DOOMED || phase == SSEM_SHM_LIFE_NASCENT) &&
          ssem_shm_naming_doom (&left) && ssem_shm_liveness_take_extra_id (&left, &remover) == 0)
        ssem_shm_naming_remove_doomed (&left, remover);
      ssem_shm_member_close (&left.parent);
    }
  rmdir (folder);
}

/* What cannot be looked at may be it: members of a crowd may live in the wing. */
static gboolean
may_be_born (SsemShmLinuxMember *self,
             const char  *place,
             guint64      birth)
{
  SsemShmLinuxMember other;
  gboolean is_it;
  int result;

  ssem_shm_linux_member_init_other (&other, self);
  result = ssem_shm_linux_member_open (&other, place);
  if (result != 0)
    return result != -ENOENT;

  is_it = other.parent.segment->segment_id == birth;
  ssem_shm_member_close (&other.parent);

  return is_it;
}

/* Whether a wing that has been seen may be of a segment that has a name. */
static gboolean
may_be_wing (SsemShmLinuxMember *self,
             const char  *wing)
{
  guint64 birth = g_ascii_strtoull (wing, NULL, 16);
  g_auto(GStrv) further = NULL;
  gboolean may_be = ssem_shm_name_list_further (self->name, &further) != 0 ||
                    may_be_born (self, self->name->path, birth);
  guint i;

  for (i = 0; !may_be && further != NULL && further[i] != NULL; i++)
    may_be = may_be_born (self, further[i], birth);

  return may_be;
}

/* One that was killed may have left the wing that it made for a segment that was doomed. */
static void
clear_wings (SsemShmLinuxMember *self)
{
  g_autofree char *folder = ssem_shm_wing_get_folder (self);
  g_autoptr(GDir) dir = NULL;
  const char *name;

  if (remove_folder (folder))
    return;

  dir = g_dir_open (folder, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (!may_be_wing (self, name))
        unlink (path);
    }
  rmdir (folder);
}

/* Where it is removed, or was none: what others who died have left of the key. */
void
ssem_shm_naming_clear_leftovers (SsemShmLinuxMember *self)
{
  if (!ssem_shm_directory_has_subdirectories (&self->name->directory))
    return;

  clear_further (self);
  clear_wings (self);
}
