/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster.h"

#include "helper.h"

#include <gio/gio.h>

#include <string.h>

/* What the library does is not checked by the library: these are requests of our own. */

#define ENDPOINTS "SSEM_ETCD_ENDPOINTS"
#define PREFIX "SSEM_ETCD_PREFIX"

/* Sends a request about all records below the prefix; returns the answer, of one line. */
static char *
ask (const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnection) connection = NULL;
  g_auto(GStrv) endpoints = g_strsplit (g_getenv (ENDPOINTS), ",", 2);
  const char *prefix = g_getenv (PREFIX);
  g_autofree char *end = g_strdup (prefix);
  g_autofree char *key_base64 = g_base64_encode ((const guchar *) prefix, strlen (prefix));
  g_autofree char *end_base64 = NULL;
  g_autofree char *body = NULL;
  g_autofree char *request = NULL;
  g_autoptr(GString) answer = g_string_new (NULL);
  char buffer[4096];
  gssize length;

  /* The prefix ends with "/", and "0" comes after that. */
  end[strlen (end) - 1] = '0';
  end_base64 = g_base64_encode ((const guchar *) end, strlen (end));
  body = g_strdup_printf ("{\"key\":\"%s\",\"range_end\":\"%s\"}", key_base64, end_base64);
  request = g_strdup_printf ("POST /v3/%s HTTP/1.0\r\nContent-Length: %u\r\n\r\n%s",
                             path, (guint) strlen (body), body);

  connection = g_socket_client_connect_to_host (client, endpoints[0] + strlen ("http://"), 2379,
                                                NULL, &error);
  g_assert_no_error (error);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), request,
                             strlen (request), NULL, NULL, &error);
  g_assert_no_error (error);
  while ((length = g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (connection)),
                                        buffer, sizeof buffer, NULL, &error)) > 0)
    g_string_append_len (answer, buffer, length);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (answer->str, "HTTP/1.0 200") ||
                 g_str_has_prefix (answer->str, "HTTP/1.1 200"));

  return g_string_free (g_steal_pointer (&answer), FALSE);
}

/* Returns the decoded texts that stand after @label in @answer. */
static GStrv
get_texts (const char *answer,
           const char *label)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) parts = g_strsplit (answer, label, -1);
  guint i;

  for (i = 1; parts[0] != NULL && parts[i] != NULL; i++)
    {
      g_autofree char *base64 = g_strndup (parts[i], strcspn (parts[i], "\""));
      gsize length;
      g_autofree char *bytes = (char *) g_base64_decode (base64, &length);
      g_autofree char *text = g_strndup (bytes, length);

      g_strv_builder_add (builder, text);
    }

  return g_strv_builder_end (builder);
}

void
cluster_begin (void)
{
  g_autofree char *random = g_uuid_string_random ();
  g_autofree char *prefix = g_strdup_printf ("/ssem-test/%s/", random);

  g_setenv (PREFIX, prefix, TRUE);
}

void
cluster_end (void)
{
  cluster_clear ();
  g_unsetenv (PREFIX);
}

void
cluster_clear (void)
{
  g_autofree char *answer = ask ("kv/deleterange");
}

static gboolean
is_gone (gpointer data)
{
  g_autofree char *label = g_strdup_printf ("\"pid\":%d,", *(int *) data);
  g_autofree char *answer = ask ("kv/range");
  g_auto(GStrv) values = get_texts (answer, "\"value\":\"");
  guint i;

  for (i = 0; values[i] != NULL; i++)
    {
      if (strstr (values[i], label) != NULL)
        return FALSE;
    }

  return TRUE;
}

void
cluster_wait_until_gone (int pid)
{
  if (g_getenv (PREFIX) != NULL)
    wait_for ("a lease to end", is_gone, &pid);
}

GStrv
cluster_list_keys (void)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *answer = ask ("kv/range");
  g_auto(GStrv) paths = get_texts (answer, "\"key\":\"");
  guint i;

  for (i = 0; paths[i] != NULL; i++)
    {
      const char *key = paths[i] + strlen (g_getenv (PREFIX));

      if (g_str_has_suffix (key, "/state"))
        {
          g_autofree char *name = g_strndup (key, strlen (key) - strlen ("/state"));

          g_strv_builder_add (builder, name);
        }
    }

  return g_strv_builder_end (builder);
}
