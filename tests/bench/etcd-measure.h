/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

G_BEGIN_DECLS

/* base64 of "/raw/put" and of a value as long as a hold's. */
#define ETCD_PUT_BODY \
  "{\"key\":\"L3Jhdy9wdXQ=\",\"value\":\"eyJ1bml0cyI6MSwic2luY2UiOjE3OTU5NTYyMDg4MTI1MjV9\"}"

gint64 etcd_now_ns   (void);

/* Puts @n times over a bare socket, or with libsoup. Returns the nanoseconds that one takes. */
double etcd_raw_put  (int port,
                      int n);
double etcd_soup_put (int port,
                      int n);

G_END_DECLS
