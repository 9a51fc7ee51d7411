/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

G_BEGIN_DECLS

/* Native keys of System V for the tests. A peer is a program that calls ftok () and semget (), as
 * Qt does for a native key of the type systemv. */

#define QT    81 /* Qt's project number of ftok () */
#define OTHER 5

static inline char *
make_path (Fixture    *fixture,
           const char *name)
{
  return g_build_filename (fixture->directory, name, NULL);
}

/* Returns the native key of a path that needs no encoding. */
static inline char *
make_native_key (const char *path,
                 int         project)
{
  return project == QT ? g_strconcat ("systemv:", path, NULL)
                       : g_strdup_printf ("systemv-%d:%s", project, path);
}

static inline void
expect_refused (const char     *native_key,
                SsemAccessMode  mode,
                int             code,
                const char     *named)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = ssem_system_semaphore_new_for_native_key (native_key, 1, mode, &error);
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  g_assert_null (semaphore);
  g_assert_nonnull (strstr (error->message, named));
}

static inline int
find_set (const char *path,
          int         project)
{
  key_t key = ftok (path, project);

  return key != (key_t) -1 ? semget (key, 1, 0) : -1;
}

/* What a peer does with a set. */
static inline int
operate (int set,
         int n)
{
  struct sembuf operation = { .sem_op = (short) n, .sem_flg = SEM_UNDO };

  return semop (set, &operation, 1);
}

G_END_DECLS
