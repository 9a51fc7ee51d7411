/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* For tests that look at semaphores from outside. */

/* The fixture's semaphore, which must be there. */
static inline SsemSemaphoreInfo *
look (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  SsemSemaphoreInfo *info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);

  g_assert_no_error (error);
  g_assert_nonnull (info);
  g_assert_cmpstr (ssem_semaphore_info_get_key (info), ==, fixture->key);
  g_assert_cmpint (ssem_semaphore_info_get_backend (info), ==, fixture->backend);

  return info;
}

/* So many semaphores of the backend are listed. */
static inline void
assert_n_listed (Fixture *fixture,
                 guint    n)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) infos = ssem_semaphore_info_list (fixture->backend, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, ==, n);
}

/* The fixture's semaphore is not there, and no other one is. */
static inline void
assert_not_found (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  assert_code (error, NOT_FOUND);
  assert_n_listed (fixture, 0);
}

G_END_DECLS
