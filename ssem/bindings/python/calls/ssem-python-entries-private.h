/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-python-request-private.h"

G_BEGIN_DECLS

/* The entries of blocks, of which the last is left first.
 *
 * A child of fork () may leave a block that its parent has entered, and must not release units
 * there. So each entry notes the generation of the process: how many forks lie before it.
 */
typedef struct
{
  unsigned int *generations;
  unsigned int n;
  unsigned int size;
} SsemPythonEntries;

/* Counts the forks from now on. Call it once in a process. */
void               ssem_python_entries_init   (void);

/* Returns the entries of a semaphore. They belong to the GObject, because the wrapper may go and
 * come back. */
SsemPythonEntries *ssem_python_entries_of     (SsemSystemSemaphore *semaphore);

void               ssem_python_entries_add    (SsemPythonEntries   *self);

/* Returns 1 if this process made the last entry, 0 if an ancestor did, or -1 with an exception if
 * there is none. */
int                ssem_python_entries_remove (SsemPythonEntries   *self);

/* Leaves a block, and releases its units if this process has entered it. Returns None, or NULL with
 * an exception. */
PyObject          *ssem_python_entries_leave  (SsemPythonEntries   *self,
                                               SsemSystemSemaphore *semaphore,
                                               int                  n);

G_END_DECLS
