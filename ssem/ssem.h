/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#define SSEM_INSIDE
#include "ssem-version.h"
#include "ssem-version-macros.h"
#include "ssem-types.h"
#include "ssem-enums.h"
#include "ssem-error.h"
#include "ssem-native-key.h"
#include "ssem-process-info.h"
#include "ssem-runtime-version.h"
#include "ssem-semaphore-info.h"
#include "ssem-semaphore-item.h"
#include "ssem-semaphore-list.h"
#include "ssem-system-semaphore.h"
#include "ssem-hold.h"
#undef SSEM_INSIDE
