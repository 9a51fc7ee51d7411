/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-failure-private.h"

#include "ssem-etcd-request-private.h"
#include "ssem-etcd-services-private.h"
#include "ssem/ssem-i18n-private.h"

int
ssem_etcd_failure_of_refusal (JsonObject   *reply,
                              const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    return SSEM_ETCD_FAILURE_DENIED;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
    return SSEM_ETCD_FAILURE_FULL;

  return SSEM_ETCD_FAILURE_REFUSED;
}

void
ssem_etcd_failure_describe (SsemOperation   operation,
                            const char     *key,
                            int             failure,
                            GError        **error)
{
  SsemSystemSemaphoreError code = SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;
  const char *reason;

  switch (failure)
    {
    case SSEM_ETCD_FAILURE_REMOVED:
      code = SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;
      reason = _("it has been removed from the cluster");
      break;
    case SSEM_ETCD_FAILURE_DENIED:
      code = SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED;
      reason = _("the cluster does not grant the user the rights");
      break;
    case SSEM_ETCD_FAILURE_FULL:
      code = SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;
      reason = _("the database of the cluster is full");
      break;
    case SSEM_ETCD_FAILURE_MALFORMED:
      reason = _("a record in the cluster is malformed");
      break;
    case SSEM_ETCD_FAILURE_NO_THREAD:
      code = SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;
      reason = _("the system has no more threads");
      break;
    case SSEM_ETCD_FAILURE_NOT_FOUND:
      code = SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND;
      reason = _("it does not exist");
      break;
    case SSEM_ETCD_FAILURE_ALREADY_EXISTS:
      code = SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS;
      reason = _("it exists already");
      break;
    case SSEM_ETCD_FAILURE_REFUSED:
    default:
      reason = _("the cluster has refused the request");
      break;
    }

  ssem_etcd_services->fail_because (error, code, operation, key, reason);
}

void
ssem_etcd_failure_explain (SsemOperation   operation,
                           const char     *key,
                           int             failure,
                           const GError   *cause,
                           GError        **error)
{
  g_autofree char *shown = NULL;

  if (cause == NULL && failure > 0)
    {
      ssem_etcd_failure_describe (operation, key, failure, error);
      return;
    }

  shown = ssem_etcd_services->display_text (key);
  if (cause == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 _("Could not open the semaphore “%s”: the cluster does not answer"), shown);
  else if (failure == SSEM_ETCD_FAILURE_DENIED || failure == SSEM_ETCD_FAILURE_FULL)
    ssem_etcd_failure_describe (operation, key, failure, error);
  else
    g_set_error (error, cause->domain, cause->code,
                 /* Translators: the first %s is the key, the second the reason. */
                 _("Could not open the semaphore “%s”: %s"), shown, cause->message);
}
