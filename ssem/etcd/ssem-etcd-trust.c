/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-trust-private.h"

#include "ssem/ssem-i18n-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* What the connections for requests and those for streams have in common. */

#define KEEPALIVE_COUNT 3

static gboolean
uses_tls (const SsemEtcdConfig *config)
{
  guint i;

  for (i = 0; config->endpoints[i] != NULL; i++)
    if (g_str_has_prefix (config->endpoints[i], "https:"))
      return TRUE;

  return FALSE;
}

static gboolean
fail (GError     **error,
      const char  *variable,
      const char  *path)
{
  g_autofree char *shown = g_filename_display_name (path);

  /* Translators: a variable of the environment, and the path of a file in it */
  g_prefix_error (error, _("Could not use %s=%s: "), variable, shown);

  return FALSE;
}

gboolean
ssem_etcd_trust_init (SsemEtcdTrust         *self,
                      const SsemEtcdConfig  *config,
                      GError               **error)
{
  const char *key_file = config->key_file != NULL ? config->key_file : config->certificate_file;

  if (!uses_tls (config))
    return TRUE;
  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_UNAVAILABLE,
                           _("Could not use https: the package glib-networking is not installed"));
      return FALSE;
    }

  if (config->ca_file != NULL)
    {
      self->database = g_tls_file_database_new (config->ca_file, error);
      if (self->database == NULL)
        return fail (error, "SSEM_ETCD_CACERT", config->ca_file);
    }
  if (config->certificate_file != NULL)
    {
      self->certificate = g_tls_certificate_new_from_files (config->certificate_file, key_file,
                                                            error);
      if (self->certificate == NULL)
        return fail (error, "SSEM_ETCD_CERT", config->certificate_file);
    }

  return TRUE;
}

void
ssem_etcd_trust_clear (SsemEtcdTrust *self)
{
  g_clear_object (&self->database);
  g_clear_object (&self->certificate);
}

static void
prepare_socket (GSocketConnection *connection,
                int                ttl)
{
  const struct
  {
    int level, name, value;
  } options[] = {
    { SOL_SOCKET, SO_KEEPALIVE, 1 },
#ifdef TCP_KEEPIDLE
    { IPPROTO_TCP, TCP_KEEPIDLE, MAX (1, ttl / 4) },
    { IPPROTO_TCP, TCP_KEEPINTVL, MAX (1, ttl / 8) },
    { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT },
#endif
#ifdef TCP_USER_TIMEOUT
    { IPPROTO_TCP, TCP_USER_TIMEOUT, MAX (1, ttl / 2) * 1000 },
#endif
  };
  GSocket *socket = g_socket_connection_get_socket (connection);
  guint i;

  /* Without them a dead connection is found later, by the operations' own looks. */
  for (i = 0; i < G_N_ELEMENTS (options); i++)
    g_socket_set_option (socket, options[i].level, options[i].name, options[i].value, NULL);
}

static void
prepare_tls (SsemEtcdTrust  *self,
             GTlsConnection *connection)
{
  static const char *const protocols[] = { "http/1.1", NULL };

  if (self->database != NULL)
    g_tls_connection_set_database (connection, self->database);
  if (self->certificate != NULL)
    g_tls_connection_set_certificate (connection, self->certificate);
  /* With HTTP/2 a lost connection would be many lost requests. */
  g_tls_connection_set_advertised_protocols (connection, protocols);
}

void
ssem_etcd_trust_prepare (SsemEtcdTrust      *self,
                         GSocketClientEvent  event,
                         GIOStream          *connection,
                         int                 ttl)
{
  if (event == G_SOCKET_CLIENT_CONNECTED && G_IS_SOCKET_CONNECTION (connection))
    prepare_socket (G_SOCKET_CONNECTION (connection), ttl);
  else if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING && G_IS_TLS_CONNECTION (connection))
    prepare_tls (self, G_TLS_CONNECTION (connection));
}

static const char *
describe (GTlsCertificateFlags problems)
{
  if (problems & G_TLS_CERTIFICATE_UNKNOWN_CA)
    return _("its certificate is not from an authority that is trusted here");
  if (problems & G_TLS_CERTIFICATE_EXPIRED)
    return _("its certificate has expired");
  if (problems & G_TLS_CERTIFICATE_NOT_ACTIVATED)
    return _("its certificate is not valid yet");
  if (problems & G_TLS_CERTIFICATE_BAD_IDENTITY)
    return _("its certificate is for another host");
  if (problems & G_TLS_CERTIFICATE_REVOKED)
    return _("its certificate is revoked");

  return _("its certificate is not valid");
}

GError *
ssem_etcd_trust_make_error (const char           *endpoint,
                            GTlsCertificateFlags  problems,
                            gboolean              is_new,
                            const GError         *cause)
{
  const gboolean is_closed = g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  const gboolean is_not_tls = g_error_matches (cause, G_TLS_ERROR, G_TLS_ERROR_NOT_TLS);
  const char *reason = cause->message;
  GQuark domain = cause->domain;
  int code = cause->code;

  if (problems != 0)
    {
      domain = G_TLS_ERROR;
      code = G_TLS_ERROR_BAD_CERTIFICATE;
      reason = describe (problems);
    }
  else if (is_new && (domain == G_TLS_ERROR || is_closed))
    {
      /* With TLS 1.3 a server looks at the client's certificate when the client believes that the
       * handshake is over. Its reason may come, or be lost with the connection; if that ends during
       * the handshake, GIO says that the server does not speak TLS, although it does. */
      reason = is_closed || is_not_tls ?
               _("it has closed the connection: perhaps it does not accept the certificate of "
                 "SSEM_ETCD_CERT, or wants one") :
               _("it does not accept the certificate of SSEM_ETCD_CERT, or wants one");
      if (is_not_tls)
        code = G_TLS_ERROR_HANDSHAKE;
    }
  else if (is_not_tls)
    {
      reason = _("it does not speak TLS, which https:// needs");
    }
  else if (is_closed)
    {
      reason = _("the connection was lost");
    }
  else if (domain == G_RESOLVER_ERROR)
    {
      domain = G_IO_ERROR;
      code = G_IO_ERROR_HOST_NOT_FOUND;
    }

  return g_error_new (domain, code,
                      /* Translators: the address of a server, and why */
                      _("Could not reach the etcd server %s: %s"), endpoint, reason);
}

SoupSession *
ssem_etcd_new_session (guint max_per_host,
                       guint max_in_all)
{
  /* A proxy of the desktop is for the web; the endpoints are named one by one. */
  SoupSession *session = soup_session_new_with_options ("max-conns", (int) max_in_all,
                                                        "max-conns-per-host", (int) max_per_host,
                                                        "idle-timeout", 0u,
                                                        "timeout", 0u,
                                                        "proxy-resolver", NULL,
                                                        NULL);

  /* etcd does not compress, and has tokens of its own: libsoup is to answer no challenge. */
  soup_session_remove_feature_by_type (session, SOUP_TYPE_SESSION_FEATURE);

  return session;
}
