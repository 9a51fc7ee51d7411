/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem-python-entries-private.h"

#include <pthread.h>

static unsigned int generation;

static void
count_fork (void)
{
  generation++;
}

void
ssem_python_entries_add (SsemPythonEntries *self)
{
  if (self->n == self->size)
    {
      self->size = MAX (4, 2 * self->size);
      self->generations = g_renew (unsigned int, self->generations, self->size);
    }
  self->generations[self->n++] = generation;
}

int
ssem_python_entries_remove (SsemPythonEntries *self)
{
  if (self->n == 0)
    {
      PyErr_SetString (PyExc_IndexError, "no block was entered");
      return -1;
    }

  return self->generations[--self->n] == generation;
}

static void
free_entries (gpointer data)
{
  SsemPythonEntries *self = data;

  g_free (self->generations);
  g_free (self);
}

SsemPythonEntries *
ssem_python_entries_of (SsemSystemSemaphore *semaphore)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("ssem-python-entries");
  if (g_object_get_qdata (G_OBJECT (semaphore), quark) == NULL)
    g_object_set_qdata_full (G_OBJECT (semaphore), quark, g_new0 (SsemPythonEntries, 1),
                             free_entries);

  return g_object_get_qdata (G_OBJECT (semaphore), quark);
}

PyObject *
ssem_python_entries_leave (SsemPythonEntries   *self,
                           SsemSystemSemaphore *semaphore,
                           int                  n)
{
  GError *error = NULL;
  int is_own = ssem_python_entries_remove (self);

  if (is_own < 0)
    return NULL;
  if (is_own && !ssem_python_release (semaphore, n, &error))
    return ssem_python_raise (error);

  Py_RETURN_NONE;
}

void
ssem_python_entries_init (void)
{
  pthread_atfork (NULL, NULL, count_fork);
}
