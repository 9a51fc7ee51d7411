/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

/* One file serves all versions of Python from 3.9 on. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03090000
#include <Python.h>

#ifndef SSEM_PYTHON_IMPORTS_PYGOBJECT
#define NO_IMPORT_PYGOBJECT
#endif
#include <pygobject.h>
#include <ssem.h>

G_BEGIN_DECLS

/* Wrappers, errors and arguments: what passes between Python and C.
 *
 * Functions that fail raise an exception, and return FALSE or NULL. They need the interpreter's
 * lock, as all functions of this directory.
 */

/* --- Wrappers --- */

/* The class of semaphores, once one was seen. Its wrappers wrap nothing else. */
extern PyTypeObject *ssem_python_semaphore_class;

/* Returns the object of a wrapper, which must be of this type. */
gpointer             ssem_python_get_object        (PyObject *wrapper,
                                                    GType     type);
SsemSystemSemaphore *ssem_python_get_new_semaphore (PyObject *wrapper);

static inline SsemSystemSemaphore *
ssem_python_get_semaphore (PyObject *wrapper)
{
  if (G_LIKELY (Py_TYPE (wrapper) == ssem_python_semaphore_class &&
                pygobject_get (wrapper) != NULL))
    return (SsemSystemSemaphore *) pygobject_get (wrapper);

  return ssem_python_get_new_semaphore (wrapper);
}

/* --- Errors --- */

/* Raises @error, which it takes over. Returns NULL. */
PyObject *ssem_python_raise (GError *error);

/* --- Arguments --- */

/* The parameters of a function. */
typedef struct
{
  const char *function;
  int n_required;
  const char *names[4]; /* NULL after the last */
} SsemPythonSignature;

/* Stores the arguments of a call in the order of the parameters; NULL for a missing one. */
gboolean  ssem_python_parse          (const SsemPythonSignature  *signature,
                                      PyObject *const            *args,
                                      Py_ssize_t                  n_args,
                                      PyObject                   *keywords,
                                      PyObject                  **values);

/* Convert an argument. NULL stands for a missing one: one unit, no time-out, no cancellable. The
 * usual types are converted here, and all others by _ssem_values.py. */
gboolean  ssem_python_to_units       (PyObject                   *value,
                                      int                        *n);
gboolean  ssem_python_to_usec        (PyObject                   *value,
                                      gint64                     *usec);
gboolean  ssem_python_to_timeout     (PyObject                   *seconds,
                                      gint64                     *timeout_usec);
gboolean  ssem_python_to_cancellable (PyObject                   *value,
                                      GCancellable              **cancellable);

/* --- The module --- */

/* Prepares this file in a new interpreter. */
gboolean  ssem_python_values_import  (void);

/* Returns a new reference to an attribute of a module. */
PyObject *ssem_python_import         (const char                 *module,
                                      const char                 *name);

G_END_DECLS
