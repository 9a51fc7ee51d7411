/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where the cluster is, and how to use it. It is read once, checked, and constant from then on, so
 * any thread may read it.
 */
typedef struct
{
  char **endpoints;     /* "http://host:port" or "https://host:port"; at least one */
  char *prefix;         /* of all keys in the cluster; ends with "/" */
  int ttl;              /* of the lease, in seconds */
  char *ca_file;        /* NULL: the certificates that the system trusts */
  char *certificate_file; /* NULL: the client shows no certificate */
  char *key_file;       /* NULL: it is in the file of the certificate */
  char *user;           /* NULL: no authentication */
  char *password;       /* NULL where user is */
} SsemEtcdConfig;

/* Returns the value of a variable, or NULL where it is not set, or does not count. */
typedef const char *(* SsemEtcdGetEnvironment) (const char *name);

/* Reads the environment. @address, or NULL, is in place of the variable SSEM_ETCD_ENDPOINTS. Fails
 * with G_IO_ERROR_INVALID_ARGUMENT and a message that names what is malformed. */
SsemEtcdConfig *ssem_etcd_config_new   (const char              *address,
                                        SsemEtcdGetEnvironment   get_environment,
                                        GError                 **error);
void            ssem_etcd_config_free  (SsemEtcdConfig          *self);

/* Whether the two are one session. */
gboolean        ssem_etcd_config_equal (const SsemEtcdConfig    *self,
                                        const SsemEtcdConfig    *other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdConfig, ssem_etcd_config_free)

G_END_DECLS
