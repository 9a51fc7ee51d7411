/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/backend/ssem-backend-module-private.h"

G_BEGIN_DECLS

/* What the library does for the module. Written before the first call of its table. */
extern SsemBackendServicesPointer ssem_etcd_services;

G_END_DECLS
