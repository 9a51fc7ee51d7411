/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib.h>

/* Nothing leaves the library but what carries this mark: it is built with hidden visibility. */
#ifndef _SSEM_EXTERN
#if defined(_WIN32) && defined(SSEM_COMPILATION)
#define _SSEM_EXTERN __declspec (dllexport) extern
#elif defined(_WIN32)
#define _SSEM_EXTERN __declspec (dllimport) extern
#else
#define _SSEM_EXTERN __attribute__ ((visibility ("default"))) extern
#endif
#endif

/* One such macro a minor version, so that the header itself says what came when. */
#define SSEM_AVAILABLE_IN_1_0 _SSEM_EXTERN
