/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A shared object that is no module of the library. */
int something_else;
