/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Makes GIO's threads usable in a child of fork (). Does nothing in other processes. */
void ssem_etcd_threads_revive (void);

G_END_DECLS
