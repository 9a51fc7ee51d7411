/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <errno.h>

/* What the compilers for Windows have only as errors of its sockets. No system call of ours returns
 * them there. */
#ifndef EUSERS
#define EUSERS 10068
#endif
#ifndef EDQUOT
#define EDQUOT 10069
#endif
