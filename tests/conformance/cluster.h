/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The records that the backend "etcd" keeps in the cluster, for tests. Each test has a prefix of
 * its own for them, in the environment. */

/* Begins a test: chooses its prefix. */
void  cluster_begin        (void);
void  cluster_end          (void);

/* Waits until no record in the cluster is that of a process that has ended. That takes no time
 * where it ended orderly; else its lease has to end. Does nothing in a test of another backend. */
void  cluster_wait_until_gone (int pid);

/* The percent-encoded keys of the semaphores. */
GStrv cluster_list_keys    (void);

/* Removes all records. */
void  cluster_clear        (void);

G_END_DECLS
