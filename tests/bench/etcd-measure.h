/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

G_BEGIN_DECLS

gint64 etcd_now_ns  (void);

/* Puts @n times, and returns the nanoseconds that one takes. */
double etcd_raw_put (int port,
                     int n);

G_END_DECLS
