/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The segment's file: where it lies, what is in it, and who is alive. How it comes and goes is told
 * in ssem-shm-naming.c.
 *
 * Functions answer 0 or -errno unless they say otherwise, and none of them waits for another
 * process.
 */
typedef struct
{
  char *key;              /* constant after init */
  char *folder;           /* constant after init */
  gboolean owns_folder;   /* constant after init: we make it, and remove it at the end */
  char *path;             /* constant after init: the first place */
  gboolean expects_none;  /* this process has removed the last one that it knows of */

  int fd;                 /* -1 when not open; holds the locks */
  char *place;            /* where it got its name, while it is open */
  SsemFileIdentity identity; /* of fd's file, while memory is there */
  SsemShmSegment *memory;
  int wing_fd;            /* -1 where the process's lock is on fd's file */
  SsemFileIdentity wing_identity;
  void *wing_memory;
  guint64 process;        /* this process's number in the segment; never used again */
  gboolean is_counted;    /* among those whose byte is in fd's file */
  guint64 incarnation;        /* of the segment; stays when it is closed */
} SsemShmFile;

/* Where the locks lie: the byte of process number 0. The rest is told in ssem-shm-file.c. */
#define SSEM_SHM_LOCKS_ATTACHED (G_GINT64_CONSTANT (1) << 48)
#define SSEM_SHM_LOCKS_LINGERS  (G_GINT64_CONSTANT (1) << 49)
#define SSEM_SHM_LOCKS_LISTENS  (G_GINT64_CONSTANT (1) << 50)

void     ssem_shm_file_init   (SsemShmFile *self,
                               const char  *key);
void     ssem_shm_file_clear  (SsemShmFile *self);

/* The name of the first place of a key: the key itself, escaped as in a URI; or for a long one its
 * letters and its hash. No two keys have the same, and none has a "=" or "+" at its end. */
char    *ssem_shm_file_make_name (const char *key);

/* For who finds a file by its name, and its key in it. */
void     ssem_shm_file_set_path (SsemShmFile *self,
                                 const char  *folder,
                                 const char  *name);

/* Opens and maps the segment in @place, without entering this process. One that is doomed is
 * opened, too. -ENOENT where there is none; -EACCES for another user's, -ELOOP for a link, -EBADMSG
 * for what is no segment of this key, -EPROTO for one of another version. */
int      ssem_shm_file_open   (SsemShmFile *self,
                               const char  *place);

/* Opens and maps a new segment, nascent, which this process is attached to and which has no name
 * yet. An heir is of the lineage that was opened last. -ENOENT where the folder is gone. */
int      ssem_shm_file_create (SsemShmFile *self,
                               int          initial_value,
                               gboolean     is_heir);

/* Makes a folder of the user's own; harmless where there is one. -ENOENT where it has no place. */
int      ssem_shm_file_make_folder (const char *path);

/* The folder of the further places. */
char    *ssem_shm_file_get_further (SsemShmFile *self);

/* FALSE where there are neither further places nor wings, of this key and of any. Who has made one,
 * and something in it, must find that it is so; else nobody would find it. */
gboolean ssem_shm_file_has_folders (SsemShmFile *self);

/* The further places that something lies in; NULL where there are none, as nearly always. With an
 * error nobody knows. */
int      ssem_shm_file_list_further (SsemShmFile *self,
                                     GStrv       *places);

/* Whether the descriptor is there, and still ours: see ssem-file-identity-private.h. The mapping
 * keeps the locks without it, so the process counts as alive and its units stay its own; but it
 * can't ask who else lives, nor come or go. */
static inline gboolean
ssem_shm_file_has_descriptor (SsemShmFile *self)
{
  return ssem_file_identity_is (&self->identity, self->fd) &&
         (self->wing_memory == NULL || ssem_file_identity_is (&self->wing_identity, self->wing_fd));
}

/* Gives up the descriptors, without touching them, that are not ours any more. */
void     ssem_shm_file_disown (SsemShmFile *self);

/* Notes where it has got its name. */
void     ssem_shm_file_set_place (SsemShmFile *self,
                                  const char  *place);

/* Gives up the memory, the descriptor and all locks. */
void     ssem_shm_file_close  (SsemShmFile *self);

/* Gives this process, which has opened the segment, a number, and takes the byte that says that it
 * is attached; as one of a crowd, where it may stay. */
int      ssem_shm_file_take_number (SsemShmFile *self,
                                    gboolean     may_stay);

/* Into the count of those whose byte is in the segment's own file, and out of it; again is
 * harmless. */
void     ssem_shm_file_count       (SsemShmFile *self);
void     ssem_shm_file_uncount     (SsemShmFile *self);

/* This process's byte among those from @first on. */
int      ssem_shm_file_lock_number (SsemShmFile  *self,
                                    goffset       first,
                                    SsemFileLock  lock);

/* Whether somebody is attached: another process, or another attachment of this one. */
gboolean ssem_shm_file_has_others  (SsemShmFile *self);

/* Whether the process with that number is attached, or lingers. */
gboolean ssem_shm_file_is_alive    (SsemShmFile *self,
                                    guint64      process);

/* Whether its path names it. That may be FALSE for a segment in use: a process that has changed its
 * root, or whose view of the mounts differs, sees other files. */
gboolean ssem_shm_file_is_in_place (SsemShmFile *self);

/* Whether something outside has removed it: it has no name any more, wherever it was. -EBADF where
 * the program has closed the descriptor. */
int      ssem_shm_file_check_use   (SsemShmFile *self);

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
int      ssem_shm_file_open_to_look  (SsemShmFile *self,
                                      const char  *place);

/* Whether @head, read from a file of @size bytes, is the beginning of a segment: of @key, or of any
 * key where that is NULL. 0, -EBADMSG or -EPROTO; -ENOENT for one that is being removed. */
int      ssem_shm_file_check_head    (const SsemShmSegment *head,
                                      goffset               size,
                                      const char           *key);

/* Whether the folder of all is as it must be; -ENOENT where it is not there. */
int      ssem_shm_file_check_folder  (SsemShmFile *self);

/* To be called after a segment was opened or got its name, and before it is used: whether it lies in
 * a directory of the user's own. Another user may have put a directory of his there since the last
 * look. -ENOENT where it has lost its name; else the errors of check_folder (). */
int      ssem_shm_file_check_place   (SsemShmFile *self);

G_END_DECLS
