/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-python-entries-private.h"

G_BEGIN_DECLS

/* All versions since 3.7 have this calling convention. The header has it from 3.10 on only. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

/* A method of any calling convention. */
#define SSEM_PYTHON_METHOD(function) ((PyCFunction) (void (*) (void)) (function))

/* Returns a new hold of @class, which has to derive from this type. @values are the semaphore,
 * which the caller has checked, and the arguments of hold (). */
PyObject *ssem_python_hold_new    (PyObject         *class,
                                   PyObject *const  *values);

/* Returns the type, in a new interpreter. */
PyObject *ssem_python_hold_import (void);

G_END_DECLS
