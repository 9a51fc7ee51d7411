/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

typedef void (* SsemEtcdTaskFunc) (gpointer data);

/* A thread that iterates a main context of its own, and runs what other threads hand to it. */
typedef struct
{
  GMainContext *context;       /* constant after init */
  SsemEtcdTaskFunc signalled;  /* constant after init */
  gpointer data;               /* constant after init */

  gpointer inbox;              /* atomic: a stack of tasks, the last one first */
  atomic_bool is_signalled;
  GQueue outgoing;             /* of the thread: tasks to run without dispatch_lock */
} SsemEtcdLoop;

/* Prepares this file. */
void          ssem_etcd_loop_init    (void);

/* @signalled is called in the thread after ssem_etcd_loop_signal (). */
SsemEtcdLoop *ssem_etcd_loop_new     (SsemEtcdTaskFunc   signalled,
                                      gpointer           data);

/* Frees a loop that was not started. */
void          ssem_etcd_loop_free    (SsemEtcdLoop      *self);

/* Starts the thread, which ends with the process. */
gboolean      ssem_etcd_loop_start   (SsemEtcdLoop      *self,
                                      GError           **error);

/* Runs @func in the thread. Any thread may call this; it takes no lock. */
void          ssem_etcd_loop_invoke  (SsemEtcdLoop      *self,
                                      SsemEtcdTaskFunc   func,
                                      gpointer           data);

/* The same without allocating anything, for the one function that was given at the beginning. */
void          ssem_etcd_loop_signal  (SsemEtcdLoop      *self);

/* Called in the thread: runs @func there, where it may take locks of the library. */
void          ssem_etcd_loop_invoke_outside (SsemEtcdLoop     *self,
                                             SsemEtcdTaskFunc  func,
                                             gpointer          data);

G_END_DECLS
