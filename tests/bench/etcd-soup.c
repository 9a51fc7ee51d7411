/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "etcd-measure.h"

#include <libsoup/soup.h>
#include <string.h>

/* A put over the JSON gateway with the HTTP library that the backend uses, as a program would call
 * it: one session, one connection, each answer awaited. It does not parse the answer. */

static void
put (SoupSession *session,
     const char  *url,
     GBytes      *body)
{
  g_autoptr(SoupMessage) message = soup_message_new (SOUP_METHOD_POST, url);
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) answer = NULL;

  /* Without the flag libsoup opens a new connection for each POST. */
  soup_message_add_flags (message, SOUP_MESSAGE_IDEMPOTENT);
  soup_message_set_request_body_from_bytes (message, "application/json", body);
  answer = soup_session_send_and_read (session, message, NULL, &error);
  if (answer == NULL)
    g_error ("Could not put: %s", error->message);
  if (soup_message_get_status (message) != SOUP_STATUS_OK)
    g_error ("The server answered: %u", soup_message_get_status (message));
}

double
etcd_soup_put (int port,
               int n)
{
  g_autofree char *url = g_strdup_printf ("http://127.0.0.1:%d/v3/kv/put", port);
  g_autoptr(GBytes) body = g_bytes_new_static (ETCD_PUT_BODY, strlen (ETCD_PUT_BODY));
  g_autoptr(SoupSession) session = soup_session_new ();
  gint64 start_ns = 0;

  /* The first one is not counted: it opens the connection. */
  for (int i = -1; i < n; i++)
    {
      if (i == 0)
        start_ns = etcd_now_ns ();
      put (session, url, body);
    }

  return (double) (etcd_now_ns () - start_ns) / n;
}
