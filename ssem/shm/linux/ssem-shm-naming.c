/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-naming-private.h"

#include "ssem-shm-wing-private.h"

#include "ssem/os/ssem-file-link-private.h"
#include "ssem/os/ssem-random-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name can be taken in one step, by link(2), which replaces nothing. It cannot be given up in one
 * step: unlink(2) takes no notice of which file has the name, and whoever stands still between the
 * look and the unlinking would take it from a successor. So only one process may ever unlink a
 * segment's name, and who does not want to wait for that one puts the successor elsewhere.
 *
 * Places
 *
 *   the first       FOLDER/NAME, in which nearly every segment lies.
 *   further ones    FOLDER/NAME=/NUMBER, with random numbers. They are used while the first one has
 *                   a doomed segment, whose remover lives and does not come to its end. Their
 *                   folder is there only as long as they are: rmdir(2) removes none that is not
 *                   empty, so anybody may try.
 *
 * life, 64 bits: version (2-63), phase (0-1)
 *
 *   nascent   it has its name, and nobody has looked since whether another place has one, too.
 *   open      in use, or left by users who died.
 *   closing   a leaver has seen no need to stay and now looks whether anybody is attached. An
 *             attacher that finds this makes it open again: a veto. The version makes the leaver's
 *             next step fail then.
 *   doomed    nobody is attached, and nobody will be: whoever attaches looks here afterwards.
 *
 *   From nascent to open goes only what has no rival. Anybody who has come to it may look: first it
 *   has its name, then the other places are looked at. Of two nascent ones that come at the same
 *   time at least one is therefore seen by whoever looks for the other; and who sees a nascent one
 *   makes it or its own doomed, who sees an open one makes its own so. Never are two of them open,
 *   and nobody waits for one who stands still as he creates. Which of two nascent ones makes way is
 *   told by their places: if it always were the other's, two could doom each other's for ever.
 *
 *   Left as closing, by a leaver who saw others or died, it does no harm: the next leaver closes
 *   again, the next attacher vetoes.
 *
 * remover, 64 bits: the number of the process that has the right to unlink the name of the doomed
 * segment; 0 as long as nobody has. Changed by compare-and-swap only, and from a number only when
 * its process is dead, or has closed the file. A new owner looks whether the name still is there:
 * the old one may have unlinked it, and a successor may have it. Nobody else can unlink it
 * meanwhile.
 *
 * A kill may leave a nascent segment, which whoever comes takes for its own; a doomed one, which it
 * removes; or an empty folder NAME= or a wing (ssem-shm-wing.c), which the next one to remove the
 * key, or to find none, clears away.
 */

#define MAX_ROUNDS 10000

/* How often the remover is given the processor before another place is used. */
#define PATIENCE 100

#define PHASE(life)       SSEM_SHM_LIFE_PHASE (life)
#define NEXT(life, phase) SSEM_SHM_LIFE_NEXT (life, SSEM_SHM_LIFE_ ## phase)

/* --- Taking the name --- */

/* What lies in @place, beside a nascent segment: 0 when that is nothing, or nothing any more;
 * -EEXIST when it stays. */
static int
meet_rival (SsemShmLinuxMember *self,
            const char  *place)
{
  SsemShmLinuxMember rival;
  /* The first place comes before the further ones. */
  gboolean is_before = strcmp (place, self->file.location) < 0;
  guint64 life;
  int result;

  ssem_shm_linux_member_init_other (&rival, self);
  result = ssem_shm_linux_member_open (&rival, place);
  if (result != 0)
    return result == -ENOENT ? 0 : result;

  life = atomic_load (&rival.parent.segment->life);
  while (PHASE (life) == SSEM_SHM_LIFE_NASCENT && !is_before &&
         !atomic_compare_exchange_strong (&rival.parent.segment->life, &life, NEXT (life, DOOMED)))
    ;
  if (PHASE (life) == SSEM_SHM_LIFE_OPEN || PHASE (life) == SSEM_SHM_LIFE_CLOSING ||
      (PHASE (life) == SSEM_SHM_LIFE_NASCENT && is_before))
    result = -EEXIST;
  ssem_shm_member_close (&rival.parent);

  return result;
}

/* 0 when no other place has a segment that stays; -EEXIST when one has. */
static int
look_for_rivals (SsemShmLinuxMember *self)
{
  g_auto(GStrv) places = NULL;
  int result = 0;
  guint i;

  /* What gave us the name comes before what we read of the others. */
  atomic_thread_fence (memory_order_seq_cst);

  if (!g_str_equal (self->file.location, self->name->path))
    result = meet_rival (self, self->name->path);

  if (result == 0)
    result = ssem_shm_name_list_further (self->name, &places);
  for (i = 0; result == 0 && places != NULL && places[i] != NULL; i++)
    {
      if (!g_str_equal (self->file.location, places[i]))
        result = meet_rival (self, places[i]);
    }

  return result;
}

/* With a number, which others see: 0 when the segment is open and stays; -EIDRM when it is
 * doomed. */
static int
settle (SsemShmLinuxMember *self)
{
  guint64 life = atomic_load (&self->parent.segment->life);

  for (;;)
    {
      guint64 next = NEXT (life, OPEN);

      if (PHASE (life) == SSEM_SHM_LIFE_OPEN)
        return 0;
      if (PHASE (life) == SSEM_SHM_LIFE_DOOMED)
        return -EIDRM;
      if (PHASE (life) == SSEM_SHM_LIFE_NASCENT)
        {
          int result = look_for_rivals (self);

          if (result == -EEXIST)
            next = NEXT (life, DOOMED);
          else if (result != 0)
            return result;
        }
      if (atomic_compare_exchange_strong (&self->parent.segment->life, &life, next))
        life = next;
    }
}

/* Gives a segment its name, @prepared where that is one, else a new one: -EEXIST when another has
 * the name, -ENOENT when the folder has gone under our feet. */
static int
publish (SsemShmLinuxMember *self,
         SsemShmLinuxMember *prepared,
         int          initial_value,
         gboolean     is_heir,
         gboolean     goes_further)
{
  g_autofree char *folder = NULL;
  g_autofree char *further = NULL;
  const char *place = self->name->path;
  int result = 0;

  if (prepared->parent.segment != NULL)
    ssem_shm_linux_member_move (self, prepared);
  else
    result = ssem_shm_linux_member_create (self, initial_value, is_heir);
  if (result != 0)
    return result;

  if (goes_further)
    {
      folder = ssem_shm_name_get_further (self->name);
      result = ssem_shm_directory_create (folder);
      further = g_strdup_printf ("%s/%016" G_GINT64_MODIFIER "x", folder, ssem_random_unique ());
      place = further;
    }

  /* It is whole, and locked, when it gets its name. */
  if (result == 0)
    result = ssem_file_link (self->file.fd, place);
  if (result == 0 && goes_further &&
      !ssem_shm_directory_has_subdirectories (&self->name->directory))
    {
      unlink (place);
      result = -EOPNOTSUPP;
    }
  if (result == 0)
    {
      ssem_shm_file_set_location (&self->file, place);
      result = ssem_shm_file_check_location (&self->file, &self->name->directory);
      if (result == 0)
        return 0;
      if (ssem_shm_file_is_in_place (&self->file))
        unlink (place);
    }

  ssem_shm_member_close (&self->parent);
  if (folder != NULL)
    rmdir (folder);

  return result;
}

/* --- Finding it --- */

/* Removes the doomed segment that was opened, and closes it: 1 when that is done, 0 when somebody
 * else is about to, -EACCES when it keeps its name. */
static int
clear_doomed (SsemShmLinuxMember *self)
{
  guint64 remover;
  int result = ssem_shm_liveness_take_extra_id (self, &remover);

  if (result == 0)
    result = ssem_shm_naming_remove_doomed (self, remover) ? 1 : 0;
  if (result == 1 && ssem_shm_file_is_in_place (&self->file))
    result = -EACCES;
  ssem_shm_member_close (&self->parent);

  return result;
}

static gboolean
is_doomed (SsemShmLinuxMember *self)
{
  return PHASE (atomic_load (&self->parent.segment->life)) == SSEM_SHM_LIFE_DOOMED;
}

static int
find_further (SsemShmLinuxMember *self)
{
  g_auto(GStrv) places = NULL;
  int result = ssem_shm_name_list_further (self->name, &places);
  guint i;

  if (result != 0)
    return result;

  for (i = 0; places != NULL && places[i] != NULL; i++)
    {
      result = ssem_shm_linux_member_open (self, places[i]);
      if (result == 0 && !is_doomed (self))
        return 0;
      if (result == 0)
        result = clear_doomed (self);
      if (result < 0 && result != -ENOENT)
        return result;
    }

  return -ENOENT;
}

/* Opens what there is of the key and is not doomed. With -ENOENT, @is_blocked tells whether the
 * first place is not free for another; where it is free, the further places are looked at only
 * with @is_thorough. Who @expects_none does not look: if there is one after all, his own will not
 * get the name. */
static int
find (SsemShmLinuxMember *self,
      gboolean     is_thorough,
      gboolean     expects_none,
      gboolean    *is_blocked)
{
  int patience, result;

  *is_blocked = FALSE;
  result = ssem_shm_directory_check (&self->name->directory);
  if (result != 0 || expects_none)
    return result != 0 ? result : -ENOENT;

  for (patience = PATIENCE; patience > 0; patience--)
    {
      result = ssem_shm_linux_member_open (self, self->name->path);
      if (result == 0 && !is_doomed (self))
        return 0;
      if (result == 0)
        result = clear_doomed (self);
      if (result < 0)
        break;
      if (result == 0)
        g_thread_yield ();
    }
  if (result < 0 && result != -ENOENT)
    return result;

  *is_blocked = result == 0;
  return is_thorough || *is_blocked ? find_further (self) : -ENOENT;
}

/* Makes what is to come after one that nobody uses. */
static int
prepare_successor (SsemShmLinuxMember *self,
                   SsemShmLinuxMember *successor,
                   int          initial_value)
{
  /* For a child of fork () that has not used the old one yet, it is the same semaphore, reset. */
  self->parent.incarnation = self->parent.segment->incarnation;
  successor->parent.incarnation = self->parent.incarnation;
  if (successor->parent.segment == NULL)
    return ssem_shm_linux_member_create (successor, initial_value, TRUE);

  successor->parent.segment->incarnation = self->parent.incarnation;

  return 0;
}

/* 0 when the open segment, which nobody uses, is doomed and its successor ready: made before, so
 * that nothing has changed where there is no room for it. -EEXIST where somebody is attached. */
static int
supersede (SsemShmLinuxMember *self,
           SsemShmLinuxMember *successor,
           int          initial_value)
{
  int result;

  /* Whoever removes a doomed one is not attached to it. */
  if (ssem_shm_liveness_has_others (self) && !is_doomed (self))
    return -EEXIST;

  result = prepare_successor (self, successor, initial_value);
  if (result != 0)
    return result;

  return ssem_shm_naming_doom (self) ? 0 : -EEXIST;
}

static int
attach_with_successor (SsemShmLinuxMember    *self,
                       SsemShmLinuxMember    *successor,
                       int             initial_value,
                       SsemShmOpening  opening,
                       guint64         lineage,
                       gboolean       *is_new)
{
  const gboolean may_create = opening != SSEM_SHM_OPEN_EXISTING;
  /* Whether one that nobody is attached to makes way for a new one. */
  const gboolean replaces = opening == SSEM_SHM_CREATE_NEW || opening == SSEM_SHM_JOIN;
  gboolean is_heir = FALSE;
  /* A creator meets what lies in a further place when it has the name. */
  gboolean is_thorough = !may_create;
  gboolean expects_none = may_create && self->parent.expects_none;
  gboolean is_blocked, is_other;
  int round, result;

  self->parent.expects_none = FALSE;
  for (round = 0; round < MAX_ROUNDS; round++)
    {
      gboolean is_guess = expects_none;

      expects_none = FALSE;
      result = find (self, is_thorough, is_guess, &is_blocked);
      if (result == -ENOENT && !may_create)
        ssem_shm_naming_clear_leftovers (self);
      /* Before it has a number: a leftover that is not for us stays what it is. */
      is_other = result == 0 ? self->parent.segment->incarnation != lineage
                             : result == -ENOENT && !is_heir;
      if (lineage != 0 && is_other)
        {
          ssem_shm_member_close (&self->parent);
          return -EIDRM;
        }
      if (result != 0 && (result != -ENOENT || !may_create))
        return result;

      *is_new = result == -ENOENT;
      /* What somebody is attached to is in use, which a new one must not be. */
      if (!*is_new && replaces)
        {
          is_heir = TRUE;
          result = supersede (self, successor, initial_value);
          if (result == 0)
            {
              /* Now there is none. If it keeps its name all the same, the next round sees to it. */
              clear_doomed (self);
              expects_none = TRUE;
            }
          if (result != -EEXIST || opening == SSEM_SHM_CREATE_NEW)
            ssem_shm_member_close (&self->parent);
          if (result == 0 || result == -ENOENT)
            continue;
          if (result == -EEXIST && opening == SSEM_SHM_JOIN)
            result = 0;
        }

      if (*is_new)
        {
          result = publish (self, successor, initial_value, is_heir, is_blocked);
          if (result == -ENOENT && !self->name->directory.is_own &&
              access (self->name->directory.path, F_OK) != 0)
            return -ENOTDIR;
          if (result == -EEXIST || result == -ENOENT || (result != 0 && is_guess))
            continue;
        }
      else if (result == 0)
        {
          result = ssem_shm_liveness_take_id (self);
          if (result != 0)
            {
              /* Who has never been attached does not leave: what others have left stays. */
              ssem_shm_member_close (&self->parent);
              return result;
            }
        }
      if (result == 0)
        result = settle (self);
      if (result == 0)
        return 0;

      if (result == -EIDRM)
        {
          /* It may have made a wing since the remover was there. */
          ssem_shm_wing_remove (self);
          clear_doomed (self);
        }
      else if (self->parent.segment != NULL)
        ssem_shm_member_leave (&self->parent, FALSE);
      ssem_shm_member_close (&self->parent);
      if (result != -EIDRM)
        return result;
      is_thorough = TRUE;
    }

  /* Nobody comes and goes that often: something lies there that can be neither used nor removed. */
  return -EBADMSG;
}

int
ssem_shm_member_attach (SsemShmMember  *member,
                        int             initial_value,
                        SsemShmOpening  opening,
                        guint64         incarnation,
                        gboolean       *is_new)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  SsemShmLinuxMember successor;
  int result;

  ssem_shm_linux_member_init_other (&successor, self);
  result = attach_with_successor (self, &successor, initial_value, opening, incarnation, is_new);
  ssem_shm_member_close (&successor.parent);

  return result;
}

/* -EEXIST where somebody is attached. */
static int
remove_unused (SsemShmLinuxMember *self)
{
  int result = ssem_shm_naming_doom (self) ? clear_doomed (self) : -EEXIST;

  return MIN (result, 0);
}

/* What its last user could not remove, or did not come to. TRUE when it is gone now. */
static gboolean
remove_rest (SsemShmLinuxMember *self,
             const char  *place)
{
  if (ssem_shm_linux_member_open (self, place) != 0)
    return FALSE;
  if (is_doomed (self))
    return clear_doomed (self) == 1;

  ssem_shm_member_close (&self->parent);

  return FALSE;
}

static gboolean
remove_rests (SsemShmLinuxMember *self)
{
  g_auto(GStrv) further = NULL;
  gboolean is_removed = remove_rest (self, self->name->path);
  guint i;

  if (ssem_shm_name_list_further (self->name, &further) != 0)
    return is_removed;
  for (i = 0; further != NULL && further[i] != NULL; i++)
    is_removed = remove_rest (self, further[i]) || is_removed;

  return is_removed;
}

int
ssem_shm_member_remove_leftover (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  gboolean is_removed = remove_rests (self);
  gboolean is_nascent, is_blocked;
  int result;

  /* A nascent one is the key's only where no other place has one. */
  do
    {
      result = find (self, TRUE, FALSE, &is_blocked);
      if (result != 0)
        break;

      is_nascent = PHASE (atomic_load (&self->parent.segment->life)) == SSEM_SHM_LIFE_NASCENT;
      result = remove_unused (self);
      ssem_shm_member_close (&self->parent);
      is_removed = is_removed || result == 0;
    }
  while (result == 0 && is_nascent);

  if (result == 0 || result == -ENOENT)
    ssem_shm_naming_clear_leftovers (self);
  if (result == -ENOENT && is_removed)
    result = 0;

  return result == -EEXIST ? -EBUSY : result;
}

int
ssem_shm_member_rejoin (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  int result = ssem_shm_liveness_lock (self, SSEM_SHM_LOCKS_ATTACHED, SSEM_FILE_LOCK_EXCLUSIVE);

  if (result == 0)
    result = settle (self);
  if (result == 0 && !ssem_shm_file_is_in_place (&self->file))
    result = -EIDRM;
  if (result == 0)
    ssem_shm_liveness_count (self);
  /* It goes on lingering: who looks whether we live looks at one byte after the other, and must not
   * find both free. */
  return result;
}

gboolean
ssem_shm_member_leave (SsemShmMember *member,
                       gboolean       lingers)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  guint64 remover = member->attach_id;

  ssem_shm_linux_member_disown (self);
  ssem_shm_liveness_uncount (self);
  if (!ssem_shm_naming_doom_own (self))
    {
      /* Who cannot be known to linger stays attached. Else it would look dead, and what it holds
       * would be given back while it lives. */
      if (lingers && ssem_shm_liveness_lock (self, SSEM_SHM_LOCKS_LINGERS,
                                             SSEM_FILE_LOCK_EXCLUSIVE) != 0)
        return FALSE;
      ssem_shm_liveness_lock (self, SSEM_SHM_LOCKS_ATTACHED, SSEM_FILE_LOCK_NONE);

      if (!ssem_shm_naming_doom (self))
        return FALSE;

      /* As the remover it is another one, in the segment's own file: the wings go. Who is not seen
       * to live does not remove it; the next one does. At exit, our threads may be at work still,
       * under the number that they know. */
      if (ssem_shm_liveness_take_extra_id (self, &remover) != 0)
        return TRUE;
    }

  ssem_shm_naming_remove_doomed (self, remover);
  ssem_shm_naming_clear_leftovers (self);
  return TRUE;
}
