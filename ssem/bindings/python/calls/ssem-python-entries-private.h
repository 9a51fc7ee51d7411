/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-python-request-private.h"

G_BEGIN_DECLS

/* The entries of blocks.
 *
 * A child of fork () may leave a block that its parent has entered, and must not release units
 * there. So each entry notes the generation of the process: how many forks lie before it.
 *
 * With a backend on a network, a block whose units were lost must not release them either. So its
 * entry notes the semaphore's count of losses, and whose block it is, because threads and tasks do
 * not leave their blocks in the order in which they have entered them. The owner is a thread, or
 * the id () of a task. Where nothing can be lost, all entries are alike, and the last is left
 * first.
 */
typedef struct
{
  unsigned int generation;
  guint n_losses;
  guint64 owner;
} SsemPythonEntry;

typedef struct
{
  SsemPythonEntry *entries;
  unsigned int n;
  unsigned int size;
} SsemPythonEntries;

/* The owner of a block is the calling thread. */
#define SSEM_PYTHON_THIS_THREAD 0

/* Counts the forks from now on. Call it once in a process. */
void               ssem_python_entries_init   (void);

/* Returns the entries of a semaphore. They belong to the GObject, because the wrapper may go and
 * come back. */
SsemPythonEntries *ssem_python_entries_of     (SsemSystemSemaphore *semaphore);

void               ssem_python_entries_add    (SsemPythonEntries   *self,
                                               SsemSystemSemaphore *semaphore,
                                               guint64              owner);

/* Releases what is held in all blocks, which are never left. */
void               ssem_python_entries_clear  (SsemPythonEntries   *self,
                                               SsemSystemSemaphore *semaphore,
                                               int                  n);

/* Leaves a block, and releases its units if this process has entered it. Returns None, or NULL with
 * an exception: LostError if the units were lost. */
PyObject          *ssem_python_entries_leave  (SsemPythonEntries   *self,
                                               SsemSystemSemaphore *semaphore,
                                               int                  n,
                                               guint64              owner);

/* Does the same for an owner as Python gives it. */
PyObject          *ssem_python_entries_leave_for (SsemPythonEntries   *self,
                                                  SsemSystemSemaphore *semaphore,
                                                  int                  n,
                                                  PyObject            *owner);

/* Prepares this file in a new interpreter. */
gboolean           ssem_python_entries_import (void);

G_END_DECLS
