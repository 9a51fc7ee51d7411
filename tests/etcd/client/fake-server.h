/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A server of HTTP that misbehaves as it is told. It has threads of its own; the functions are for
 * the thread of the test. */
typedef struct _FakeServer FakeServer;

typedef enum
{
  FAKE_SEND,         /* the text; the connection stays */
  FAKE_SEND_BYTEWISE, /* the same, in writes of one byte */
  FAKE_SEND_CLOSE,   /* the text, then it closes */
  FAKE_SILENT,       /* nothing, until the client closes */
  FAKE_RESET,        /* resets the connection once it has the request */
  FAKE_RESET_FIRST,  /* resets a new connection before it reads */
} FakeKind;

FakeServer *fake_server_new               (void);

/* Closes all connections and ends the threads. */
void        fake_server_free              (FakeServer *self);

/* Returns "http://127.0.0.1:PORT". */
const char *fake_server_get_endpoint      (FakeServer *self);

/* What it does with the next request that has no plan yet, whatever connection that comes on.
 * Without a plan it answers fake_ok (). */
void        fake_server_plan              (FakeServer *self,
                                           FakeKind    kind,
                                           const char *text);

/* The requests so far: "PATH TOKEN BODY", with "-" for no token. */
guint       fake_server_get_n_requests    (FakeServer *self);
char       *fake_server_get_request       (FakeServer *self,
                                           guint       index);

guint       fake_server_get_n_connections (FakeServer *self);

/* How many connections the client has closed. */
guint       fake_server_get_n_closed      (FakeServer *self);

/* Waits until no connection is open, in whatever way they were closed. */
void        fake_server_wait_closed       (FakeServer *self);

/* Returns answers. */
char       *fake_answer                   (guint       status,
                                           const char *body);
char       *fake_refusal                  (guint       status,
                                           int         code,
                                           const char *message);

/* The answer as etcd sends it where it does not know the length before: in chunks, with a
 * trailer. */
char       *fake_chunks                   (guint       status,
                                           const char *body);
const char *fake_ok                       (void);

/* Returns an endpoint that refuses connections; its port stays taken by @socket. */
char       *fake_refusing_endpoint        (GSocket   **socket);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeServer, fake_server_free)

G_END_DECLS
