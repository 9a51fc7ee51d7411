/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* Cases that look at pictures of the window. */

/* The picture that README.md and the manual show, and the colours of the bar. */
void test_picture       (Fixture *fixture);

/* Where text runs from right to left, so does the bar. */
void test_right_to_left (Fixture *fixture);

G_END_DECLS
