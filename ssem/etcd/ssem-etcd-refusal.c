/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-refusal-private.h"

#include "ssem-etcd-request-private.h"
#include "ssem/ssem-i18n-private.h"

#include <string.h>

/* etcd answers with a code of gRPC and a message, in HTTP's status and as JSON.
 *
 * Whether the request was applied is what counts. Most codes are given before a request goes to the
 * cluster's log, or say that applying it has failed as a whole. Time-outs, an unavailable server
 * and internal errors leave it open: the request may be in the log and be applied later. Of these,
 * a few messages are known to come before the log.
 */

typedef struct
{
  const char *text; /* a part of the message */
  SsemEtcdVerdict verdict;
} Message;

/* Before the codes. */
static const Message messages[] = {
  /* The token has run out, or rights have changed since; or authentication was turned on. */
  { "invalid auth token", SSEM_ETCD_VERDICT_TOKEN },
  { "revision of auth store is old", SSEM_ETCD_VERDICT_TOKEN },
  { "user name is empty", SSEM_ETCD_VERDICT_TOKEN },

  { "too many requests", SSEM_ETCD_VERDICT_LATER },
  { "etcdserver: no leader", SSEM_ETCD_VERDICT_LATER },
  { "etcdserver: not capable", SSEM_ETCD_VERDICT_LATER },
  { "not supported for learner", SSEM_ETCD_VERDICT_LATER },
  /* The gateway's own connection to its server has not come about. */
  { "all SubConns are in TransientFailure", SSEM_ETCD_VERDICT_LATER },
};

/* The codes with which nothing was applied. */
static const struct
{
  SsemEtcdCode code;
  GIOErrorEnum error;
} refusals[] = {
  { SSEM_ETCD_CODE_INVALID_ARGUMENT, G_IO_ERROR_INVALID_ARGUMENT },
  { SSEM_ETCD_CODE_NOT_FOUND, G_IO_ERROR_NOT_FOUND },
  { SSEM_ETCD_CODE_PERMISSION_DENIED, G_IO_ERROR_PERMISSION_DENIED },
  { SSEM_ETCD_CODE_RESOURCE_EXHAUSTED, G_IO_ERROR_NO_SPACE },
  { SSEM_ETCD_CODE_FAILED_PRECONDITION, G_IO_ERROR_EXISTS },
  { SSEM_ETCD_CODE_OUT_OF_RANGE, G_IO_ERROR_FAILED },
  { SSEM_ETCD_CODE_UNIMPLEMENTED, G_IO_ERROR_NOT_SUPPORTED },
  { SSEM_ETCD_CODE_DATA_LOSS, G_IO_ERROR_FAILED },
  { SSEM_ETCD_CODE_UNAUTHENTICATED, G_IO_ERROR_PERMISSION_DENIED },
};

static SsemEtcdVerdict
judge_refusal (JsonObject   *reply,
               const char   *text,
               GIOErrorEnum *error_code)
{
  const SsemEtcdCode code = ssem_etcd_reply_get_code (reply);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (messages); i++)
    if (strstr (text, messages[i].text) != NULL)
      {
        *error_code = messages[i].verdict == SSEM_ETCD_VERDICT_TOKEN ?
                      G_IO_ERROR_PERMISSION_DENIED : G_IO_ERROR_BUSY;
        return messages[i].verdict;
      }

  for (i = 0; i < G_N_ELEMENTS (refusals); i++)
    if (code == refusals[i].code)
      {
        *error_code = refusals[i].error;
        return SSEM_ETCD_VERDICT_REFUSED;
      }

  *error_code = G_IO_ERROR_FAILED;

  return SSEM_ETCD_VERDICT_DOUBT;
}

/* An answer that is not etcd's: of a proxy, of another program, or damaged. */
static SsemEtcdVerdict
judge_stranger (const SsemEtcdAnswer  *answer,
                const char            *endpoint,
                GError               **error)
{
  /* etcd 3.4 and later say this in plain text (pull request 10366): a client that has a name in its
   * certificate may expect to get that user's rights, which the gateway cannot give it. */
  if (answer->status == 400 && answer->text != NULL &&
      strstr (answer->text, "CommonName") != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   /* Translators: the address of a server; CommonName is a part of a certificate */
                   _("The etcd server %s has users, so the certificate in SSEM_ETCD_CERT must not "
                     "have a CommonName"), endpoint);
      return SSEM_ETCD_VERDICT_REFUSED;
    }

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               /* Translators: the address of a server, and a number of HTTP */
               _("The answer of %s is not etcd's (HTTP status %u)"), endpoint, answer->status);

  /* With these, a server has not done what was asked; 408 is a time-out. */
  return answer->status >= 300 && answer->status < 500 && answer->status != 408 ?
         SSEM_ETCD_VERDICT_LATER : SSEM_ETCD_VERDICT_DOUBT;
}

SsemEtcdVerdict
ssem_etcd_judge (const SsemEtcdAnswer  *answer,
                 const char            *endpoint,
                 GError               **error)
{
  JsonObject *reply = ssem_etcd_reply_unwrap (answer->reply);
  const char *text = ssem_etcd_get_text (reply, "message");
  GIOErrorEnum code;
  SsemEtcdVerdict verdict;

  if (answer->status == 200 && ssem_etcd_get_object (reply, "header") != NULL)
    return SSEM_ETCD_VERDICT_OK;
  if (text == NULL)
    return judge_stranger (answer, endpoint, error);

  verdict = judge_refusal (reply, text, &code);
  g_set_error (error, G_IO_ERROR, (int) code,
               /* Translators: the address of a server, and its message, which is English */
               _("The etcd server %s has refused: %s"), endpoint,
               g_str_has_prefix (text, "etcdserver: ") ? text + strlen ("etcdserver: ") : text);

  return verdict;
}
