/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* For LD_PRELOAD: a program that was installed with DESTDIR looks for its catalogues where they
 * would be without it. This looks below the directory that the environment names. */

#include <dlfcn.h>
#include <libintl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
bindtextdomain (const char *domain,
                const char *directory)
{
  char *(*next) (const char *, const char *);
  const char *root = getenv ("SSEM_TEST_ROOT");
  char *below = NULL;
  char *bound;

  *(void **) &next = dlsym (RTLD_NEXT, "bindtextdomain");
  /* The catalogues of GLib are the system's. */
  if (root == NULL || directory == NULL || strcmp (domain, DOMAIN) != 0)
    return next (domain, directory);

  if (asprintf (&below, "%s%s", root, directory) < 0)
    abort ();
  bound = next (domain, below);
  free (below);

  return bound;
}
