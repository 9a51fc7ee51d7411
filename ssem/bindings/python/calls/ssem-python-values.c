/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#define SSEM_PYTHON_IMPORTS_PYGOBJECT
#include "ssem-python-values-private.h"

static PyObject *to_int32, *to_int64, *to_usec, *to_cancellable; /* of _ssem_values.py */
static PyObject *make_public_error;                              /* of _ssem_errors.py */

PyTypeObject *ssem_python_semaphore_class;

/* --- Wrappers --- */

/* Raises what PyGObject raises then. */
static void
raise_not_initialized (PyObject *wrapper)
{
  PyObject *name = PyObject_GetAttrString ((PyObject *) Py_TYPE (wrapper), "__name__");

  if (name != NULL)
    PyErr_Format (PyExc_RuntimeError, "object at %p of type %U is not initialized", wrapper, name);
  Py_XDECREF (name);
}

gpointer
ssem_python_get_object (PyObject *wrapper,
                        GType     type)
{
  GObject *object;

  if (PyObject_TypeCheck (wrapper, &PyGObject_Type))
    {
      object = pygobject_get (wrapper);
      if (object == NULL)
        {
          raise_not_initialized (wrapper);
          return NULL;
        }
      if (G_TYPE_CHECK_INSTANCE_TYPE (object, type))
        return object;
    }

  PyErr_Format (PyExc_TypeError, "expected a %s, not %R", g_type_name (type), Py_TYPE (wrapper));

  return NULL;
}

SsemSystemSemaphore *
ssem_python_get_new_semaphore (PyObject *wrapper)
{
  SsemSystemSemaphore *semaphore = ssem_python_get_object (wrapper, SSEM_TYPE_SYSTEM_SEMAPHORE);
  PyTypeObject *old_class = ssem_python_semaphore_class;

  if (semaphore != NULL)
    {
      ssem_python_semaphore_class = Py_TYPE (wrapper);
      Py_INCREF (ssem_python_semaphore_class);
      Py_XDECREF (old_class);
    }

  return semaphore;
}

/* --- Errors --- */

PyObject *
ssem_python_raise (GError *error)
{
  PyObject *exception;

  if (error == NULL)
    {
      PyErr_SetString (PyExc_TypeError, "the object is not a semaphore any more");
      return NULL;
    }

  exception = PyObject_CallFunction (make_public_error, "ssi", error->message,
                                     g_quark_to_string (error->domain), error->code);
  g_error_free (error);
  if (exception != NULL)
    {
      PyErr_SetObject ((PyObject *) Py_TYPE (exception), exception);
      Py_DECREF (exception);
    }

  return NULL;
}

/* --- Arguments --- */

/* Stores the argument @value, unless there is one already. */
static gboolean
set_argument (const SsemPythonSignature  *signature,
              PyObject                   *name,
              PyObject                   *value,
              PyObject                  **values)
{
  int i;

  for (i = 0; signature->names[i] != NULL; i++)
    {
      if (PyUnicode_CompareWithASCIIString (name, signature->names[i]) != 0)
        continue;
      if (values[i] != NULL)
        {
          PyErr_Format (PyExc_TypeError, "%s() got multiple values for argument '%U'",
                        signature->function, name);
          return FALSE;
        }
      values[i] = value;
      return TRUE;
    }

  PyErr_Format (PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                signature->function, name);

  return FALSE;
}

gboolean
ssem_python_parse (const SsemPythonSignature  *signature,
                   PyObject *const            *args,
                   Py_ssize_t                  n_args,
                   PyObject                   *keywords,
                   PyObject                  **values)
{
  Py_ssize_t n_keywords = keywords != NULL ? PyTuple_Size (keywords) : 0;
  Py_ssize_t i;
  int n_names = 0;

  while (signature->names[n_names] != NULL)
    n_names++;
  if (n_args > n_names)
    {
      PyErr_Format (PyExc_TypeError, "%s() takes at most %d arguments (%zd given)",
                    signature->function, n_names, n_args);
      return FALSE;
    }

  for (i = 0; i < n_names; i++)
    values[i] = i < n_args ? args[i] : NULL;
  for (i = 0; i < n_keywords; i++)
    {
      if (!set_argument (signature, PyTuple_GetItem (keywords, i), args[n_args + i], values))
        return FALSE;
    }
  for (i = 0; i < signature->n_required; i++)
    {
      if (values[i] == NULL)
        {
          PyErr_Format (PyExc_TypeError, "%s() missing a required argument: '%s'",
                        signature->function, signature->names[i]);
          return FALSE;
        }
    }

  return TRUE;
}

/* Converts @value, and what @convert makes of it. */
static gboolean
to_number (PyObject *value,
           PyObject *convert,
           gint64    limit,
           gint64   *number)
{
  PyObject *converted;
  int overflow;

  if (G_LIKELY (PyLong_CheckExact (value)))
    {
      *number = PyLong_AsLongLongAndOverflow (value, &overflow);
      if (G_LIKELY (overflow == 0 && *number >= -limit - 1 && *number <= limit))
        return TRUE;
    }

  converted = PyObject_CallFunctionObjArgs (convert, value, NULL);
  if (converted == NULL)
    return FALSE;
  *number = PyLong_AsLongLong (converted);
  Py_DECREF (converted);

  return *number != -1 || PyErr_Occurred () == NULL;
}

gboolean
ssem_python_to_units (PyObject *value,
                      int      *n)
{
  gint64 number = 1;

  if (value != NULL && !to_number (value, to_int32, G_MAXINT32, &number))
    return FALSE;
  *n = (int) number;

  return TRUE;
}

gboolean
ssem_python_to_usec (PyObject *value,
                     gint64   *usec)
{
  return to_number (value, to_int64, G_MAXINT64, usec);
}

gboolean
ssem_python_to_timeout (PyObject *seconds,
                        gint64   *timeout_usec)
{
  PyObject *converted;

  *timeout_usec = -1;
  if (seconds == NULL || seconds == Py_None)
    return TRUE;

  converted = PyObject_CallFunctionObjArgs (to_usec, seconds, NULL);
  if (converted == NULL)
    return FALSE;
  *timeout_usec = PyLong_AsLongLong (converted);
  Py_DECREF (converted);

  return *timeout_usec != -1 || PyErr_Occurred () == NULL;
}

gboolean
ssem_python_to_cancellable (PyObject      *value,
                            GCancellable **cancellable)
{
  PyObject *checked;

  *cancellable = NULL;
  if (value == NULL || value == Py_None)
    return TRUE;

  checked = PyObject_CallFunctionObjArgs (to_cancellable, value, NULL);
  if (checked == NULL)
    return FALSE;
  *cancellable = ssem_python_get_object (value, G_TYPE_CANCELLABLE);
  Py_DECREF (checked);

  return *cancellable != NULL;
}

/* --- The module --- */

PyObject *
ssem_python_import (const char *module_name,
                    const char *name)
{
  PyObject *module = PyImport_ImportModule (module_name);
  PyObject *attribute = module != NULL ? PyObject_GetAttrString (module, name) : NULL;

  Py_XDECREF (module);

  return attribute;
}

/* Checks that this PyGObject keeps the object where its header says. */
static gboolean
check_wrapper (void)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  PyObject *wrapper = pygobject_new (object);
  gboolean is_right = wrapper != NULL && PyObject_TypeCheck (wrapper, &PyGObject_Type) &&
                      pygobject_get (wrapper) == object;

  Py_XDECREF (wrapper);
  g_object_unref (object);
  if (!is_right && PyErr_Occurred () == NULL)
    PyErr_SetString (PyExc_ImportError, "PyGObject has changed the layout of its objects");

  return is_right;
}

gboolean
ssem_python_values_import (void)
{
  const char *const values = "gi.overrides._ssem_values";
  PyObject *gobject = pygobject_init (3, 42, 0);

  if (gobject == NULL)
    return FALSE;
  Py_DECREF (gobject);

  /* In a new interpreter, after the end of the last one, all old references are stale. */
  ssem_python_semaphore_class = NULL;
  to_int32 = ssem_python_import (values, "to_int32");
  to_int64 = ssem_python_import (values, "to_int64");
  to_usec = ssem_python_import (values, "to_usec");
  to_cancellable = ssem_python_import (values, "to_cancellable");
  make_public_error = ssem_python_import ("gi.overrides._ssem_errors", "make_public_error");

  return PyErr_Occurred () == NULL && check_wrapper ();
}
