/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-config-private.h"

#include "ssem/ssem-i18n-private.h"

#include <string.h>

/* The configuration comes from the address and the environment, and names are all that is checked
 * here: whether a file exists, and whether the cluster takes the password, shows when they are
 * used.
 *
 * An endpoint is rebuilt from its parts, so that two spellings of one endpoint are equal.
 */

#define VARIABLE_ENDPOINTS "SSEM_ETCD_ENDPOINTS"
#define VARIABLE_PREFIX "SSEM_ETCD_PREFIX"
#define VARIABLE_TTL "SSEM_ETCD_TTL"
#define VARIABLE_CACERT "SSEM_ETCD_CACERT"
#define VARIABLE_CERT "SSEM_ETCD_CERT"
#define VARIABLE_KEY "SSEM_ETCD_KEY"
#define VARIABLE_USER "SSEM_ETCD_USER"

#define DEFAULT_PREFIX "/ssem/1/"
#define DEFAULT_PORT 2379
#define DEFAULT_TTL 10
#define MIN_TTL 2
#define MAX_TTL (24 * 60 * 60)

/* An etcd server keeps each key in memory. */
#define MAX_PREFIX_LENGTH 512

/* Endpoints are bits of a mask in ssem-etcd-endpoints.c. */
#define MAX_ENDPOINTS 32

/* Sets the error for @source, the name of a variable or "address". Returns FALSE. */
static gboolean
fail (GError     **error,
      const char  *source,
      const char  *value,
      const char  *reason)
{
  g_autofree char *shown = g_utf8_make_valid (value, -1);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               /* Translators: a variable of the environment, its value, and what is wrong with it */
               _("%s is malformed: “%s”: %s"), source, shown, reason);

  return FALSE;
}

/* Returns @text as "scheme://host:port", or NULL if it is no endpoint. */
static char *
parse_endpoint (const char *text)
{
  g_autoptr(GUri) uri = g_uri_parse (text, G_URI_FLAGS_NONE, NULL);
  const char *scheme, *host, *path;
  gboolean is_ipv6;
  int port;

  if (uri == NULL)
    return NULL;

  scheme = g_uri_get_scheme (uri);
  host = g_uri_get_host (uri);
  path = g_uri_get_path (uri);
  port = g_uri_get_port (uri) != -1 ? g_uri_get_port (uri) : DEFAULT_PORT;
  if ((!g_str_equal (scheme, "http") && !g_str_equal (scheme, "https")) ||
      host == NULL || host[0] == '\0' || strpbrk (host, " /@%") != NULL || port == 0 ||
      (path[0] != '\0' && !g_str_equal (path, "/")) ||
      g_uri_get_userinfo (uri) != NULL || g_uri_get_query (uri) != NULL ||
      g_uri_get_fragment (uri) != NULL)
    return NULL;

  is_ipv6 = strchr (host, ':') != NULL;

  return g_strdup_printf (is_ipv6 ? "%s://[%s]:%d" : "%s://%s:%d", scheme, host, port);
}

static gboolean
read_endpoints (SsemEtcdConfig  *self,
                const char      *source,
                const char      *value,
                GError         **error)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) texts = g_strsplit (value, ",", -1);
  guint i;

  for (i = 0; texts[i] != NULL; i++)
    {
      g_autofree char *endpoint = parse_endpoint (g_strstrip (texts[i]));

      if (endpoint == NULL)
        return fail (error, source, value,
                     _("it must be http://HOST:PORT or https://HOST:PORT, or several of these "
                       "with commas in between"));
      g_strv_builder_add (builder, endpoint);
    }
  if (i == 0 || i > MAX_ENDPOINTS)
    return fail (error, source, value, _("it has no endpoint, or too many"));
  self->endpoints = g_strv_builder_end (builder);

  return TRUE;
}

static gboolean
read_prefix (SsemEtcdConfig  *self,
             const char      *value,
             GError         **error)
{
  const char *p;

  if (!g_utf8_validate (value, -1, NULL) || strlen (value) > MAX_PREFIX_LENGTH)
    return fail (error, VARIABLE_PREFIX, value, _("it is too long, or is not UTF-8"));
  for (p = value; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      return fail (error, VARIABLE_PREFIX, value, _("it has a control character"));
  self->prefix = g_strconcat (value, g_str_has_suffix (value, "/") ? NULL : "/", NULL);

  return TRUE;
}

static gboolean
read_ttl (SsemEtcdConfig  *self,
          const char      *value,
          GError         **error)
{
  guint64 ttl;

  if (!g_ascii_string_to_unsigned (value, 10, MIN_TTL, MAX_TTL, &ttl, NULL))
    return fail (error, VARIABLE_TTL, value, _("it must be a number of seconds from 2 to 86400"));
  self->ttl = (int) ttl;

  return TRUE;
}

static gboolean
read_files (SsemEtcdConfig          *self,
            SsemEtcdGetEnvironment   get_environment,
            GError                 **error)
{
  self->ca_file = g_strdup (get_environment (VARIABLE_CACERT));
  self->certificate_file = g_strdup (get_environment (VARIABLE_CERT));
  self->key_file = g_strdup (get_environment (VARIABLE_KEY));
  if (self->key_file != NULL && self->certificate_file == NULL)
    return fail (error, VARIABLE_KEY, self->key_file, _("it needs SSEM_ETCD_CERT"));

  return TRUE;
}

static gboolean
read_user (SsemEtcdConfig  *self,
           const char      *value,
           GError         **error)
{
  const char *colon = strchr (value, ':');

  /* The value has the password, so the message does not. */
  if (colon == NULL || colon == value || !g_utf8_validate (value, -1, NULL))
    return fail (error, VARIABLE_USER, "…", _("it must be NAME:PASSWORD"));
  self->user = g_strndup (value, (gsize) (colon - value));
  self->password = g_strdup (colon + 1);

  return TRUE;
}

SsemEtcdConfig *
ssem_etcd_config_new (const char              *address,
                      SsemEtcdGetEnvironment   get_environment,
                      GError                 **error)
{
  g_autoptr(SsemEtcdConfig) self = g_new0 (SsemEtcdConfig, 1);
  const char *endpoints = address != NULL ? address : get_environment (VARIABLE_ENDPOINTS);
  const char *prefix = get_environment (VARIABLE_PREFIX);
  const char *ttl = get_environment (VARIABLE_TTL);
  const char *user = get_environment (VARIABLE_USER);

  if (endpoints == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _("No etcd cluster is named: set SSEM_ETCD_ENDPOINTS, for example to "
                             "http://127.0.0.1:2379"));
      return NULL;
    }

  self->ttl = DEFAULT_TTL;
  if (!read_endpoints (self, address != NULL ? "address" : VARIABLE_ENDPOINTS, endpoints, error) ||
      !read_prefix (self, prefix != NULL ? prefix : DEFAULT_PREFIX, error) ||
      (ttl != NULL && !read_ttl (self, ttl, error)) ||
      !read_files (self, get_environment, error) ||
      (user != NULL && !read_user (self, user, error)))
    return NULL;

  return g_steal_pointer (&self);
}

void
ssem_etcd_config_free (SsemEtcdConfig *self)
{
  g_strfreev (self->endpoints);
  g_free (self->prefix);
  g_free (self->ca_file);
  g_free (self->certificate_file);
  g_free (self->key_file);
  g_free (self->user);
  g_free (self->password);
  g_free (self);
}

gboolean
ssem_etcd_config_equal (const SsemEtcdConfig *self,
                        const SsemEtcdConfig *other)
{
  return self->ttl == other->ttl &&
         g_strv_equal ((const char *const *) self->endpoints,
                       (const char *const *) other->endpoints) &&
         g_str_equal (self->prefix, other->prefix) &&
         g_strcmp0 (self->ca_file, other->ca_file) == 0 &&
         g_strcmp0 (self->certificate_file, other->certificate_file) == 0 &&
         g_strcmp0 (self->key_file, other->key_file) == 0 &&
         g_strcmp0 (self->user, other->user) == 0 &&
         g_strcmp0 (self->password, other->password) == 0;
}
