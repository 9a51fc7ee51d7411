/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-profile-private.h"

#include <sysprof-capture.h>

gboolean
ssem_profile_is_on (void)
{
  return sysprof_collector_is_active ();
}

gint64
ssem_profile_get_time (void)
{
  return SYSPROF_CAPTURE_CURRENT_TIME;
}

void
ssem_profile_mark_wait (gint64      begin,
                        const char *key,
                        int         n,
                        const char *outcome)
{
  sysprof_collector_mark_printf (begin, ssem_profile_get_time () - begin, "ssem", "wait",
                                 "%s: %d units, %s", key, n, outcome);
}
