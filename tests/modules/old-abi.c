/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/backend/ssem-backend-module-private.h"

/* A module of another version of the library. Its table must not be looked at. */
G_MODULE_EXPORT const SsemBackendModule ssem_backend_module = {
  .abi = SSEM_BACKEND_MODULE_ABI ^ 1,
  .table = (const SsemBackendTable *) 1,
  .services = NULL,
};
