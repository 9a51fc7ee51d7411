/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Memory fences that one thread makes for all threads of the process.
 *
 * Two threads that each write one word and then read the other's word need a full fence on both
 * sides. Else both may read the old value. Where one side runs often and the other rarely, the rare
 * side can make both fences: ssem_barrier_heavy () makes every running thread of this process pass
 * a fence. The frequent side then needs a fence for the compiler only. See membarrier(2),
 * "PRIVATE_EXPEDITED".
 */

/* Whether the system can do that. If not, ssem_barrier_heavy () is a fence of the calling thread.
 * Constant after ssem_barrier_init (). */
extern G_GNUC_INTERNAL gboolean ssem_barrier_is_asymmetric;

/* To be called before the first fence, and again in a child of fork (). */
void     ssem_barrier_init  (void);

/* Returns FALSE where the system does not allow it any more: then no thread has passed a fence. */
gboolean ssem_barrier_heavy (void);

G_END_DECLS
