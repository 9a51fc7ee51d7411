/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-random-private.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* For a sandbox that forbids getrandom (), and for a system that has just started and has no random
 * numbers yet. The time, the process and a count are together never the same twice. */
static guint64
make_unique (void)
{
  static atomic_uint n_made;
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);

  return (guint64) getpid () << 40 ^ (guint64) atomic_fetch_add (&n_made, 1) << 32 ^
         (guint64) now.tv_sec * 1000000007 ^ (guint64) now.tv_nsec << 20;
}

guint64
ssem_random_unique (void)
{
  guint64 number = 0;
  gssize n_read;

  do
    n_read = getrandom (&number, sizeof number, GRND_NONBLOCK);
  while (n_read < 0 && errno == EINTR);
  if (n_read != sizeof number)
    number = make_unique ();

  return number != 0 ? number : 1;
}
