/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib-object.h>

#include "ssem-process-info.h"
#include "ssem-types.h"
#include "ssem-version-macros.h"

G_BEGIN_DECLS

#define SSEM_TYPE_SEMAPHORE_INFO (ssem_semaphore_info_get_type ())

typedef struct _SsemSemaphoreInfo SsemSemaphoreInfo;

SSEM_AVAILABLE_IN_1_0
GType              ssem_semaphore_info_get_type          (void);
SSEM_AVAILABLE_IN_1_0
GPtrArray         *ssem_semaphore_info_list              (SsemBackend         backend,
                                                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
GPtrArray         *ssem_semaphore_info_list_at           (SsemBackend         backend,
                                                          const char         *address,
                                                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
guint              ssem_semaphore_info_count_others      (SsemBackend         backend);
SSEM_AVAILABLE_IN_1_0
SsemSemaphoreInfo *ssem_semaphore_info_query             (const char         *key,
                                                          SsemBackend         backend,
                                                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemSemaphoreInfo *ssem_semaphore_info_query_at          (const char         *key,
                                                          SsemBackend         backend,
                                                          const char         *address,
                                                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemSemaphoreInfo *ssem_semaphore_info_query_native      (const char         *native_key,
                                                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemSemaphoreInfo *ssem_semaphore_info_ref               (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
void               ssem_semaphore_info_unref             (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
const char        *ssem_semaphore_info_get_key           (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
const char        *ssem_semaphore_info_get_native_key    (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
SsemBackend        ssem_semaphore_info_get_backend       (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_info_get_value         (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_info_get_initial_value (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
gint64             ssem_semaphore_info_get_units_held    (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_info_get_n_attached    (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_info_get_n_waiters     (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_info_is_leftover       (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
GPtrArray         *ssem_semaphore_info_get_holders       (SsemSemaphoreInfo  *self);
SSEM_AVAILABLE_IN_1_0
GPtrArray         *ssem_semaphore_info_get_waiters       (SsemSemaphoreInfo  *self);

SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_remove_leftover        (const char         *key,
                                                          SsemBackend         backend,
                                                          GError            **error);
SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_remove_leftover_at     (const char         *key,
                                                          SsemBackend         backend,
                                                          const char         *address,
                                                          GError            **error);
SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_remove_leftover_native (const char         *native_key,
                                                          GError            **error);
SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_reset                  (const char         *key,
                                                          int                 value,
                                                          SsemBackend         backend,
                                                          GError            **error);
SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_reset_at               (const char         *key,
                                                          int                 value,
                                                          SsemBackend         backend,
                                                          const char         *address,
                                                          GError            **error);
SSEM_AVAILABLE_IN_1_0
gboolean           ssem_semaphore_reset_native           (const char         *native_key,
                                                          int                 value,
                                                          GError            **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemSemaphoreInfo, ssem_semaphore_info_unref)

G_END_DECLS
