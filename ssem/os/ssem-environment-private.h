/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns the value of the environment variable @name. Returns NULL where it is not set or empty,
 * and in a process with more rights than its user, such as a set-user-ID program. Its user sets the
 * environment, and must not decide where the program creates files or which semaphore it uses. See
 * secure_getenv(3). */
const char *ssem_environment_get (const char *name);

G_END_DECLS
