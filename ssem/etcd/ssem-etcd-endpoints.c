/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-endpoints-private.h"

/* The endpoints stand in a queue. The first is used until it fails; then it goes to the end. So the
 * endpoint that failed last is tried last, and one that works is kept, with its connection.
 *
 * Processes start at different endpoints, so that a cluster shares the load.
 */

#define FIRST_PAUSE_MSEC 50
#define MAX_PAUSE_MSEC 1000

typedef struct
{
  SsemEtcdFailedFunc func;
  gpointer data;
} Listener;

struct _SsemEtcdEndpoints
{
  guint n;
  guint *order;
  GArray *listeners;
};

SsemEtcdEndpoints *
ssem_etcd_endpoints_new (guint n)
{
  SsemEtcdEndpoints *self = g_new (SsemEtcdEndpoints, 1);
  const guint first = g_random_int_range (0, (gint32) n);
  guint i;

  self->n = n;
  self->order = g_new (guint, n);
  for (i = 0; i < n; i++)
    self->order[i] = (first + i) % n;
  self->listeners = g_array_new (FALSE, FALSE, sizeof (Listener));

  return self;
}

void
ssem_etcd_endpoints_free (SsemEtcdEndpoints *self)
{
  g_array_unref (self->listeners);
  g_free (self->order);
  g_free (self);
}

int
ssem_etcd_endpoints_choose (SsemEtcdEndpoints   *self,
                            SsemEtcdEndpointSet  tried)
{
  guint i;

  for (i = 0; i < self->n; i++)
    if ((tried & 1u << self->order[i]) == 0)
      return (int) self->order[i];

  return -1;
}

void
ssem_etcd_endpoints_fail (SsemEtcdEndpoints *self,
                          guint              endpoint)
{
  guint i, j;

  for (i = 0, j = 0; i < self->n; i++)
    if (self->order[i] != endpoint)
      self->order[j++] = self->order[i];
  self->order[j] = endpoint;

  for (i = 0; i < self->listeners->len; i++)
    {
      const Listener *listener = &g_array_index (self->listeners, Listener, i);

      listener->func (listener->data, endpoint);
    }
}

void
ssem_etcd_endpoints_listen (SsemEtcdEndpoints  *self,
                            SsemEtcdFailedFunc  func,
                            gpointer            data)
{
  const Listener listener = { .func = func, .data = data };

  g_array_append_val (self->listeners, listener);
}

void
ssem_etcd_endpoints_unlisten (SsemEtcdEndpoints *self,
                              gpointer           data)
{
  guint i;

  for (i = 0; i < self->listeners->len; i++)
    if (g_array_index (self->listeners, Listener, i).data == data)
      {
        g_array_remove_index_fast (self->listeners, i);
        return;
      }
}

guint
ssem_etcd_endpoints_get_pause (guint n_rounds)
{
  const guint longest = MIN (FIRST_PAUSE_MSEC << MIN (n_rounds, 10), MAX_PAUSE_MSEC);

  /* Clients that lost a server in the same moment come back one by one. */
  return (guint) g_random_int_range ((gint32) (longest / 2), (gint32) longest + 1);
}
