/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

/* A fuzz target is linked with libFuzzer, or with fuzz-replay.c, which only runs what it is
 * given. */

int         LLVMFuzzerTestOneInput   (const guint8   *data,
                                      gsize           length);
int         LLVMFuzzerInitialize     (int            *argc,
                                      char         ***argv);

/* The directory of keys: of this process alone, and gone when it ends. */
const char *fuzz_directory              (void);

/* The file of the one semaphore that there is, or of the one beside @other. The caller frees it. */
char       *fuzz_find_file           (const char     *other);

/* With the directory that it lies in, where the key has one. */
void        fuzz_write_file          (const char     *path,
                                      gconstpointer   content,
                                      gsize           length);
void        fuzz_remove_file         (const char     *path);
