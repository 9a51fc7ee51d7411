/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-native-key-private.h"
#include "ssem-system-semaphore-private.h"

G_BEGIN_DECLS

/* The settings of an object, as its opening finds them: a copy, because another thread may change
 * those of the object. */
typedef struct
{
  char *name;                             /* the key, or the text of the native key */
  gboolean is_native;
  SsemNativeKey native;                   /* without a name if there is a key */
  SsemBackendConfiguration configuration; /* points into the above and into the object */
  SsemBackend backend;
  int initial_value;
  SsemAccessMode mode;
  gboolean undo;
} SsemSettings;

/* Reads and checks the settings of @self. A native key chooses the backend. The caller clears
 * @settings, after a failure, too. */
gboolean ssem_settings_read              (SsemSettings         *settings,
                                          SsemSystemSemaphore  *self,
                                          GError              **error);

void     ssem_settings_clear             (SsemSettings         *settings);

/* Returns the native key of settings that have one, encoded as Qt encodes it. */
char    *ssem_settings_format_native_key (const SsemSettings   *settings);

/* Checks what is independent of the key. */
gboolean ssem_settings_check             (int                   initial_value,
                                          SsemAccessMode        mode,
                                          GError              **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SsemSettings, ssem_settings_clear)

G_END_DECLS
