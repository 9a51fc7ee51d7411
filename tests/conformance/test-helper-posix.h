/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "test-helper.h"

#include <sys/resource.h>

G_BEGIN_DECLS

void     limit        (int    resource,
                       rlim_t n);

/* Whether its children are in other name spaces, or it has no /proc: a tool that watches over the
 * process gets lost there. */
gboolean is_elsewhere (void);

gboolean obey_for_signals (SsemSystemSemaphore **slots,
                           char                **words,
                           guint                 n_words);

G_END_DECLS
