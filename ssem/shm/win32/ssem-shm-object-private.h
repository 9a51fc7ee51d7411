/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <windows.h>

G_BEGIN_DECLS

/* Named objects of the session: names, rights and errors. The design note is in
 * ssem-shm-object.c. Functions return 0 or -errno unless stated otherwise. */

#define SSEM_SHM_NAME_MAX 160

/* A name as the system wants it: "Local\\" and what follows, in UTF-16. */
typedef struct
{
  wchar_t text[SSEM_SHM_NAME_MAX];
} SsemShmObjectName;

/* A section with its view. */
typedef struct
{
  HANDLE handle; /* NULL while closed; keeps the name */
  void *memory;
  gsize size;    /* of the memory that can be used */
} SsemShmSection;

/* Makes a name of ASCII letters. */
void     ssem_shm_object_make_name    (SsemShmObjectName *self,
                                       const char        *format,
                                       ...) G_GNUC_PRINTF (2, 3);

/* Returns -errno for an error of the system. */
int      ssem_shm_object_error        (DWORD error);

/* Returns 0 if the object belongs to the user of this process; -EACCES if not. */
int      ssem_shm_object_check_owner  (HANDLE object);

/* Returns whether an object of any kind has the name. Opens no handle. -EACCES or another error if
 * the answer is unknown. */
int      ssem_shm_object_exists       (const SsemShmObjectName *name);

/* Creates an auto-reset event, or opens the one that has the name. Sets @is_new, unless that is
 * NULL. */
int      ssem_shm_object_use_event    (const SsemShmObjectName *name,
                                       HANDLE                  *event,
                                       gboolean                *is_new);

/* Creates a section of @size bytes, all zeros, or opens the one that has the name. Sets @is_new,
 * unless that is NULL. -EPROTOTYPE if something else has the name. */
int      ssem_shm_section_use         (SsemShmSection          *self,
                                       const SsemShmObjectName *name,
                                       gsize                    size,
                                       gboolean                *is_new);

/* Opens a section, for reading only if @access says so: FILE_MAP_READ or FILE_MAP_ALL_ACCESS.
 * -ENOENT if none has the name. */
int      ssem_shm_section_open        (SsemShmSection          *self,
                                       const SsemShmObjectName *name,
                                       DWORD                    access);

void     ssem_shm_section_close       (SsemShmSection          *self);

G_END_DECLS
