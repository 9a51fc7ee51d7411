/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-environment-private.h"

#include <stdlib.h>

#ifdef HAVE_SECURE_GETENV
#define get_variable secure_getenv
#else
#define get_variable getenv_unless_privileged

#ifdef _WIN32

/* Windows has no set-user-ID programs. */
static const char *
getenv_unless_privileged (const char *name)
{
  return g_getenv (name);
}

#else

#include <unistd.h>

static const char *
getenv_unless_privileged (const char *name)
{
  return getuid () == geteuid () && getgid () == getegid () ? getenv (name) : NULL;
}

#endif
#endif

const char *
ssem_environment_get (const char *name)
{
  const char *value = get_variable (name);

  return value != NULL && *value != '\0' ? value : NULL;
}
