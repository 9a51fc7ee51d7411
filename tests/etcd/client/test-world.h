/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-request-private.h"

G_BEGIN_DECLS

/* A client in the thread of the test, and its requests. */
typedef struct
{
  SsemEtcdConfig *config;
  SsemEtcdClient *client;
} World;

typedef struct
{
  gboolean is_done;
  guint n_calls;
  SsemEtcdOutcome outcome;
  JsonObject *reply;
  GError *error;
} Reply;

/* @user is "NAME:PASSWORD" or NULL. A server has 5 seconds to answer. */
void  world_init     (World             *self,
                      const char        *endpoints,
                      const char        *user);

/* For tests that wait for the time-out: a server has 2 seconds to answer, which is long enough for
 * one that does under load. */
void  world_init_impatient (World       *self,
                            const char  *endpoints);

void  world_clear    (World             *self);

/* Sends a put of one key, or for "kv/range" a read of it. */
void  world_send     (World             *self,
                      const char        *path,
                      gint64             deadline_usec,
                      Reply             *reply);
void  world_send_body (World            *self,
                      const char        *path,
                      char              *body,
                      gint64             deadline_usec,
                      Reply             *reply);
void  world_wait     (Reply             *reply);

/* Does both, with the outcome that is expected; with @code not 0, the error is of G_IO_ERROR and
 * has that code. */
void  world_expect   (World             *self,
                      const char        *path,
                      gint64             deadline_usec,
                      SsemEtcdOutcome    outcome,
                      int                code);

void  reply_clear    (Reply             *reply);

/* A point of time in @msec. */
gint64 in_msec       (guint              msec);

/* Iterates the main context until @condition. */
#define wait_until(condition) \
  G_STMT_START { while (!(condition)) g_main_context_iteration (NULL, TRUE); } G_STMT_END

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (World, world_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reply, reply_clear)

G_END_DECLS
