/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-world.h"

#include <string.h>

/* A server has a quarter of the lease's time, and at most 5 seconds. */
#define PATIENT_TTL "20"
#define IMPATIENT_TTL "8"

static const char *user_variable;
static const char *ttl_variable;

static const char *
get_environment (const char *name)
{
  if (g_str_equal (name, "SSEM_ETCD_TTL"))
    return ttl_variable;

  return g_str_equal (name, "SSEM_ETCD_USER") ? user_variable : NULL;
}

static void
init (World      *self,
      const char *endpoints,
      const char *user,
      const char *ttl)
{
  g_autoptr(GError) error = NULL;

  user_variable = user;
  ttl_variable = ttl;
  self->config = ssem_etcd_config_new (endpoints, get_environment, &error);
  g_assert_no_error (error);
  self->client = ssem_etcd_client_new (self->config, g_main_context_default (), &error);
  g_assert_no_error (error);
}

void
world_init (World      *self,
            const char *endpoints,
            const char *user)
{
  init (self, endpoints, user, PATIENT_TTL);
}

void
world_init_impatient (World      *self,
                      const char *endpoints)
{
  init (self, endpoints, NULL, IMPATIENT_TTL);
}

void
world_clear (World *self)
{
  g_clear_pointer (&self->client, ssem_etcd_client_free);
  /* What libsoup has cancelled still calls back. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_pointer (&self->config, ssem_etcd_config_free);
}

static void
reply_cb (gpointer         data,
          SsemEtcdOutcome  outcome,
          JsonObject      *object,
          const GError    *error)
{
  Reply *reply = data;

  reply->is_done = TRUE;
  reply->n_calls++;
  reply->outcome = outcome;
  reply->reply = object != NULL ? json_object_ref (object) : NULL;
  reply->error = error != NULL ? g_error_copy (error) : NULL;
  g_assert_true ((error == NULL) == (outcome == SSEM_ETCD_OK));
}

void
world_send_body (World      *self,
                 const char *path,
                 char       *body,
                 gint64      deadline_usec,
                 Reply      *reply)
{
  memset (reply, 0, sizeof *reply);
  ssem_etcd_client_send (self->client, path, body, deadline_usec, reply_cb, reply);
  g_assert_false (reply->is_done);
}

void
world_send (World      *self,
            const char *path,
            gint64      deadline_usec,
            Reply      *reply)
{
  char *body = g_str_equal (path, "kv/range") ?
               ssem_etcd_range_body ("a", NULL, 0, 0, SSEM_ETCD_RANGE_DEFAULT) :
               ssem_etcd_put_body ("a", "b", 0);

  world_send_body (self, path, body, deadline_usec, reply);
}

void
world_wait (Reply *reply)
{
  wait_until (reply->is_done);
}

void
world_expect (World           *self,
              const char      *path,
              gint64           deadline_usec,
              SsemEtcdOutcome  outcome,
              int              code)
{
  g_auto(Reply) reply = { 0 };

  world_send (self, path, deadline_usec, &reply);
  world_wait (&reply);
  if (reply.error != NULL)
    g_test_message ("%s", reply.error->message);
  g_assert_cmpint (reply.outcome, ==, outcome);
  if (code != 0)
    g_assert_error (reply.error, G_IO_ERROR, code);
}

void
reply_clear (Reply *reply)
{
  g_clear_pointer (&reply->reply, json_object_unref);
  g_clear_error (&reply->error);
}

gint64
in_msec (guint msec)
{
  return g_get_monotonic_time () + (gint64) msec * 1000;
}
