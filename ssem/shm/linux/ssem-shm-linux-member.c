/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-linux-member-private.h"
#include "ssem-shm-process-files-private.h"

#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of a segment
 *
 *   A segment is the file DIRECTORY/KEY/NUMBER. It has a directory of its own, because then a
 *   segment gets its name in one step and loses it in one step:
 *
 *   publish   The finished segment lies in a private directory. rename(2) gives that directory the
 *             name DIRECTORY/KEY. It replaces an empty directory, and no other.
 *   remove    A segment that is marked as removed is unlinked, and then its directory removed. No
 *             other file ever gets the segment's number as its name, and rmdir(2) removes only an
 *             empty directory. So any process may do so at any time, and never hits a successor.
 *
 *   So a process that finds a segment which is marked as removed, or an empty directory, waits for
 *   nobody: it does the rest itself. A process that is killed leaves a private directory, which
 *   goes with its process file, or a directory that the next process replaces or removes.
 */

SsemShmMember *
ssem_shm_member_new (const char *key)
{
  SsemShmLinuxMember *self = g_new (SsemShmLinuxMember, 1);

  *self = (SsemShmLinuxMember) {
    .name = ssem_shm_name_new (key),
    .file = SSEM_SHM_FILE_INIT,
    .prepared_file = SSEM_SHM_FILE_INIT,
  };

  return &self->parent;
}

/* Forgets a descriptor that is another file's by now, because the program has closed it. */
static void
disown (SsemShmFile *file)
{
  if (!ssem_file_identity_is (&file->identity, file->fd))
    file->fd = -1;
}

void
ssem_shm_member_free (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  ssem_shm_member_close (member);
  ssem_shm_member_discard (member);
  ssem_shm_name_free (self->name);
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

const char *
ssem_shm_member_get_culprit (SsemShmMember *member)
{
  return ssem_shm_name_get_culprit (ssem_shm_linux_member (member)->name);
}

/* --- The segment --- */

int
ssem_shm_member_open (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  int result = ssem_shm_file_open (&self->file, self->name->path, O_RDWR);

  if (result == 0)
    result = ssem_shm_file_check (&self->file, self->name->key);
  if (result == 0)
    result = ssem_shm_file_map (&self->file, &member->segment);
  if (result != 0)
    ssem_shm_member_close (member);

  return result;
}

int
ssem_shm_member_prepare (SsemShmMember *member,
                         int            initial_value,
                         guint64        incarnation)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  guint64 number = ssem_shm_process_make_number (self->process);
  char directory[SSEM_SHM_PATH_MAX];
  int result;

  ssem_shm_process_make_private_path (self->process, number, directory);
  result = ssem_shm_file_create (&self->prepared_file, directory, number);
  if (result == 0)
    result = ssem_shm_file_map (&self->prepared_file, &member->prepared);
  if (result != 0)
    {
      ssem_shm_member_discard (member);
      return result;
    }

  ssem_shm_segment_fill (member->prepared, self->name->key, initial_value, number, incarnation);

  return 0;
}

int
ssem_shm_member_publish (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  char directory[SSEM_SHM_PATH_MAX];

  ssem_shm_process_make_private_path (self->process, self->prepared_file.number, directory);
  if (rename (directory, self->name->path) != 0)
    {
      /* Another user's directory may be there, in a directory that several users share. */
      if (errno == EPERM)
        return -EACCES;
      return errno == ENOTEMPTY ? -EEXIST : -errno;
    }

  self->file = self->prepared_file;
  member->segment = member->prepared;
  self->prepared_file = (SsemShmFile) SSEM_SHM_FILE_INIT;
  member->prepared = NULL;

  return 0;
}

int
ssem_shm_member_remove (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  int result = ssem_shm_file_remove (&self->file, self->name->path);

  if (result == -EPERM)
    return -EACCES;
  if (result != -ENOENT)
    return result;

  /* Another process has unlinked the file, or an outsider. Finish that, unless the path leads
   * elsewhere now, for example in another root. */
  if (self->process != NULL && ssem_shm_process_check_path (self->process) == 0)
    rmdir (self->name->path);

  return 0;
}

int
ssem_shm_member_clear_rest (SsemShmMember *member)
{
  const SsemShmName *name = ssem_shm_linux_member (member)->name;
  int result = ssem_shm_directory_check (&name->directory);

  if (result != 0)
    return result == -ENOENT ? 0 : result;
  rmdir (name->path);

  return 0;
}

void
ssem_shm_member_close (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  if (member->segment != NULL)
    ssem_shm_file_unmap (member->segment);
  member->segment = NULL;
  disown (&self->file);
  ssem_shm_file_close (&self->file);
}

void
ssem_shm_member_discard (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  char directory[SSEM_SHM_PATH_MAX];

  if (self->prepared_file.fd < 0)
    return;

  ssem_shm_process_make_private_path (self->process, self->prepared_file.number, directory);
  ssem_shm_file_remove (&self->prepared_file, directory);
  ssem_shm_file_close (&self->prepared_file);
  if (member->prepared != NULL)
    ssem_shm_file_unmap (member->prepared);
  member->prepared = NULL;
}

void
ssem_shm_member_forget (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  ssem_shm_member_close (member);

  /* The directory of the prepared segment is the parent's. */
  if (member->prepared != NULL)
    ssem_shm_file_unmap (member->prepared);
  member->prepared = NULL;
  disown (&self->prepared_file);
  ssem_shm_file_close (&self->prepared_file);

  member->attach_id = 0;
  self->process = NULL;
  self->is_enrolled = FALSE;
}

int
ssem_shm_member_check_name (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  if (!ssem_shm_file_is_in (&self->file, self->name->path))
    return -EIDRM;

  return ssem_shm_process_check (self->process);
}

int
ssem_shm_member_check_use (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  int result = ssem_shm_file_check_use (&self->file, self->name->path);

  return result == 0 ? ssem_shm_process_check (self->process) : result;
}

int
ssem_shm_member_grow (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  guint32 n_slots = atomic_load (&member->segment->n_slots);
  guint32 more = MIN (n_slots * 2, SSEM_SHM_MAX_SLOTS);
  int result;

  if (n_slots >= SSEM_SHM_MAX_SLOTS)
    return -EUSERS;

  result = ssem_shm_file_reserve (&self->file, self->name->path, more);
  if (result == 0)
    ssem_shm_segment_grow (member->segment, more);

  return result;
}

/* --- Liveness --- */

int
ssem_shm_member_enroll (SsemShmMember *member)
{
  static atomic_uint last_number;
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  int result;

  if (self->is_enrolled)
    return 0;
  result = ssem_shm_process_use (&self->name->directory, &self->process);
  if (result != 0)
    return result;

  self->is_enrolled = TRUE;
  member->attach_id = SSEM_SHM_ATTACH_ID (ssem_shm_process_get_id (self->process),
                                          atomic_fetch_add (&last_number, 1));

  return 0;
}

void
ssem_shm_member_unenroll (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  if (self->is_enrolled)
    ssem_shm_process_end_use (self->process);
  self->is_enrolled = FALSE;
}

/* For a process that has no process file, because it is not attached. */
static int
ask_as_observer (SsemShmLinuxMember *self,
                 guint64             id)
{
  int fd = ssem_shm_process_files_open (&self->name->directory);
  int result;

  if (fd < 0)
    return fd;
  result = ssem_shm_process_files_ask (fd, id);
  close (fd);

  return result;
}

int
ssem_shm_member_ask (SsemShmMember *member,
                     guint64        attach_id)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  guint64 id = SSEM_SHM_ATTACH_ID_PROCESS (attach_id);
  int result;

  if (self->process == NULL)
    {
      result = ask_as_observer (self, id);
      return result != 0 && result != -ENOENT;
    }
  if (id == ssem_shm_process_get_id (self->process))
    return 1;

  result = ssem_shm_process_ask (self->process, id);

  return result >= 0 || result == -EIDRM || result == -EBADF ? result : 1;
}

void
ssem_shm_member_bury (SsemShmMember *member,
                      guint64        attach_id)
{
  ssem_shm_process_bury (ssem_shm_linux_member (member)->process,
                         SSEM_SHM_ATTACH_ID_PROCESS (attach_id));
}

/* Watchers watch the directory of all process files. */
void
ssem_shm_member_arrive (SsemShmMember *member)
{
}

void
ssem_shm_port_exit (void)
{
  ssem_shm_process_exit ();
}
