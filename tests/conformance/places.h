/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* Where the semaphores of a test lie: in files and in the kernel's sets, or among the system's
 * names. What the tests call of it is in conformance.h. */

/* Returns what no backend has on this system. */
Needs places_get_lacks (void);

void  places_begin     (Fixture  *fixture);
/* Remembers what is there now; the source, a helper or nobody, does not matter. */
void  places_note      (gpointer  source,
                        gpointer  fixture);
/* Fails the test where anything that was seen is still there. */
void  places_end       (Fixture  *fixture);

G_END_DECLS
