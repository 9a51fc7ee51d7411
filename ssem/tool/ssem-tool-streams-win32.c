/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <locale.h>

void
tool_keep_streams (void)
{
  /* What the library opens are handles, which never stand for a stream. */
}

void
tool_set_locale (void)
{
  setlocale (LC_ALL, "");
}
