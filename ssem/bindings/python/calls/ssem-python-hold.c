/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem-python-hold-private.h"

#include <stddef.h>
#include <structmember.h>

/* What hold () returns: a context manager. Ssem.py derives its class from this one. */

static PyObject *hold_class, *map_class;
static PyObject *note_entry_name, *raise_timeout_name;

typedef struct
{
  PyObject_HEAD
  PyObject *semaphore;
  PyObject *timeout;
  PyObject *cancellable;
  gint64 timeout_usec;
  guint64 fencing_token; /* of the block that was entered last */
  int n;
  SsemPythonEntries entries;
} Hold;

PyObject *
ssem_python_hold_new (PyObject         *class,
                      PyObject *const  *values)
{
  GCancellable *cancellable;
  gint64 timeout_usec;
  Hold *self;
  int n;

  if (!PyType_Check (class) ||
      !PyType_IsSubtype ((PyTypeObject *) class, (PyTypeObject *) hold_class))
    {
      PyErr_Format (PyExc_TypeError, "expected a subclass of %R, not %R", hold_class, class);
      return NULL;
    }
  if (!ssem_python_to_units (values[1], &n) || !ssem_python_to_timeout (values[2], &timeout_usec) ||
      !ssem_python_to_cancellable (values[3], &cancellable))
    return NULL;

  self = (Hold *) PyType_GenericAlloc ((PyTypeObject *) class, 0);
  if (self == NULL)
    return NULL;

  self->semaphore = values[0];
  self->timeout = values[2] != NULL ? values[2] : Py_None;
  self->cancellable = values[3] != NULL ? values[3] : Py_None;
  Py_INCREF (self->semaphore);
  Py_INCREF (self->timeout);
  Py_INCREF (self->cancellable);
  self->timeout_usec = timeout_usec;
  self->n = n;

  return (PyObject *) self;
}

static PyObject *
hold_new (PyTypeObject *class,
          PyObject     *args,
          PyObject     *keywords)
{
  static const char *const names[] = { "semaphore", "n", "timeout", "cancellable", NULL };
  PyObject *values[] = { NULL, NULL, NULL, NULL };

  if (!PyArg_ParseTupleAndKeywords (args, keywords, "O|OOO:Hold", (char **) names, &values[0],
                                    &values[1], &values[2], &values[3]) ||
      ssem_python_get_semaphore (values[0]) == NULL)
    return NULL;

  return ssem_python_hold_new ((PyObject *) class, values);
}

/* Releases what is held in blocks that are never left. */
static void
hold_finalize (PyObject *object)
{
  Hold *self = (Hold *) object;
  GObject *semaphore = self->semaphore != NULL ? pygobject_get (self->semaphore) : NULL;
  PyObject *type, *value, *traceback;

  if (self->entries.n == 0 || semaphore == NULL)
    return;

  PyErr_Fetch (&type, &value, &traceback);
  ssem_python_entries_clear (&self->entries, (SsemSystemSemaphore *) semaphore, self->n);
  PyErr_Restore (type, value, traceback);
}

static int
hold_traverse (PyObject  *object,
               visitproc  visit,
               void      *arg)
{
  Hold *self = (Hold *) object;

  Py_VISIT (Py_TYPE (object));
  Py_VISIT (self->semaphore);
  Py_VISIT (self->timeout);
  Py_VISIT (self->cancellable);

  return 0;
}

static int
hold_clear (PyObject *object)
{
  Hold *self = (Hold *) object;

  Py_CLEAR (self->semaphore);
  Py_CLEAR (self->timeout);
  Py_CLEAR (self->cancellable);

  return 0;
}

static void
hold_dealloc (PyObject *object)
{
  PyTypeObject *class = Py_TYPE (object);
  freefunc free_object = (freefunc) PyType_GetSlot (class, Py_tp_free);

  PyObject_GC_UnTrack (object);
  hold_finalize (object);
  hold_clear (object);
  g_free (((Hold *) object)->entries.entries);
  free_object (object);
  Py_DECREF (class);
}

static PyObject *
hold_enter (PyObject *object,
            PyObject *unused)
{
  Hold *self = (Hold *) object;
  SsemPythonRequest request = { .n = self->n, .timeout_usec = self->timeout_usec };
  PyObject *raised;
  int is_held;

  request.semaphore = ssem_python_get_semaphore (self->semaphore);
  if (request.semaphore == NULL ||
      !ssem_python_to_cancellable (self->cancellable, &request.cancellable))
    return NULL;

  is_held = ssem_python_acquire_in_time (&request);
  if (is_held == 0)
    {
      raised = PyObject_CallMethodObjArgs (object, raise_timeout_name, NULL);
      Py_XDECREF (raised);
    }
  if (is_held <= 0)
    return NULL;

  ssem_python_entries_add (&self->entries, request.semaphore, SSEM_PYTHON_THIS_THREAD);
  if (ssem_python_is_on_network (request.semaphore))
    self->fencing_token = ssem_system_semaphore_get_fencing_token (request.semaphore);
  Py_INCREF (self->semaphore);

  return self->semaphore;
}

static PyObject *
hold_exit (PyObject         *object,
           PyObject *const  *args,
           Py_ssize_t        n_args)
{
  Hold *self = (Hold *) object;
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self->semaphore);

  return semaphore != NULL ? ssem_python_entries_leave (&self->entries, semaphore, self->n,
                                                         SSEM_PYTHON_THIS_THREAD)
                           : NULL;
}

static PyObject *
hold_leave (PyObject *object,
            PyObject *owner)
{
  Hold *self = (Hold *) object;
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self->semaphore);

  return semaphore != NULL ? ssem_python_entries_leave_for (&self->entries, semaphore, self->n,
                                                             owner)
                           : NULL;
}

static PyObject *
hold_note_entry (PyObject *object,
                 PyObject *owner)
{
  Hold *self = (Hold *) object;
  SsemSystemSemaphore *semaphore = ssem_python_get_semaphore (self->semaphore);
  guint64 number = PyLong_AsUnsignedLongLong (owner);

  if (semaphore == NULL || PyErr_Occurred () != NULL)
    return NULL;
  ssem_python_entries_add (&self->entries, semaphore, number);

  Py_RETURN_NONE;
}

/* Returns an iterator whose first step notes a block that @owner has entered. */
static PyObject *
hold_prepare_entry (PyObject *object,
                    PyObject *owner)
{
  PyObject *note_entry = PyObject_GetAttr (object, note_entry_name);
  PyObject *iterator;

  if (note_entry == NULL)
    return NULL;
  iterator = PyObject_CallFunction (map_class, "O(O)", note_entry, owner);
  Py_DECREF (note_entry);

  return iterator;
}

static PyMethodDef hold_methods[] = {
  { "_note_entry", hold_note_entry, METH_O, NULL },
  { "_prepare_entry", hold_prepare_entry, METH_O, NULL },
  { "_leave", hold_leave, METH_O, NULL },
  { "__enter__", hold_enter, METH_NOARGS, NULL },
  { "__exit__", SSEM_PYTHON_METHOD (hold_exit), METH_FASTCALL, NULL },
  { NULL },
};

static PyMemberDef hold_members[] = {
  { "_semaphore", T_OBJECT_EX, offsetof (Hold, semaphore), READONLY, NULL },
  { "_n", T_INT, offsetof (Hold, n), READONLY, NULL },
  { "_timeout", T_OBJECT_EX, offsetof (Hold, timeout), READONLY, NULL },
  { "_fencing_token", T_ULONGLONG, offsetof (Hold, fencing_token), 0, NULL },
  { "_timeout_usec", T_LONGLONG, offsetof (Hold, timeout_usec), READONLY, NULL },
  { "_cancellable", T_OBJECT_EX, offsetof (Hold, cancellable), READONLY, NULL },
  { NULL },
};

static PyType_Slot hold_slots[] = {
  { Py_tp_doc, (char *) "Holds units during a `with` block." },
  { Py_tp_new, hold_new },
  { Py_tp_dealloc, hold_dealloc },
  { Py_tp_finalize, hold_finalize },
  { Py_tp_traverse, hold_traverse },
  { Py_tp_clear, hold_clear },
  { Py_tp_methods, hold_methods },
  { Py_tp_members, hold_members },
  { 0 },
};

static PyType_Spec hold_spec = {
  .name = "gi.overrides._ssem_calls.Hold",
  .basicsize = sizeof (Hold),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .slots = hold_slots,
};

PyObject *
ssem_python_hold_import (void)
{
  note_entry_name = PyUnicode_InternFromString ("_note_entry");
  raise_timeout_name = PyUnicode_InternFromString ("_raise_timeout");
  map_class = ssem_python_import ("builtins", "map");
  if (note_entry_name == NULL || raise_timeout_name == NULL || map_class == NULL)
    return NULL;

  hold_class = PyType_FromSpec (&hold_spec);
  Py_XINCREF (hold_class);

  return hold_class;
}
