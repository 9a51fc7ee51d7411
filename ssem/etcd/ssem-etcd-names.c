/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-names-private.h"

#include "ssem-etcd-request-private.h"

#include <string.h>
#include <sys/stat.h>

void
ssem_etcd_names_init (SsemEtcdNames *self,
                      const char    *prefix,
                      const char    *key)
{
  g_autofree char *escaped = ssem_etcd_escape (key);

  self->base = g_strconcat (prefix, escaped, "/", NULL);
  self->end = ssem_etcd_range_end (self->base);
  self->state = g_strconcat (self->base, "state", NULL);
  self->dispatcher = g_strconcat (self->state, "/dispatcher", NULL);
  self->state_end = g_strconcat (self->state, "0", NULL);
  self->members = g_strconcat (self->base, "member/", NULL);
  self->members_end = ssem_etcd_range_end (self->members);
  self->lingerers = g_strconcat (self->base, "lingerer/", NULL);
  self->holds = g_strconcat (self->base, "hold/", NULL);
  self->holds_end = ssem_etcd_range_end (self->holds);
  self->waiters = g_strconcat (self->base, "waiter/", NULL);
  self->waiters_end = ssem_etcd_range_end (self->waiters);
}

void
ssem_etcd_names_clear (SsemEtcdNames *self)
{
  g_free (self->base);
  g_free (self->end);
  g_free (self->state);
  g_free (self->dispatcher);
  g_free (self->state_end);
  g_free (self->members);
  g_free (self->members_end);
  g_free (self->lingerers);
  g_free (self->holds);
  g_free (self->holds_end);
  g_free (self->waiters);
  g_free (self->waiters_end);
}

SsemEtcdRecordKind
ssem_etcd_names_classify (const SsemEtcdNames  *self,
                          const char           *path,
                          const char          **name)
{
  const struct
  {
    const char *directory;
    SsemEtcdRecordKind kind;
  } kinds[] = {
    { self->holds, SSEM_ETCD_RECORD_HOLD },
    { self->waiters, SSEM_ETCD_RECORD_WAITER },
    { self->members, SSEM_ETCD_RECORD_MEMBER },
    { self->lingerers, SSEM_ETCD_RECORD_LINGERER },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      if (g_str_has_prefix (path, kinds[i].directory))
        {
          *name = path + strlen (kinds[i].directory);
          return kinds[i].kind;
        }
    }

  if (g_str_equal (path, self->dispatcher))
    return SSEM_ETCD_RECORD_DISPATCHER;

  return g_str_equal (path, self->state) ? SSEM_ETCD_RECORD_STATE : SSEM_ETCD_RECORD_UNKNOWN;
}

guint64
ssem_etcd_get_pid_space (void)
{
  struct stat space;

  return stat ("/proc/self/ns/pid", &space) == 0 ? (guint64) space.st_ino : 0;
}

gint64
ssem_etcd_names_get_number (const char *value,
                            const char *name)
{
  g_autofree char *label = g_strdup_printf ("\"%s\":", name);
  const char *found = strstr (value, label);
  const char *digits;
  char *end;
  gint64 number;

  if (found == NULL)
    return -1;

  digits = found + strlen (label);
  number = g_ascii_strtoll (digits, &end, 10);

  return end != digits && number >= 0 ? number : -1;
}

char *
ssem_etcd_names_units (gint64 units,
                       gint64 since_usec)
{
  return g_strdup_printf ("{\"units\":%" G_GINT64_FORMAT ",\"since\":%" G_GINT64_FORMAT "}",
                          units, since_usec);
}

char *
ssem_etcd_names_state (gint64 total,
                       gint64 epoch,
                       gint64 initial)
{
  return g_strdup_printf ("{\"total\":%" G_GINT64_FORMAT ",\"epoch\":%" G_GINT64_FORMAT
                          ",\"initial\":%" G_GINT64_FORMAT "}", total, epoch, initial);
}
