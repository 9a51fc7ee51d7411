/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* Returns what g_param_spec_enum () does, for a property that keeps a number outside its
 * enumeration. */
GParamSpec *ssem_param_spec_any_enum (const char  *name,
                                      GType        enum_type,
                                      int          default_value,
                                      GParamFlags  flags);

G_END_DECLS
