/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <gio/gio.h>

#include "ssem-error.h"
#include "ssem-types.h"
#include "ssem-version-macros.h"

G_BEGIN_DECLS

#define SSEM_TYPE_SYSTEM_SEMAPHORE (ssem_system_semaphore_get_type ())

SSEM_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SsemSystemSemaphore, ssem_system_semaphore, SSEM, SYSTEM_SEMAPHORE, GObject)

SSEM_AVAILABLE_IN_1_0
SsemSystemSemaphore      *ssem_system_semaphore_new               (const char           *key,
                                                                   int                   initial_value,
                                                                   SsemAccessMode        mode,
                                                                   GError              **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
void                      ssem_system_semaphore_new_async         (const char           *key,
                                                                   int                   initial_value,
                                                                   SsemAccessMode        mode,
                                                                   GCancellable         *cancellable,
                                                                   GAsyncReadyCallback   callback,
                                                                   gpointer              user_data);
SSEM_AVAILABLE_IN_1_0
SsemSystemSemaphore      *ssem_system_semaphore_new_finish        (GAsyncResult         *result,
                                                                   GError              **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemSystemSemaphore      *ssem_system_semaphore_new_for_native_key (const char          *native_key,
                                                                   int                   initial_value,
                                                                   SsemAccessMode        mode,
                                                                   GError              **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_set_key           (SsemSystemSemaphore  *self,
                                                                   const char           *key,
                                                                   int                   initial_value,
                                                                   SsemAccessMode        mode,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_acquire           (SsemSystemSemaphore  *self,
                                                                   int                   n,
                                                                   GCancellable         *cancellable,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_try_acquire       (SsemSystemSemaphore  *self,
                                                                   int                   n,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_try_acquire_one   (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_acquire_timeout   (SsemSystemSemaphore  *self,
                                                                   int                   n,
                                                                   gint64                timeout_usec,
                                                                   GCancellable         *cancellable,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_acquire_interruptible (SsemSystemSemaphore  *self,
                                                                   int                   n,
                                                                   gint64                timeout_usec,
                                                                   GCancellable         *cancellable,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
void                      ssem_system_semaphore_acquire_async     (SsemSystemSemaphore  *self,
                                                                   int                   n,
                                                                   GCancellable         *cancellable,
                                                                   GAsyncReadyCallback   callback,
                                                                   gpointer              user_data);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_acquire_finish    (SsemSystemSemaphore  *self,
                                                                   GAsyncResult         *result,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
void                      ssem_system_semaphore_acquire_timeout_async (SsemSystemSemaphore *self,
                                                                   int                   n,
                                                                   gint64                timeout_usec,
                                                                   GCancellable         *cancellable,
                                                                   GAsyncReadyCallback   callback,
                                                                   gpointer              user_data);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_acquire_timeout_finish (SsemSystemSemaphore *self,
                                                                   GAsyncResult         *result,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_release           (SsemSystemSemaphore  *self,
                                                                   int                   n,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_release_one       (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
int                       ssem_system_semaphore_get_value         (SsemSystemSemaphore  *self,
                                                                   GError              **error);
SSEM_AVAILABLE_IN_1_0
guint64                   ssem_system_semaphore_get_fencing_token (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
guint                     ssem_system_semaphore_get_n_losses      (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
SsemSystemSemaphoreError  ssem_system_semaphore_get_error         (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
char                     *ssem_system_semaphore_get_error_string  (SsemSystemSemaphore  *self) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
char                     *ssem_system_semaphore_get_key           (SsemSystemSemaphore  *self) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
char                     *ssem_system_semaphore_get_native_key    (SsemSystemSemaphore  *self) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
int                       ssem_system_semaphore_get_initial_value (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
SsemAccessMode            ssem_system_semaphore_get_mode          (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
gboolean                  ssem_system_semaphore_get_undo          (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
SsemBackend               ssem_system_semaphore_get_backend       (SsemSystemSemaphore  *self);
SSEM_AVAILABLE_IN_1_0
const char               *ssem_system_semaphore_get_address       (SsemSystemSemaphore  *self);

G_END_DECLS
