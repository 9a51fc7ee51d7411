/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

G_BEGIN_DECLS

/* What the parts of test-helper have in common. */

extern int commands_fd;
extern int answer_fd;

void     answer                 (const char           *format,
                                 ...) G_GNUC_PRINTF (1, 2);
void     answer_result          (gboolean              is_ok,
                                 const GError         *error);

/* Whether the helper is commanded through that descriptor, or answers there. */
gboolean is_channel             (int                   fd);

/* In a child of fork (), which has none of the threads. */
void     forget_hammers         (void);

SsemSystemSemaphore *
         open_object            (const char           *key,
                                 int                   initial_value,
                                 SsemAccessMode        mode,
                                 gboolean              undo,
                                 GError              **error);

/* Returns FALSE where it is no command of test-helper-contest.c. */
gboolean obey_for_contest       (char                **words,
                                 guint                 n_words);

/* --- The part for the operating system --- */

/* Sees to it that the program does not outlive its test for long. */
void     begin_for_system       (void);

/* Memory that the processes of a test share, zero at first. */
gpointer map_file               (const char           *path,
                                 gsize                 size);
void     unmap_file             (gpointer              memory,
                                 gsize                 size);

/* Both return FALSE where it is no command of theirs. */
gboolean obey_for_system        (char                **words,
                                 guint                 n_words,
                                 char                **argv);
gboolean obey_for_world         (SsemSystemSemaphore **slots,
                                 char                **words,
                                 guint                 n_words);

G_END_DECLS
