/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* A look at a segment without attaching: part of what a system has to provide, beside
 * ssem-shm-port-private.h.
 */
typedef struct
{
  SsemShmSegment *copy; /* which no process writes */
  guint64 word;         /* `state` */
  GHashTable *alive;    /* the attach ids of the processes that are attached or linger; each with
                         * the arguments that the process has registered, a GStrv, or NULL */
  int n_attached;
} SsemShmLook;

/* --- The portable part --- */

/* Copies @size bytes at @offset of a segment, or fewer if there are no more. Returns how many, or
 * -errno. */
typedef gssize (*SsemShmReadFunc) (gconstpointer  source,
                                   void          *buffer,
                                   gsize          size,
                                   goffset        offset);

/* Returns whether the process with that id is alive, and may set *@arguments to those that it has
 * registered. */
typedef gboolean (*SsemShmAliveFunc) (gconstpointer   data,
                                      guint64         process_id,
                                      char         ***arguments);

/* Creates a look that has seen nothing. */
SsemShmLook *ssem_shm_look_new (void);

/* Copies the segment of @size bytes that @read reads. @key may be NULL. Returns 0 or -errno; those
 * of ssem_shm_segment_check () if it is no segment of the key. */
int  ssem_shm_look_read   (SsemShmLook      *self,
                           goffset           size,
                           const char       *key,
                           SsemShmReadFunc   read,
                           gconstpointer     source);

/* Adds the attach ids of the live processes, and counts those that are attached. */
void ssem_shm_look_ask    (SsemShmLook      *self,
                           SsemShmAliveFunc  is_alive,
                           gconstpointer     data);

void ssem_shm_look_free   (SsemShmLook  *look);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemShmLook, ssem_shm_look_free)

/* --- The system's part --- */

/* Looks at the segment of @key. Returns 0 and a new look; the errors of ssem_shm_member_attach ();
 * -ENOENT if there is no segment. */
int  ssem_shm_look        (const char   *key,
                           SsemShmLook **look);

typedef void (*SsemShmLookFunc) (const SsemShmLook *look,
                                 gpointer           data);

/* Calls @func for each segment of the user that can be read. Adds to @n_others how many files of
 * other users may be segments. Sets @directory in any case; the caller frees it. Returns 0 or
 * -errno. */
int  ssem_shm_look_at_all (SsemShmLookFunc   func,
                           gpointer          data,
                           guint            *n_others,
                           char            **directory);

/* Returns the directory in which something appears with a segment of the user, and disappears with
 * it; sets @prefix to what the names of these things begin with. NULL if the system has none. */
char *ssem_shm_look_get_directory (const char **prefix);

G_END_DECLS
