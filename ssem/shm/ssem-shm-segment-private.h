/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The segment's file: where it lies, how it comes and goes, and who is alive.
 *
 * The protocol is told in ssem-shm-segment.c. Functions answer 0 or -errno unless they say
 * otherwise, and none of them waits for another process.
 */
typedef struct
{
  char *key;              /* constant after init */
  char *folder;           /* constant after init */
  gboolean owns_folder;   /* constant after init: we make it, and remove it when it is empty */
  char *path;             /* constant after init: the key's own folder */
  char *new_path;         /* constant after init: that of a segment not published yet */

  int fd;                 /* -1 when not open; holds the locks */
  int folder_fd;          /* the key's folder, whatever the path names now; -1 when not open */
  SsemFileIdentity identity;        /* of fd's file, while memory is there */
  SsemFileIdentity folder_identity; /* of folder_fd's */
  SsemShmSegment *memory;
  guint64 process;        /* this process's number in the segment; never used again */
  guint64 lineage;        /* of the segment; stays when it is closed */
} SsemShmFile;

/* Where the locks lie: the byte of process number 0. The rest is told in ssem-shm-segment.c. */
#define SSEM_SHM_LOCKS_ATTACHED (G_GINT64_CONSTANT (1) << 40)
#define SSEM_SHM_LOCKS_LINGERS  (G_GINT64_CONSTANT (1) << 41)
#define SSEM_SHM_LOCKS_LISTENS  (G_GINT64_CONSTANT (1) << 42)

void     ssem_shm_file_init   (SsemShmFile *self,
                               const char  *key);
void     ssem_shm_file_clear  (SsemShmFile *self);

/* Opens and maps the segment of the key, after creating it with @initial_value where @may_create,
 * and enters this process among the attached. @must_create: -EEXIST where somebody is attached; one
 * that nobody is attached to makes way. -ENOENT where there is none and @may_create is FALSE;
 * -EACCES for another user's, -ELOOP for a link, -EBADMSG for what is no segment of this key,
 * -EPROTO for one of another version. @is_new tells whether it was created. */
int      ssem_shm_file_attach (SsemShmFile *self,
                               int          initial_value,
                               gboolean     may_create,
                               gboolean     must_create,
                               gboolean    *is_new);

/* Comes back among the attached, after lingering. -EIDRM where the segment is gone. */
int      ssem_shm_file_rejoin (SsemShmFile *self);

/* Leaves the attached; the last one removes the segment. With @lingers the process stays known as
 * alive, so that what it holds is not given back. Answers whether the segment was removed. */
gboolean ssem_shm_file_leave  (SsemShmFile *self,
                               gboolean     lingers);

/* Whether the descriptor is there, and still ours: see ssem-file-identity-private.h. The mapping
 * keeps the locks without it, so the process counts as alive and its units stay its own; but it
 * can't ask who else lives, nor come or go. */
static inline gboolean
ssem_shm_file_has_descriptor (SsemShmFile *self)
{
  return ssem_file_identity_is (&self->identity, self->fd);
}

/* Gives up the memory, the descriptor and all locks. */
void     ssem_shm_file_close  (SsemShmFile *self);

/* Whether somebody is attached: another process, or another attachment of this one. */
gboolean ssem_shm_file_has_others  (SsemShmFile *self);

/* Whether the process with that number is attached, or lingers. */
gboolean ssem_shm_file_is_alive    (SsemShmFile *self,
                                    guint64      process);

/* FALSE when something outside has removed it. */
gboolean ssem_shm_file_is_in_place (SsemShmFile *self);

/* Makes room for more slots. -EUSERS when there are as many as there can be. */
int      ssem_shm_file_grow        (SsemShmFile *self);

/* Makes this process one of the few that listen for deaths; -EAGAIN when there are enough. */
int      ssem_shm_file_listen      (SsemShmFile *self);

void     ssem_shm_file_unlisten    (SsemShmFile *self);

/* What to name when opening failed: the folder of all where it is not as it must be, else the
 * key's. */
const char *ssem_shm_file_get_culprit (SsemShmFile *self);

/* Opens the segment for reading only, without attaching or mapping; the errors are those of
 * attaching. What it holds has yet to be checked. */
int      ssem_shm_file_open_to_look  (SsemShmFile *self);

/* Whether @head, read from a file of @size bytes, is the beginning of a segment: of @key, or of any
 * key where that is NULL. 0, -EBADMSG or -EPROTO; -ENOENT for one that is being removed. */
int      ssem_shm_file_check_head    (const SsemShmSegment *head,
                                      goffset               size,
                                      const char           *key);

/* Removes a segment that nobody is attached to; -EBUSY where somebody is. */
int      ssem_shm_file_remove_leftover (SsemShmFile *self);

/* Whether the folder of all is as it must be; -ENOENT where it is not there. */
int      ssem_shm_file_check_folder  (SsemShmFile *self);

/* The path of the file that is closed when an attached process dies. */
char    *ssem_shm_file_get_path    (SsemShmFile *self);

G_END_DECLS
