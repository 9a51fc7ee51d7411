/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-alive-private.h"

#include "ssem-shm-object-private.h"

#include "ssem/os/ssem-random-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem/shm/ssem-shm-layout-private.h"

/* Each process has one event, whose name contains its process id. Its only handle is this
 * process's, and is closed by the system when the process ends. So the name exists exactly as long
 * as the process. A question asks whether the name exists, and opens nothing: see
 * ssem_shm_object_exists (). The event itself is never set.
 *
 * The process id is a random number. The system's process ids are used again and decide nothing.
 */

#define MAX_TRIES 100

static GMutex own_lock;
static guint64 own_id;   /* protected by own_lock; 0 before the first use */
static HANDLE own_event; /* the same */

static void
make_name (guint64            id,
           const char        *suffix,
           SsemShmObjectName *name)
{
  ssem_shm_object_make_name (name, "Local\\ssem_process_%012" G_GINT64_MODIFIER "x%s", id, suffix);
}

/* With own_lock. */
static int
show_process (void)
{
  int result = 0, i;

  for (i = 0; i < MAX_TRIES && result == 0 && own_id == 0; i++)
    {
      guint64 id = ssem_random_unique () >> (64 - SSEM_SHM_PROCESS_ID_BITS);
      SsemShmObjectName name;
      gboolean is_new = FALSE;

      if (id == 0)
        continue;
      make_name (id, "", &name);
      result = ssem_shm_object_use_event (&name, &own_event, &is_new);
      if (result == 0 && is_new)
        own_id = id;
      else if (result == 0)
        CloseHandle (own_event);
    }

  return result;
}

int
ssem_shm_alive_enroll (guint64 *id)
{
  int result;

  ssem_thread_lock (&own_lock);
  result = show_process ();
  *id = own_id;
  ssem_thread_unlock (&own_lock);

  return result;
}

int
ssem_shm_alive_ask (guint64 id)
{
  SsemShmObjectName name;

  make_name (id, "", &name);

  return ssem_shm_object_exists (&name) != 0;
}

int
ssem_shm_alive_use_arrivals (guint64  id,
                             HANDLE  *event)
{
  SsemShmObjectName name;

  make_name (id, "_arrivals", &name);

  return ssem_shm_object_use_event (&name, event, NULL);
}
