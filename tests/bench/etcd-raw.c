/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "etcd-measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A put over the JSON gateway with as little as possible around it: one connection, one buffer, no
 * parser. This is what a request costs that is committed. */

static int
connect_to (int port)
{
  struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_port = htons ((guint16) port),
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
  };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int yes = 1;

  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("Could not connect to port %d: %s", port, g_strerror (errno));
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);

  return fd;
}

/* Reads one answer: the gateway's have a Content-Length. */
static void
read_answer (int fd)
{
  char buffer[4096];
  gsize length = 0;

  for (;;)
    {
      gssize n = read (fd, buffer + length, sizeof buffer - 1 - length);
      char *end, *field;

      if (n <= 0)
        g_error ("The server closed the connection");
      length += (gsize) n;
      buffer[length] = '\0';
      end = strstr (buffer, "\r\n\r\n");
      if (end == NULL)
        continue;
      field = strstr (buffer, "Content-Length: ");
      if (!g_str_has_prefix (buffer, "HTTP/1.1 200 ") || field == NULL)
        g_error ("The server answered: %s", buffer);
      if (length >= (gsize) (end + 4 - buffer) + (gsize) atoi (field + 16))
        return;
    }
}

double
etcd_raw_put (int port,
              int n)
{
  g_autofree char *request =
    g_strdup_printf ("POST /v3/kv/put HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                     "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                     port, (int) strlen (ETCD_PUT_BODY), ETCD_PUT_BODY);
  int fd = connect_to (port);
  gint64 start_ns = 0;

  /* The first one is not counted: it opens the connection within the server. */
  for (int i = -1; i < n; i++)
    {
      if (i == 0)
        start_ns = etcd_now_ns ();
      if (write (fd, request, strlen (request)) != (gssize) strlen (request))
        g_error ("Could not send: %s", g_strerror (errno));
      read_answer (fd);
    }
  close (fd);

  return (double) (etcd_now_ns () - start_ns) / n;
}
