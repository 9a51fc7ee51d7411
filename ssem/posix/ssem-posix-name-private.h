/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How a key leads to the name of a POSIX semaphore, such as "/market", and the name to a file.
 *
 * Qt puts a slash in front of the key (QSystemSemaphore::platformSafeKey () of Qt 6.6 and later).
 * The library does the same for a key that can be such a name. Other keys get names of the
 * library's own, which begin with "/ssem_" or "/ssem=". So does a key that begins so itself. If
 * SSEM_RUNTIME_DIR is set, all keys get names of the library's own, which contain a hash of the
 * directory, because nothing can move the names of the system elsewhere.
 */

/* The directory of the files, and what their names begin with; then follows the semaphore's name
 * without its slash. See sem_overview (7). */
#define SSEM_POSIX_DIRECTORY "/dev/shm"
#define SSEM_POSIX_PREFIX    SSEM_POSIX_FILE_PREFIX

/* The longest name of the system, with its slash. */
#define SSEM_POSIX_NAME_MAX  (1 + 255 - (int) strlen (SSEM_POSIX_PREFIX))

/* Returns the name of the semaphore of @key. No two keys have the same name. */
char    *ssem_posix_name_new      (const char *key);

/* Returns the name that sem_open () makes of @text: it does not distinguish "market", "/market" and
 * "//market". */
char    *ssem_posix_name_of_text  (const char *text);

/* Returns whether @name can be the name of a semaphore. */
gboolean ssem_posix_name_is_valid (const char *name);

/* Returns the path of the semaphore's file. */
char    *ssem_posix_name_get_path (const char *name);

/* Returns the key that leads to @name, if @name shows it; else NULL. */
char    *ssem_posix_name_get_key  (const char *name);

/* Returns whether @name belongs to the name space in which keys are looked up now. */
gboolean ssem_posix_name_is_here  (const char *name);

G_END_DECLS
