/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-win32-waiting-private.h"

#include <glib.h>
#include <limits.h>

G_BEGIN_DECLS

/* A named semaphore of Windows, the one that Qt makes for the same key.
 *
 * The system keeps the name as long as anybody has a handle, and nothing after that. It knows no
 * holders: the units of a process that dies are gone.
 *
 * All calls that answer a DWORD answer ERROR_SUCCESS, or the system's error.
 */
typedef struct
{
  HANDLE units;      /* the semaphore */
  HANDLE bell;       /* an event, set by whatever adds units; see ssem-win32-semaphore.c */
  HANDLE collecting; /* a mutex */
} SsemWin32Semaphore;

#define SSEM_WIN32_SEMAPHORE_MAX LONG_MAX

/* What opening does about a semaphore that is there, or is not. */
typedef enum
{
  SSEM_WIN32_OPEN_OR_CREATE,
  SSEM_WIN32_OPEN_EXISTING,
  SSEM_WIN32_CREATE_NEW,
} SsemWin32Opening;

/* ERROR_FILE_NOT_FOUND or ERROR_ALREADY_EXISTS where the opening forbids what there is;
 * ERROR_INVALID_HANDLE where the name is that of another sort of object. */
DWORD ssem_win32_semaphore_open      (SsemWin32Semaphore *self,
                                      const char         *key,
                                      int                 initial_value,
                                      SsemWin32Opening    opening);
void  ssem_win32_semaphore_close     (SsemWin32Semaphore *self);

/* Takes @n units, or none and answers WAIT_TIMEOUT where there are fewer. With @waiting it looks at
 * that now and then, as taking many units is long; answers WAIT_TIMEOUT when it is over. */
DWORD ssem_win32_semaphore_take      (SsemWin32Semaphore *self,
                                      int                 n,
                                      SsemWin32Waiting   *waiting);

/* The same, but waits until @waiting is over. */
DWORD ssem_win32_semaphore_wait      (SsemWin32Semaphore *self,
                                      int                 n,
                                      SsemWin32Waiting   *waiting);

/* ERROR_TOO_MANY_POSTS, and nothing has changed, where the value would pass the maximum. */
DWORD ssem_win32_semaphore_give      (SsemWin32Semaphore *self,
                                      int                 n);

DWORD ssem_win32_semaphore_get_value (SsemWin32Semaphore *self,
                                      int                *value);

G_END_DECLS
