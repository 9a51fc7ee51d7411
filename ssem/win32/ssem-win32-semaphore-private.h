/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-win32-waiting-private.h"

#include <glib.h>
#include <limits.h>

G_BEGIN_DECLS

/* A named semaphore of Windows.
 *
 * The system keeps the name as long as a process has a handle to it. It does not record holders:
 * the units of a dead process are lost.
 *
 * All functions that return a DWORD return ERROR_SUCCESS or the system's error.
 */
typedef struct
{
  HANDLE units;      /* the semaphore */
  HANDLE added;      /* an event, set by each release; see ssem-win32-semaphore.c */
  HANDLE collecting; /* a mutex */
} SsemWin32Semaphore;

#define SSEM_WIN32_SEMAPHORE_MAX LONG_MAX

/* What opening does where the semaphore exists, and where it does not. */
typedef enum
{
  SSEM_WIN32_OPEN_OR_CREATE,
  SSEM_WIN32_OPEN_EXISTING,
  SSEM_WIN32_CREATE_NEW,
} SsemWin32Opening;

/* Returns the name of the semaphore of @key: the same that Qt makes, or one of the name space that
 * SSEM_RUNTIME_DIR moves. */
char *ssem_win32_semaphore_make_name (const char         *key);

/* Opens the semaphore of exactly @name. Returns ERROR_FILE_NOT_FOUND or ERROR_ALREADY_EXISTS where
 * @opening requires the opposite, and ERROR_INVALID_HANDLE where another kind of object has the
 * name. */
DWORD ssem_win32_semaphore_open      (SsemWin32Semaphore *self,
                                      const char         *name,
                                      int                 initial_value,
                                      SsemWin32Opening    opening);
void  ssem_win32_semaphore_close     (SsemWin32Semaphore *self);

/* Takes @n units. Takes none and returns WAIT_TIMEOUT where fewer are available. */
DWORD ssem_win32_semaphore_take      (SsemWin32Semaphore *self,
                                      int                 n);

/* Takes @n units, and waits for them until @waiting is over. */
DWORD ssem_win32_semaphore_wait      (SsemWin32Semaphore *self,
                                      int                 n,
                                      SsemWin32Waiting   *waiting);

/* Adds @n units. Returns ERROR_TOO_MANY_POSTS, and adds none, where the value would pass the
 * maximum. */
DWORD ssem_win32_semaphore_give      (SsemWin32Semaphore *self,
                                      int                 n);

DWORD ssem_win32_semaphore_get_value (SsemWin32Semaphore *self,
                                      int                *value);

G_END_DECLS
