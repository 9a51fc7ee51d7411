/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <locale.h>

void
tool_reserve_streams (void)
{
  /* The library opens handles only, which never become a standard stream. */
}

void
tool_set_locale (void)
{
  setlocale (LC_ALL, "");
}
