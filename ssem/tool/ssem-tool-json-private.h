/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <json-glib/json-glib.h>
#include <ssem.h>

G_BEGIN_DECLS

JsonNode *tool_info_to_json  (SsemSemaphoreInfo *info);
JsonNode *tool_infos_to_json (GPtrArray         *infos);
void      tool_print_json    (JsonNode          *node);

G_END_DECLS
