/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* The main () of the programs that define conformance_cases. The linker takes it from the suite's
 * library only where a program has none. */
int
main (int    argc,
      char **argv)
{
  const Case *next;

  conformance_init (&argc, &argv, conformance_topic);
  for (next = conformance_cases; next->name != NULL; next++)
    {
      Case what = *next;

      what.needs |= conformance_needs;
      conformance_add_case (&what);
    }

  return conformance_run ();
}
