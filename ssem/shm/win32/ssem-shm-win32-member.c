/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-win32-member-private.h"

#include "ssem-shm-alive-private.h"

#include "ssem/os/ssem-errno-private.h"
#include "ssem/os/ssem-random-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"

#include <stdatomic.h>

/* The name of a segment
 *
 *   A segment is a section on the paging file. Its name contains the hash of the key and the id of
 *   the segment, a random number. The id stands in the anchor of the key, which is a section, too:
 *
 *   publish   The finished segment has its name already, which nobody looks for. A compare-and-swap
 *             puts its id into the anchor, in place of 0.
 *   remove    A compare-and-swap puts 0 in place of the id of a segment that is marked as removed.
 *
 *   Each is one step, and any process may do it at any time: no other segment gets the same id. A
 *   process opens the anchor before it opens a segment, and closes it later. So the anchor stays
 *   the same one as long as a process has a segment of the key.
 *
 *   The system removes a section with its last handle, so nothing is left of processes that were
 *   killed. Other processes may still have the anchor, with an id whose segment no longer exists.
 *   A process that finds no segment of that id puts 0 in its place. No process can make a segment
 *   of that id again.
 */

void
ssem_shm_port_init (void)
{
  HMODULE library;

  /* Threads of the system run functions of the library, so it must stay loaded. */
  GetModuleHandleExW (GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                      (LPCWSTR) (gpointer) ssem_shm_port_init, &library);
}

/* The system closes all handles of a process that ends. */
void
ssem_shm_port_exit (void)
{
}

SsemShmMember *
ssem_shm_member_new (const char *key)
{
  SsemShmWin32Member *self = g_new0 (SsemShmWin32Member, 1);

  ssem_shm_anchor_init (&self->anchor, key);

  return &self->parent;
}

void
ssem_shm_member_free (SsemShmMember *member)
{
  SsemShmWin32Member *self = ssem_shm_win32_member (member);

  ssem_shm_member_discard (member);
  ssem_shm_member_close (member);
  ssem_shm_anchor_clear (&self->anchor);
  g_free (self);
}

char *
ssem_shm_member_make_name (SsemShmMember *member)
{
  return g_strdup (ssem_shm_win32_member (member)->anchor.name);
}

const char *
ssem_shm_member_get_culprit (SsemShmMember *member)
{
  return ssem_shm_win32_member (member)->anchor.name;
}

/* --- The segment --- */

/* Opens the segment with that id. -ENOENT if there is none. */
static int
open_segment (SsemShmWin32Member *self,
              guint64             id)
{
  SsemShmObjectName name;
  int result;

  ssem_shm_anchor_make_segment_name (&self->anchor, id, &name);
  result = ssem_shm_section_open (&self->section, &name, FILE_MAP_ALL_ACCESS);
  if (result != 0)
    return result;

  result = ssem_shm_segment_check (self->section.memory, (goffset) self->section.size,
                                   self->anchor.key);
  if (result == 0 && self->section.size < SSEM_SHM_SECTION_SIZE)
    result = -EBADMSG;
  if (result == 0)
    self->parent.segment = self->section.memory;
  else
    ssem_shm_section_close (&self->section);

  return result == -EBADMSG ? -EPROTOTYPE : result;
}

int
ssem_shm_member_open (SsemShmMember *member)
{
  SsemShmWin32Member *self = ssem_shm_win32_member (member);
  int result = ssem_shm_anchor_use (&self->anchor);
  guint64 id;

  if (result != 0)
    return result;

  id = atomic_load (&self->anchor.page->segment_id);
  result = id != 0 ? open_segment (self, id) : -ENOENT;

  /* The last process that had it was killed. */
  if (result == -ENOENT && id != 0)
    atomic_compare_exchange_strong (&self->anchor.page->segment_id, &id, 0);

  return result;
}

int
ssem_shm_member_prepare (SsemShmMember *member,
                         int            initial_value,
                         guint64        incarnation)
{
  SsemShmWin32Member *self = ssem_shm_win32_member (member);
  guint64 id = ssem_random_unique ();
  SsemShmObjectName name;
  gboolean is_new = FALSE;
  int result;

  ssem_shm_anchor_make_segment_name (&self->anchor, id, &name);
  result = ssem_shm_section_use (&self->prepared_section, &name, SSEM_SHM_SECTION_SIZE, &is_new);
  if (result == 0 && !is_new)
    result = -EEXIST;
  if (result != 0)
    {
      ssem_shm_member_discard (member);
      return result;
    }

  member->prepared = self->prepared_section.memory;
  ssem_shm_segment_fill (member->prepared, self->anchor.key, initial_value, id, incarnation);

  return 0;
}

int
ssem_shm_member_publish (SsemShmMember *member)
{
  SsemShmWin32Member *self = ssem_shm_win32_member (member);
  int result = ssem_shm_anchor_use (&self->anchor);
  guint64 id = 0;

  if (result != 0)
    return result;
  if (!atomic_compare_exchange_strong (&self->anchor.page->segment_id, &id,
                                       member->prepared->segment_id))
    return -EEXIST;

  self->section = self->prepared_section;
  member->segment = member->prepared;
  self->prepared_section = (SsemShmSection) { NULL };
  member->prepared = NULL;

  return 0;
}

int
ssem_shm_member_remove (SsemShmMember *member)
{
  guint64 id = member->segment->segment_id;

  /* Fails if another process has done so. */
  atomic_compare_exchange_strong (&ssem_shm_win32_member (member)->anchor.page->segment_id, &id, 0);

  return 0;
}

/* A name without an object does not stay. */
int
ssem_shm_member_clear_rest (SsemShmMember *member)
{
  return 0;
}

void
ssem_shm_member_close (SsemShmMember *member)
{
  SsemShmWin32Member *self = ssem_shm_win32_member (member);

  ssem_shm_sleep_close (self);
  member->segment = NULL;
  ssem_shm_section_close (&self->section);
  /* A successor can still be published then, if the system has no handle left. */
  if (member->prepared == NULL)
    ssem_shm_anchor_close (&self->anchor);
}

void
ssem_shm_member_discard (SsemShmMember *member)
{
  member->prepared = NULL;
  ssem_shm_section_close (&ssem_shm_win32_member (member)->prepared_section);
}

/* The system has no fork (). */
void
ssem_shm_member_forget (SsemShmMember *member)
{
}

int
ssem_shm_member_check_name (SsemShmMember *member)
{
  SsemShmAnchorPage *page = ssem_shm_win32_member (member)->anchor.page;

  return atomic_load (&page->segment_id) == member->segment->segment_id ? 0 : -EIDRM;
}

/* No outsider can remove a section that is in use. */
int
ssem_shm_member_check_use (SsemShmMember *member)
{
  return 0;
}

/* There is room for all slots. A few are used at first, so that those of the dead are found when no
 * other is free, and not after thousands. */
int
ssem_shm_member_grow (SsemShmMember *member)
{
  guint32 n_slots = atomic_load (&member->segment->n_slots);

  if (n_slots >= SSEM_SHM_MAX_SLOTS)
    return -EUSERS;
  ssem_shm_segment_grow (member->segment, MIN (n_slots * 2, SSEM_SHM_MAX_SLOTS));

  return 0;
}

/* --- Liveness --- */

int
ssem_shm_member_enroll (SsemShmMember *member)
{
  static atomic_uint last_number;
  SsemShmWin32Member *self = ssem_shm_win32_member (member);
  guint64 id;
  int result;

  if (self->is_enrolled)
    return 0;
  result = ssem_shm_alive_enroll (&id);
  if (result != 0)
    return result;

  self->is_enrolled = TRUE;
  member->attach_id = SSEM_SHM_ATTACH_ID (id, atomic_fetch_add (&last_number, 1));

  return 0;
}

/* The process is shown as alive until it ends. */
void
ssem_shm_member_unenroll (SsemShmMember *member)
{
  ssem_shm_win32_member (member)->is_enrolled = FALSE;
}

int
ssem_shm_member_ask (SsemShmMember *member,
                     guint64        attach_id)
{
  return ssem_shm_alive_ask (SSEM_SHM_ATTACH_ID_PROCESS (attach_id));
}

/* A dead process leaves nothing. */
void
ssem_shm_member_bury (SsemShmMember *member,
                      guint64        attach_id)
{
}
