/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-runtime-version.h"

/**
 * ssem_get_major_version:
 *
 * Returns the major version of the library that the program runs with.
 *
 * It may differ from `SSEM_MAJOR_VERSION`, which is that of the headers.
 *
 * Returns: the major version
 *
 * Since: 1.0
 */
guint
ssem_get_major_version (void)
{
  return SSEM_MAJOR_VERSION;
}

/**
 * ssem_get_minor_version:
 *
 * Returns the minor version of the library that the program runs with.
 *
 * It may differ from `SSEM_MINOR_VERSION`, which is that of the headers.
 *
 * Returns: the minor version
 *
 * Since: 1.0
 */
guint
ssem_get_minor_version (void)
{
  return SSEM_MINOR_VERSION;
}

/**
 * ssem_get_micro_version:
 *
 * Returns the micro version of the library that the program runs with.
 *
 * It may differ from `SSEM_MICRO_VERSION`, which is that of the headers.
 *
 * Returns: the micro version
 *
 * Since: 1.0
 */
guint
ssem_get_micro_version (void)
{
  return SSEM_MICRO_VERSION;
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
