/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-auth-private.h"

#include "ssem-etcd-request-private.h"
#include "ssem/ssem-i18n-private.h"

#include <string.h>

/* A token is asked for when a request needs one, and again when a request was refused because of
 * it: how long a token lives is the server's affair. To check a password takes a server about 100
 * ms on purpose, so a token is asked for once, however many requests wait.
 *
 * A cluster without authentication takes requests without a token. Should it be turned on later,
 * their refusal leads here.
 */

struct _SsemEtcdAuth
{
  const SsemEtcdConfig *config;
  SsemEtcdTransport *transport;
  char *token;
  gboolean is_off;          /* the cluster has no authentication */
  SsemEtcdAttempt *attempt; /* NULL: nothing is asked */
  guint endpoint;           /* of the attempt */
  guint n_answers;
  GArray *askers;           /* in the order of their questions */
};

typedef struct
{
  SsemEtcdAuthFunc func;
  gpointer data;
  guint n_answers; /* before the one that this one gets */
} Asker;

SsemEtcdAuth *
ssem_etcd_auth_new (const SsemEtcdConfig *config,
                    SsemEtcdTransport    *transport)
{
  SsemEtcdAuth *self = g_new0 (SsemEtcdAuth, 1);

  self->config = config;
  self->transport = transport;
  self->askers = g_array_new (FALSE, FALSE, sizeof (Asker));

  return self;
}

void
ssem_etcd_auth_free (SsemEtcdAuth *self)
{
  if (self->attempt != NULL)
    ssem_etcd_attempt_cancel (self->attempt);
  g_array_unref (self->askers);
  g_free (self->token);
  g_free (self);
}

gboolean
ssem_etcd_auth_is_ready (SsemEtcdAuth *self)
{
  return self->token != NULL || self->config->user == NULL || self->is_off;
}

const char *
ssem_etcd_auth_get_token (SsemEtcdAuth *self)
{
  return self->token;
}

gboolean
ssem_etcd_auth_renew (SsemEtcdAuth *self,
                      const char   *token)
{
  if (self->config->user == NULL)
    return FALSE;
  if (g_strcmp0 (token, self->token) == 0)
    g_clear_pointer (&self->token, g_free);
  self->is_off = FALSE;

  return TRUE;
}

/* Finds out what the server's answer means, and keeps the token. */
static SsemEtcdVerdict
take_answer (SsemEtcdAuth          *self,
             const SsemEtcdAnswer  *answer,
             GError               **error)
{
  const char *endpoint = self->config->endpoints[self->endpoint];
  const char *message = ssem_etcd_get_text (answer->reply, "message");
  SsemEtcdVerdict verdict;

  if (answer->status == 0)
    {
      *error = g_error_copy (answer->error);
      return SSEM_ETCD_VERDICT_LATER;
    }

  verdict = ssem_etcd_judge (answer, endpoint, error);
  if (verdict == SSEM_ETCD_VERDICT_OK)
    {
      g_free (self->token);
      self->token = g_strdup (ssem_etcd_get_text (answer->reply, "token"));
      if (self->token != NULL)
        return SSEM_ETCD_VERDICT_OK;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _("The etcd server %s has sent no token"), endpoint);
      return SSEM_ETCD_VERDICT_LATER;
    }

  if (message != NULL && strstr (message, "authentication is not enabled") != NULL)
    {
      g_clear_error (error);
      self->is_off = TRUE;
      return SSEM_ETCD_VERDICT_OK;
    }
  if (message != NULL && strstr (message, "authentication failed") != NULL)
    {
      g_clear_error (error);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   _("The etcd server %s does not know the user “%s” with this password: see "
                     "SSEM_ETCD_USER"), endpoint, self->config->user);
    }

  /* To ask again does no harm. */
  return verdict == SSEM_ETCD_VERDICT_REFUSED ? verdict : SSEM_ETCD_VERDICT_LATER;
}

static void
answered_cb (gpointer              data,
             const SsemEtcdAnswer *answer)
{
  SsemEtcdAuth *self = data;
  g_autoptr(GError) error = NULL;
  SsemEtcdAuthResult result = { .endpoint = self->endpoint };
  const guint n_answers = self->n_answers++;

  self->attempt = NULL;
  result.verdict = take_answer (self, answer, &error);
  result.error = error;
  /* An asker may ask again, for another endpoint, and make others forget their questions. */
  while (self->askers->len > 0 &&
         g_array_index (self->askers, Asker, 0).n_answers == n_answers)
    {
      const Asker asker = g_array_index (self->askers, Asker, 0);

      g_array_remove_index (self->askers, 0);
      asker.func (asker.data, &result);
    }
}

static GBytes *
make_body (SsemEtcdAuth *self)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  char *text;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "name");
  json_builder_add_string_value (builder, self->config->user);
  json_builder_set_member_name (builder, "password");
  json_builder_add_string_value (builder, self->config->password);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);

  return g_bytes_new_take (text, strlen (text));
}

void
ssem_etcd_auth_ask (SsemEtcdAuth     *self,
                    guint             endpoint,
                    guint             timeout_msec,
                    SsemEtcdAuthFunc  func,
                    gpointer          data)
{
  const Asker asker = { .func = func, .data = data, .n_answers = self->n_answers };

  g_array_append_val (self->askers, asker);
  if (self->attempt == NULL)
    {
      g_autoptr(GBytes) body = make_body (self);
      const SsemEtcdPost post = {
        .endpoint = endpoint,
        .path = "auth/authenticate",
        .body = body,
      };

      const SsemEtcdLimit limit = { .msec = timeout_msec, .deadline_usec = G_MAXINT64 };

      self->endpoint = endpoint;
      self->attempt = ssem_etcd_transport_post (self->transport, &post, limit, answered_cb, self);
    }
}

void
ssem_etcd_auth_forget (SsemEtcdAuth *self,
                       gpointer      data)
{
  guint i;

  for (i = self->askers->len; i > 0; i--)
    if (g_array_index (self->askers, Asker, i - 1).data == data)
      g_array_remove_index (self->askers, i - 1);
}
