/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

char *
tool_key_from_argument (const char *argument)
{
  /* On Windows no command prints keys, so no argument is a quoted key. */
  return g_strdup (argument);
}
