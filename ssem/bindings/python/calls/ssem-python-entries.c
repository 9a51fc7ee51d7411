/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem-python-entries-private.h"

#include <pthread.h>
#include <string.h>

static unsigned int generation;
static PyObject *make_lost_error;

static void
count_fork (void)
{
  generation++;
}

static guint64
get_owner (SsemSystemSemaphore *semaphore,
           guint64              owner)
{
  if (G_LIKELY (!ssem_python_is_on_network (semaphore)))
    return 0;

  return owner != SSEM_PYTHON_THIS_THREAD ? owner : PyThread_get_thread_ident ();
}

static guint
get_n_losses (SsemSystemSemaphore *semaphore)
{
  return G_UNLIKELY (ssem_python_is_on_network (semaphore))
         ? ssem_system_semaphore_get_n_losses (semaphore) : 0;
}

void
ssem_python_entries_add (SsemPythonEntries   *self,
                         SsemSystemSemaphore *semaphore,
                         guint64              owner)
{
  if (self->n == self->size)
    {
      self->size = MAX (4, 2 * self->size);
      self->entries = g_renew (SsemPythonEntry, self->entries, self->size);
    }
  self->entries[self->n++] = (SsemPythonEntry) {
    .generation = generation,
    .n_losses = get_n_losses (semaphore),
    .owner = get_owner (semaphore, owner),
  };
}

/* Removes the last entry of @owner. Another thread may leave a block that a thread has entered:
 * then it is the last entry. There must be one. */
static SsemPythonEntry
take_entry (SsemPythonEntries *self,
            guint64            owner)
{
  SsemPythonEntry entry;
  unsigned int i = self->n - 1;

  while (i > 0 && self->entries[i].owner != owner)
    i--;
  if (self->entries[i].owner != owner)
    i = self->n - 1;
  entry = self->entries[i];
  self->n--;
  memmove (self->entries + i, self->entries + i + 1, (self->n - i) * sizeof entry);

  return entry;
}

void
ssem_python_entries_clear (SsemPythonEntries   *self,
                           SsemSystemSemaphore *semaphore,
                           int                  n)
{
  while (self->n > 0)
    {
      const SsemPythonEntry *entry = &self->entries[--self->n];

      /* If the release fails, the semaphore no longer exists, and nothing is held. */
      if (entry->generation == generation && entry->n_losses == get_n_losses (semaphore))
        ssem_python_release (semaphore, n, NULL);
    }
}

static void
free_entries (gpointer data)
{
  SsemPythonEntries *self = data;

  g_free (self->entries);
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

static void
raise_lost (SsemSystemSemaphore *semaphore)
{
  PyObject *wrapper = pygobject_new (G_OBJECT (semaphore));
  PyObject *error = NULL;

  if (wrapper != NULL)
    error = PyObject_CallFunctionObjArgs (make_lost_error, wrapper, NULL);
  if (error != NULL)
    PyErr_SetObject ((PyObject *) Py_TYPE (error), error);
  Py_XDECREF (error);
  Py_XDECREF (wrapper);
}

PyObject *
ssem_python_entries_leave (SsemPythonEntries   *self,
                           SsemSystemSemaphore *semaphore,
                           int                  n,
                           guint64              owner)
{
  GError *error = NULL;
  SsemPythonEntry entry;

  if (self->n == 0)
    {
      PyErr_SetString (PyExc_IndexError, "no block was entered");
      return NULL;
    }

  entry = take_entry (self, get_owner (semaphore, owner));
  if (entry.generation != generation)
    Py_RETURN_NONE;
  if (entry.n_losses != get_n_losses (semaphore))
    {
      raise_lost (semaphore);
      return NULL;
    }
  if (!ssem_python_release (semaphore, n, &error))
    return ssem_python_raise (error);

  Py_RETURN_NONE;
}

PyObject *
ssem_python_entries_leave_for (SsemPythonEntries   *self,
                               SsemSystemSemaphore *semaphore,
                               int                  n,
                               PyObject            *owner)
{
  guint64 number = PyLong_AsUnsignedLongLong (owner);

  return PyErr_Occurred () == NULL ? ssem_python_entries_leave (self, semaphore, n, number) : NULL;
}

gboolean
ssem_python_entries_import (void)
{
  make_lost_error = ssem_python_import ("gi.overrides._ssem_errors", "make_lost_error");

  return make_lost_error != NULL;
}

void
ssem_python_entries_init (void)
{
  pthread_atfork (NULL, NULL, count_fork);
}
