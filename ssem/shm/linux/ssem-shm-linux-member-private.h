/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-file-private.h"
#include "ssem/shm/linux/ssem-shm-name-private.h"
#include "ssem/shm/linux/ssem-shm-process-private.h"
#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* A SsemShmMember on Linux: a file that is open and mapped, and the process file by which others
 * know that this process is alive. ssem-shm-linux-member.c describes how a segment gets its name
 * and loses it. */
typedef struct
{
  SsemShmMember parent;
  SsemShmName *name;       /* constant after init */
  SsemShmFile file;
  SsemShmFile prepared_file;
  SsemShmProcess *process; /* NULL before the first ssem_shm_member_enroll () */
  gboolean is_enrolled;
} SsemShmLinuxMember;

/* Casts the portable type. */
static inline SsemShmLinuxMember *
ssem_shm_linux_member (SsemShmMember *member)
{
  return (SsemShmLinuxMember *) member;
}

G_END_DECLS
