/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The value of the environment variable @name; NULL where it is not set, or is empty, or where this
 * process has rights that the user who started it lacks (a set-user-ID program, or one with file
 * capabilities). That user sets the environment, and must not decide where such a program creates
 * files or which semaphore it uses. See secure_getenv(3). */
const char *ssem_environment_get (const char *name);

G_END_DECLS
