/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-runtime-version.h"

/**
 * ssem_get_version:
 * @major: (out) (optional): return location for the major version
 * @minor: (out) (optional): return location for the minor version
 * @micro: (out) (optional): return location for the micro version
 *
 * Gets the version of the library that the program runs with.
 *
 * It may differ from `SSEM_MAJOR_VERSION`, `SSEM_MINOR_VERSION` and `SSEM_MICRO_VERSION`, which are
 * those of the headers.
 *
 * Since: 1.0
 */
void
ssem_get_version (guint *major,
                  guint *minor,
                  guint *micro)
{
  if (major != NULL)
    *major = SSEM_MAJOR_VERSION;
  if (minor != NULL)
    *minor = SSEM_MINOR_VERSION;
  if (micro != NULL)
    *micro = SSEM_MICRO_VERSION;
}

/**
 * ssem_check_version:
 * @major: a major version
 * @minor: a minor version
 * @micro: a micro version
 *
 * Returns whether the library that the program runs with is that version or a later one.
 *
 * The macro `SSEM_CHECK_VERSION` compares with the headers instead, at compile time.
 *
 * Returns: `TRUE` if the library is not older
 *
 * Since: 1.0
 */
gboolean
ssem_check_version (guint major,
                    guint minor,
                    guint micro)
{
  const guint here[] = { SSEM_MAJOR_VERSION, SSEM_MINOR_VERSION, SSEM_MICRO_VERSION };
  const guint wanted[] = { major, minor, micro };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (here); i++)
    {
      if (here[i] != wanted[i])
        return here[i] > wanted[i];
    }

  return TRUE;
}
