/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem-python-hold-private.h"

/* The extension module `_ssem_calls`: the calls of a semaphore that programs make most, without
 * PyGObject's detour through the typelib. It has two names, as has _ssem_fallback.py:
 *
 *   add_calls ()  gives a class the methods acquire (), try_acquire (), acquire_timeout (),
 *                 release (), hold (), and those for `with`. They have no data: the object is
 *                 PyGObject's wrapper of a SsemSystemSemaphore.
 *   Hold          what hold () returns. Ssem.py derives its class from it.
 *
 * Files call down this list: calls, hold, entries, request, values. The interpreter's lock protects
 * all their data.
 *
 * CPython from 3.10 on runs no signal handler between a block and the calls of __enter__ () and
 * __exit__ () in C. So a block loses no units.
 */

static PyObject *hold_name;

/* --- Acquiring --- */

/* Returns the semaphore, if this file knows it and operations of one unit are short; else NULL,
 * without an exception. */
static inline SsemSystemSemaphore *
get_short_semaphore (PyObject *self)
{
  SsemSystemSemaphore *semaphore;

  if (G_UNLIKELY (Py_TYPE (self) != ssem_python_semaphore_class))
    return NULL;
  semaphore = (SsemSystemSemaphore *) pygobject_get (self);

  return G_LIKELY (semaphore != NULL && ssem_python_is_short (semaphore, 1)) ? semaphore : NULL;
}

G_GNUC_NO_INLINE static PyObject *
acquire_slowly (PyObject         *self,
                PyObject *const  *args,
                Py_ssize_t        n_args,
                PyObject         *keywords)
{
  static const SsemPythonSignature signature = { "acquire", 0, { "n", "timeout", "cancellable" } };
  SsemPythonRequest request;
  PyObject *values[3];
  int is_held;

  request.semaphore = ssem_python_get_semaphore (self);
  if (request.semaphore == NULL ||
      !ssem_python_parse (&signature, args, n_args, keywords, values) ||
      !ssem_python_to_units (values[0], &request.n) ||
      !ssem_python_to_timeout (values[1], &request.timeout_usec) ||
      !ssem_python_to_cancellable (values[2], &request.cancellable))
    return NULL;

  is_held = ssem_python_acquire_in_time (&request);

  return is_held >= 0 ? PyBool_FromLong (is_held) : NULL;
}

/* The fast path needs few values after the call of the library, so that few registers are saved. */
static PyObject *
calls_acquire (PyObject         *self,
               PyObject *const  *args,
               Py_ssize_t        n_args,
               PyObject         *keywords)
{
  SsemSystemSemaphore *semaphore;

  if (G_UNLIKELY (n_args != 0 || keywords != NULL))
    return acquire_slowly (self, args, n_args, keywords);

  semaphore = get_short_semaphore (self);
  if (G_LIKELY (semaphore != NULL && ssem_system_semaphore_try_acquire (semaphore, 1, NULL)))
    Py_RETURN_TRUE;

  return acquire_slowly (self, NULL, 0, NULL);
}

static PyObject *
calls_try_acquire (PyObject         *self,
                   PyObject *const  *args,
                   Py_ssize_t        n_args,
                   PyObject         *keywords)
{
  static const SsemPythonSignature signature = { "try_acquire", 0, { "n" } };
  SsemPythonRequest request = { .timeout_usec = 0 };
  PyObject *values[1];
  int is_held;

  request.semaphore = ssem_python_get_semaphore (self);
  if (request.semaphore == NULL ||
      !ssem_python_parse (&signature, args, n_args, keywords, values) ||
      !ssem_python_to_units (values[0], &request.n))
    return NULL;

  is_held = ssem_python_acquire_in_time (&request);

  return is_held >= 0 ? PyBool_FromLong (is_held) : NULL;
}

static PyObject *
calls_acquire_timeout (PyObject         *self,
                       PyObject *const  *args,
                       Py_ssize_t        n_args,
                       PyObject         *keywords)
{
  static const SsemPythonSignature signature = {
    "acquire_timeout", 2, { "n", "timeout_usec", "cancellable" },
  };
  SsemPythonRequest request = { .semaphore = ssem_python_get_semaphore (self) };
  GError *error = NULL;
  PyObject *values[3];

  if (request.semaphore == NULL ||
      !ssem_python_parse (&signature, args, n_args, keywords, values) ||
      !ssem_python_to_units (values[0], &request.n) ||
      !ssem_python_to_usec (values[1], &request.timeout_usec) ||
      !ssem_python_to_cancellable (values[2], &request.cancellable))
    return NULL;

  if (ssem_python_acquire (&request, &error))
    Py_RETURN_TRUE;

  return PyErr_Occurred () == NULL ? ssem_python_raise (error) : NULL;
}

/* --- Releasing --- */

G_GNUC_NO_INLINE static PyObject *
release_slowly (PyObject         *self,
                PyObject *const  *args,
                Py_ssize_t        n_args,
                PyObject         *keywords)
{
  static const SsemPythonSignature signature = { "release", 0, { "n" } };
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self);
  GError *error = NULL;
  PyObject *values[1];
  int n;

  if (semaphore == NULL ||
      !ssem_python_parse (&signature, args, n_args, keywords, values) ||
      !ssem_python_to_units (values[0], &n))
    return NULL;

  if (ssem_python_release (semaphore, n, &error))
    Py_RETURN_TRUE;

  return ssem_python_raise (error);
}

/* Where the fast path fails, nothing has happened. */
static PyObject *
calls_release (PyObject         *self,
               PyObject *const  *args,
               Py_ssize_t        n_args,
               PyObject         *keywords)
{
  SsemSystemSemaphore *semaphore;

  if (G_UNLIKELY (n_args != 0 || keywords != NULL))
    return release_slowly (self, args, n_args, keywords);

  semaphore = get_short_semaphore (self);
  if (G_LIKELY (semaphore != NULL && ssem_system_semaphore_release (semaphore, 1, NULL)))
    Py_RETURN_TRUE;

  return release_slowly (self, NULL, 0, NULL);
}

/* --- Blocks --- */

static PyObject *
calls_hold (PyObject         *self,
            PyObject *const  *args,
            Py_ssize_t        n_args,
            PyObject         *keywords)
{
  static const SsemPythonSignature signature = { "hold", 0, { "n", "timeout", "cancellable" } };
  PyObject *values[4] = { self };
  PyObject *class, *hold;

  if (ssem_python_get_semaphore (self) == NULL ||
      !ssem_python_parse (&signature, args, n_args, keywords, values + 1))
    return NULL;

  class = PyObject_GetAttr ((PyObject *) Py_TYPE (self), hold_name);
  if (class == NULL)
    return NULL;
  hold = ssem_python_hold_new (class, values);
  Py_DECREF (class);

  return hold;
}

static PyObject *
calls_note_entry (PyObject *self,
                  PyObject *owner)
{
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self);
  guint64 number = PyLong_AsUnsignedLongLong (owner);

  if (semaphore == NULL || PyErr_Occurred () != NULL)
    return NULL;
  ssem_python_entries_add (ssem_python_entries_of (semaphore), semaphore, number);

  Py_RETURN_NONE;
}

static PyObject *
calls_enter (PyObject *self,
             PyObject *unused)
{
  SsemPythonRequest request = { .n = 1, .timeout_usec = -1 };

  request.semaphore = ssem_python_get_semaphore (self);
  if (request.semaphore == NULL || ssem_python_acquire_in_time (&request) < 0)
    return NULL;
  ssem_python_entries_add (ssem_python_entries_of (request.semaphore), request.semaphore,
                           SSEM_PYTHON_THIS_THREAD);
  Py_INCREF (self);

  return self;
}

static PyObject *
calls_exit (PyObject         *self,
            PyObject *const  *args,
            Py_ssize_t        n_args)
{
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self);

  if (semaphore == NULL)
    return NULL;

  return ssem_python_entries_leave (ssem_python_entries_of (semaphore), semaphore, 1,
                                    SSEM_PYTHON_THIS_THREAD);
}

static PyObject *
calls_leave (PyObject *self,
             PyObject *owner)
{
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self);

  if (semaphore == NULL)
    return NULL;

  return ssem_python_entries_leave_for (ssem_python_entries_of (semaphore), semaphore, 1, owner);
}

/* --- The module --- */

static PyMethodDef calls_methods[] = {
  { "acquire", SSEM_PYTHON_METHOD (calls_acquire), METH_FASTCALL | METH_KEYWORDS,
    "acquire($self, /, n=1, timeout=None, cancellable=None)\n--\n\n"
    "Acquires `n` units together, and blocks until they are available.\n\n"
    "Returns `True`, or `False` if the units are not available within `timeout` seconds. Raises\n"
    "an exception for any other failure. In the main thread, signal handlers run meanwhile:\n"
    "Ctrl-C raises `KeyboardInterrupt`." },
  { "try_acquire", SSEM_PYTHON_METHOD (calls_try_acquire), METH_FASTCALL | METH_KEYWORDS,
    "try_acquire($self, /, n=1)\n--\n\n"
    "Acquires `n` units together without blocking. Returns `False` if there are fewer." },
  { "acquire_timeout", SSEM_PYTHON_METHOD (calls_acquire_timeout), METH_FASTCALL | METH_KEYWORDS,
    "acquire_timeout($self, /, n, timeout_usec, cancellable=None)\n--\n\n"
    "Acquires `n` units together within `timeout_usec` microseconds, or raises an exception." },
  /* All acquires run Python's signal handlers, so that none has to return for them. */
  { "acquire_interruptible", SSEM_PYTHON_METHOD (calls_acquire_timeout),
    METH_FASTCALL | METH_KEYWORDS,
    "acquire_interruptible($self, /, n, timeout_usec, cancellable=None)\n--\n\n"
    "Is acquire_timeout (), because Python runs signal handlers itself." },
  { "release", SSEM_PYTHON_METHOD (calls_release), METH_FASTCALL | METH_KEYWORDS,
    "release($self, /, n=1)\n--\n\n"
    "Adds `n` units, and wakes waiters if enough units are free for them." },
  { "hold", SSEM_PYTHON_METHOD (calls_hold), METH_FASTCALL | METH_KEYWORDS,
    "hold($self, /, n=1, timeout=None, cancellable=None)\n--\n\n"
    "Returns a context manager that holds units: `with semaphore.hold(2, timeout=1.5):`.\n\n"
    "Entering the block raises `TimeoutError` if the units are not available within `timeout`\n"
    "seconds." },
  { "_note_entry", calls_note_entry, METH_O, NULL },
  { "_leave", calls_leave, METH_O, NULL },
  { "__enter__", calls_enter, METH_NOARGS, NULL },
  { "__exit__", SSEM_PYTHON_METHOD (calls_exit), METH_FASTCALL, NULL },
  { NULL },
};

/* Gives the methods to a class of PyGObject. They are the class's own, and not those of a base
 * class: CPython finds such a method sooner, and calls it without a look at the bases. */
static PyObject *
add_calls (PyObject *module,
           PyObject *class)
{
  PyMethodDef *method;
  PyObject *descriptor;
  int result;

  if (!PyType_Check (class) || !PyType_IsSubtype ((PyTypeObject *) class, &PyGObject_Type))
    {
      PyErr_SetString (PyExc_TypeError, "expected a class of GObjects");
      return NULL;
    }

  for (method = calls_methods; method->ml_name != NULL; method++)
    {
      descriptor = PyDescr_NewMethod ((PyTypeObject *) class, method);
      if (descriptor == NULL)
        return NULL;
      result = PyObject_SetAttrString (class, method->ml_name, descriptor);
      Py_DECREF (descriptor);
      if (result != 0)
        return NULL;
    }

  Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
  { "add_calls", add_calls, METH_O, "Gives the calls of a semaphore to a class." },
  { NULL },
};

/* The module keeps what it uses in variables, so it serves one interpreter. The others use
 * _ssem_fallback.py. */
static int
exec_module (PyObject *module)
{
  static gboolean is_prepared;
  static gint64 owner;
  gint64 interpreter = PyInterpreterState_GetID (PyInterpreterState_Get ());
  PyObject *hold;

  if (is_prepared && interpreter != owner)
    {
      PyErr_SetString (PyExc_ImportError, "another interpreter of this process uses _ssem_calls");
      return -1;
    }

  hold_name = PyUnicode_InternFromString ("_Hold");
  if (hold_name == NULL || !ssem_python_values_import () || !ssem_python_request_import () ||
      !ssem_python_entries_import () ||
      (hold = ssem_python_hold_import ()) == NULL)
    return -1;
  if (PyModule_AddObject (module, "Hold", hold) != 0)
    {
      Py_DECREF (hold);
      return -1;
    }

  if (!is_prepared)
    ssem_python_entries_init ();
  is_prepared = TRUE;
  owner = interpreter;

  return 0;
}

static PyModuleDef_Slot module_slots[] = {
  { Py_mod_exec, exec_module },
  { 0 },
};

static PyModuleDef module_definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "_ssem_calls",
  .m_doc = "The calls of a semaphore that programs make most.",
  .m_methods = module_methods,
  .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__ssem_calls (void);

PyMODINIT_FUNC
PyInit__ssem_calls (void)
{
  return PyModuleDef_Init (&module_definition);
}
