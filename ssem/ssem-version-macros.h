/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib.h>

#include "ssem-version.h"

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

/**
 * SSEM_VERSION_1_0:
 *
 * The version 1.0, for %SSEM_VERSION_MIN_REQUIRED and %SSEM_VERSION_MAX_ALLOWED.
 *
 * Since: 1.0
 */
#define SSEM_VERSION_1_0 (G_ENCODE_VERSION (1, 0))

#define _SSEM_VERSION_CURRENT (G_ENCODE_VERSION (SSEM_MAJOR_VERSION, SSEM_MINOR_VERSION))

/**
 * SSEM_VERSION_MIN_REQUIRED:
 *
 * The oldest version of the library that the program is to work with.
 *
 * Define it before the first inclusion of `ssem.h`, for example as `SSEM_VERSION_1_0`. The compiler
 * then warns of what was deprecated in that version or before, and not of what was deprecated later.
 * The default is the version of the headers.
 *
 * Since: 1.0
 */
#ifndef SSEM_VERSION_MIN_REQUIRED
#define SSEM_VERSION_MIN_REQUIRED _SSEM_VERSION_CURRENT
#elif SSEM_VERSION_MIN_REQUIRED == 0
#undef SSEM_VERSION_MIN_REQUIRED
#define SSEM_VERSION_MIN_REQUIRED _SSEM_VERSION_CURRENT
#endif

/**
 * SSEM_VERSION_MAX_ALLOWED:
 *
 * The newest version of the library whose API the program may use.
 *
 * Define it before the first inclusion of `ssem.h`, for example as `SSEM_VERSION_1_0`. The compiler
 * then warns of what was added after that version. The default is the version of the headers.
 *
 * Since: 1.0
 */
#if !defined(SSEM_VERSION_MAX_ALLOWED) || SSEM_VERSION_MAX_ALLOWED == 0
#undef SSEM_VERSION_MAX_ALLOWED
#define SSEM_VERSION_MAX_ALLOWED _SSEM_VERSION_CURRENT
#endif

#if SSEM_VERSION_MAX_ALLOWED < SSEM_VERSION_MIN_REQUIRED
#error "SSEM_VERSION_MAX_ALLOWED must not be less than SSEM_VERSION_MIN_REQUIRED"
#endif

#ifndef __GI_SCANNER__

/* A program defines SSEM_DISABLE_DEPRECATION_WARNINGS to get none of these warnings. */
#ifdef SSEM_DISABLE_DEPRECATION_WARNINGS
#define SSEM_DEPRECATED _SSEM_EXTERN
#define SSEM_DEPRECATED_FOR(f) _SSEM_EXTERN
#define SSEM_UNAVAILABLE(major, minor) _SSEM_EXTERN
#else
#define SSEM_DEPRECATED G_DEPRECATED _SSEM_EXTERN
#define SSEM_DEPRECATED_FOR(f) G_DEPRECATED_FOR (f) _SSEM_EXTERN
#define SSEM_UNAVAILABLE(major, minor) G_UNAVAILABLE (major, minor) _SSEM_EXTERN
#endif

/* One such part a minor version, so that the header itself says what came when. */
#if SSEM_VERSION_MIN_REQUIRED >= SSEM_VERSION_1_0
#define SSEM_DEPRECATED_IN_1_0 SSEM_DEPRECATED
#define SSEM_DEPRECATED_IN_1_0_FOR(f) SSEM_DEPRECATED_FOR (f)
#else
#define SSEM_DEPRECATED_IN_1_0 _SSEM_EXTERN
#define SSEM_DEPRECATED_IN_1_0_FOR(f) _SSEM_EXTERN
#endif
#if SSEM_VERSION_MAX_ALLOWED < SSEM_VERSION_1_0
#define SSEM_AVAILABLE_IN_1_0 SSEM_UNAVAILABLE (1, 0)
#else
#define SSEM_AVAILABLE_IN_1_0 _SSEM_EXTERN
#endif

#else
/* The reference does not list the macros of the declarations. */
#define SSEM_AVAILABLE_IN_1_0 _SSEM_EXTERN
#endif
