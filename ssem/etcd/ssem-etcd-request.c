/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-request-private.h"

#include <string.h>

/* A transaction is three lists, each the text between the brackets of a JSON array. An element is
 * appended with a comma before it if it is not the first. */
struct _SsemEtcdTxn
{
  GString *compare;
  GString *branches[2];
  guint n[2];
};

/* --- Keys --- */

char *
ssem_etcd_escape (const char *text)
{
  static const char digits[] = "0123456789ABCDEF";
  GString *escaped = g_string_new (NULL);

  for (; *text != '\0'; text++)
    {
      const guchar byte = (guchar) *text;

      if (g_ascii_isalnum (*text) || strchr ("-._~", *text) != NULL)
        {
          g_string_append_c (escaped, *text);
        }
      else
        {
          g_string_append_c (escaped, '%');
          g_string_append_c (escaped, digits[byte >> 4]);
          g_string_append_c (escaped, digits[byte & 15]);
        }
    }

  return g_string_free (escaped, FALSE);
}

char *
ssem_etcd_unescape (const char *escaped,
                    gssize      length)
{
  g_autofree char *segment = length < 0 ? g_strdup (escaped) : g_strndup (escaped, (gsize) length);
  g_autofree char *text = g_uri_unescape_string (segment, NULL);
  g_autofree char *again = text != NULL ? ssem_etcd_escape (text) : NULL;

  /* Each text has one name. Another spelling was written by somebody else. */
  return g_strcmp0 (again, segment) == 0 ? g_steal_pointer (&text) : NULL;
}

char *
ssem_etcd_range_end (const char *prefix)
{
  char *end = g_strdup (prefix);
  gsize length = strlen (end);

  /* No prefix of a configuration is without a byte below 0xff: it is UTF-8. */
  while (length > 0 && (guchar) end[length - 1] == 0xff)
    end[--length] = '\0';
  g_assert (length > 0);
  end[length - 1]++;

  return end;
}

/* --- Parts of a body --- */

static void
append_base64 (GString    *body,
               const char *name,
               const char *text)
{
  const gsize length = strlen (text);
  const gsize old_length = body->len + strlen (name) + 4;
  gsize n;
  int state = 0, save = 0;

  g_string_append_c (body, '"');
  g_string_append (body, name);
  g_string_append (body, "\":\"");
  g_string_set_size (body, old_length + (length / 3 + 1) * 4);
  n = g_base64_encode_step ((const guchar *) text, length, FALSE, body->str + old_length, &state,
                            &save);
  n += g_base64_encode_close (FALSE, body->str + old_length + n, &state, &save);
  g_string_truncate (body, old_length + n);
  g_string_append_c (body, '"');
}

/* A number of 64 bits is a string, like the gateway's own. */
static void
append_int64 (GString    *body,
              const char *name,
              gint64      value)
{
  char digits[24];

  g_snprintf (digits, sizeof digits, "%" G_GINT64_FORMAT, value);
  g_string_append_c (body, '"');
  g_string_append (body, name);
  g_string_append (body, "\":\"");
  g_string_append (body, digits);
  g_string_append_c (body, '"');
}

/* Appends members without the braces around them. */
static void
append_range (GString    *body,
              const char *key,
              const char *range_end)
{
  append_base64 (body, "key", key);
  if (range_end != NULL)
    {
      g_string_append_c (body, ',');
      append_base64 (body, "range_end", range_end);
    }
}

static void
append_put (GString    *body,
            const char *key,
            const char *value,
            gint64      lease)
{
  append_base64 (body, "key", key);
  g_string_append_c (body, ',');
  append_base64 (body, "value", value);
  if (lease != 0)
    {
      g_string_append_c (body, ',');
      append_int64 (body, "lease", lease);
    }
}

/* --- Transactions --- */

SsemEtcdTxn *
ssem_etcd_txn_new (void)
{
  SsemEtcdTxn *self = g_new0 (SsemEtcdTxn, 1);

  self->compare = g_string_sized_new (512);
  self->branches[SSEM_ETCD_THEN] = g_string_sized_new (256);
  self->branches[SSEM_ETCD_ELSE] = g_string_sized_new (256);

  return self;
}

void
ssem_etcd_txn_free (SsemEtcdTxn *self)
{
  g_string_free (self->compare, TRUE);
  g_string_free (self->branches[SSEM_ETCD_THEN], TRUE);
  g_string_free (self->branches[SSEM_ETCD_ELSE], TRUE);
  g_free (self);
}

void
ssem_etcd_txn_compare (SsemEtcdTxn      *self,
                       const char       *key,
                       const char       *range_end,
                       SsemEtcdTarget    target,
                       SsemEtcdRelation  relation,
                       gint64            value)
{
  static const char *const targets[] = { "MOD", "CREATE", "VERSION" };
  static const char *const members[] = { "mod_revision", "create_revision", "version" };
  static const char *const relations[] = { "EQUAL", "GREATER", "LESS", "NOT_EQUAL" };
  GString *body = self->compare;

  if (body->len > 0)
    g_string_append_c (body, ',');
  g_string_append_c (body, '{');
  append_range (body, key, range_end);
  g_string_append (body, ",\"target\":\"");
  g_string_append (body, targets[target]);
  g_string_append (body, "\",\"result\":\"");
  g_string_append (body, relations[relation]);
  g_string_append (body, "\",");
  append_int64 (body, members[target], value);
  g_string_append_c (body, '}');
}

/* Appends the beginning of an operation. The caller appends its members and "}}". */
static GString *
begin_operation (SsemEtcdTxn    *self,
                 SsemEtcdBranch  branch,
                 const char     *name)
{
  GString *body = self->branches[branch];

  if (self->n[branch]++ > 0)
    g_string_append_c (body, ',');
  g_string_append (body, "{\"");
  g_string_append (body, name);
  g_string_append (body, "\":{");

  return body;
}

void
ssem_etcd_txn_put (SsemEtcdTxn    *self,
                   SsemEtcdBranch  branch,
                   const char     *key,
                   const char     *value,
                   gint64          lease)
{
  GString *body = begin_operation (self, branch, "request_put");

  append_put (body, key, value, lease);
  g_string_append (body, "}}");
}

void
ssem_etcd_txn_delete (SsemEtcdTxn    *self,
                      SsemEtcdBranch  branch,
                      const char     *key,
                      const char     *range_end)
{
  GString *body = begin_operation (self, branch, "request_delete_range");

  append_range (body, key, range_end);
  g_string_append (body, "}}");
}

void
ssem_etcd_txn_range (SsemEtcdTxn    *self,
                     SsemEtcdBranch  branch,
                     const char     *key,
                     const char     *range_end)
{
  GString *body = begin_operation (self, branch, "request_range");

  append_range (body, key, range_end);
  g_string_append (body, "}}");
}

#define BY_CREATION ",\"sort_order\":\"ASCEND\",\"sort_target\":\"CREATE\""

void
ssem_etcd_txn_range_limited (SsemEtcdTxn    *self,
                             SsemEtcdBranch  branch,
                             const char     *key,
                             const char     *range_end,
                             guint           limit,
                             gboolean        is_sorted)
{
  GString *body = begin_operation (self, branch, "request_range");

  append_range (body, key, range_end);
  g_string_append_c (body, ',');
  append_int64 (body, "limit", limit);
  if (is_sorted)
    g_string_append (body, BY_CREATION);
  g_string_append (body, "}}");
}

static void
append_txn (GString     *body,
            SsemEtcdTxn *self)
{
  g_string_append (body, "\"compare\":[");
  g_string_append_len (body, self->compare->str, (gssize) self->compare->len);
  g_string_append (body, "],\"success\":[");
  g_string_append_len (body, self->branches[SSEM_ETCD_THEN]->str,
                       (gssize) self->branches[SSEM_ETCD_THEN]->len);
  g_string_append (body, "],\"failure\":[");
  g_string_append_len (body, self->branches[SSEM_ETCD_ELSE]->str,
                       (gssize) self->branches[SSEM_ETCD_ELSE]->len);
  g_string_append_c (body, ']');
}

void
ssem_etcd_txn_nest (SsemEtcdTxn    *self,
                    SsemEtcdBranch  branch,
                    SsemEtcdTxn    *nested)
{
  GString *body = begin_operation (self, branch, "request_txn");

  append_txn (body, nested);
  g_string_append (body, "}}");
  ssem_etcd_txn_free (nested);
}

guint
ssem_etcd_txn_get_n (SsemEtcdTxn    *self,
                     SsemEtcdBranch  branch)
{
  return self->n[branch];
}

char *
ssem_etcd_txn_end (SsemEtcdTxn *self)
{
  GString *body = g_string_sized_new (self->compare->len + self->branches[SSEM_ETCD_THEN]->len +
                                      self->branches[SSEM_ETCD_ELSE]->len + 64);

  g_string_append_c (body, '{');
  append_txn (body, self);
  g_string_append_c (body, '}');
  ssem_etcd_txn_free (self);

  return g_string_free (body, FALSE);
}

/* --- Other bodies --- */

char *
ssem_etcd_range_body (const char         *key,
                      const char         *range_end,
                      gint64              revision,
                      gint64              limit,
                      SsemEtcdRangeFlags  flags)
{
  GString *body = g_string_new ("{");

  append_range (body, key, range_end);
  if (revision != 0)
    {
      g_string_append_c (body, ',');
      append_int64 (body, "revision", revision);
    }
  if (limit != 0)
    {
      g_string_append_c (body, ',');
      append_int64 (body, "limit", limit);
    }
  if (flags & SSEM_ETCD_RANGE_KEYS_ONLY)
    g_string_append (body, ",\"keys_only\":true");
  if (flags & SSEM_ETCD_RANGE_COUNT_ONLY)
    g_string_append (body, ",\"count_only\":true");
  if (flags & SSEM_ETCD_RANGE_BY_CREATION)
    g_string_append (body, BY_CREATION);
  if (flags & SSEM_ETCD_RANGE_SERIALIZABLE)
    g_string_append (body, ",\"serializable\":true");
  g_string_append_c (body, '}');

  return g_string_free (body, FALSE);
}

char *
ssem_etcd_grant_body (gint64 id,
                      int    ttl)
{
  GString *body = g_string_new ("{");

  append_int64 (body, "TTL", ttl);
  if (id != 0)
    {
      g_string_append_c (body, ',');
      append_int64 (body, "ID", id);
    }
  g_string_append_c (body, '}');

  return g_string_free (body, FALSE);
}

char *
ssem_etcd_lease_body (gint64 id)
{
  GString *body = g_string_new ("{");

  append_int64 (body, "ID", id);
  g_string_append_c (body, '}');

  return g_string_free (body, FALSE);
}

char *
ssem_etcd_put_body (const char *key,
                    const char *value,
                    gint64      lease)
{
  GString *body = g_string_new ("{");

  append_put (body, key, value, lease);
  g_string_append_c (body, '}');

  return g_string_free (body, FALSE);
}

char *
ssem_etcd_delete_body (const char *key,
                       const char *range_end)
{
  GString *body = g_string_new ("{");

  append_range (body, key, range_end);
  g_string_append_c (body, '}');

  return g_string_free (body, FALSE);
}

char *
ssem_etcd_watch_body (const char *key,
                      const char *range_end,
                      gint64      start_revision)
{
  GString *body = g_string_new ("{\"create_request\":{");

  append_range (body, key, range_end);
  g_string_append_c (body, ',');
  append_int64 (body, "start_revision", start_revision);
  g_string_append (body, ",\"progress_notify\":true}}");

  return g_string_free (body, FALSE);
}
