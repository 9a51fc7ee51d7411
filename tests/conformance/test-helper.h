/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

#include <stdlib.h>
#include <sys/resource.h>

G_BEGIN_DECLS

/* What the parts of test-helper have in common. */

void     answer                 (const char           *format,
                                 ...) G_GNUC_PRINTF (1, 2);
void     answer_result          (gboolean              is_ok,
                                 const GError         *error);

/* Whether the helper is spoken to through that descriptor. */
gboolean is_channel             (int                   fd);

void     limit                  (int                   resource,
                                 rlim_t                n);

/* FALSE where it is no command of this sort. */
gboolean obey_for_world         (SsemSystemSemaphore **slots,
                                 char                **words,
                                 guint                 n_words);

/* Whether its children are in other name spaces, or it has no /proc: a tool that watches over the
 * process gets lost there. */
gboolean is_elsewhere           (void);

G_END_DECLS
