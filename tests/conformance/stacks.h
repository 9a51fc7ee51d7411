/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <pthread.h>

G_BEGIN_DECLS

#define SMALL_STACK (256 * 1024)

/* For threads to come. Thousands of them, each with the usual 8 MiB, are more than a 32-bit process
 * can address. */
static inline void
use_small_stacks (void)
{
  pthread_attr_t attributes;

  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, SMALL_STACK);
  g_assert_cmpint (pthread_setattr_default_np (&attributes), ==, 0);
  pthread_attr_destroy (&attributes);
}

G_END_DECLS
