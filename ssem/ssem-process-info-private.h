/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-snapshot-private.h"
#include "ssem-process-info.h"

G_BEGIN_DECLS

/* Copies @seen. */
SsemProcessInfo *ssem_process_info_new (const SsemSnapshotProcess *seen);

G_END_DECLS
