/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-client-private.h"

G_BEGIN_DECLS

/* Writes the bodies of requests and reads replies. Everything here may be called from any thread.
 *
 * Bodies are written straight as text: keys and values are base64 there, and the rest are numbers
 * and constants, so nothing needs to be escaped.
 */

/* --- Keys --- */

/* Returns @text with all but letters, digits, "-", "." , "_" and "~" percent-encoded, so that it
 * has no "/". */
char           *ssem_etcd_escape           (const char       *text);

/* Returns the text of @length bytes at @escaped, or NULL if it is no result of
 * ssem_etcd_escape (). */
char           *ssem_etcd_unescape         (const char       *escaped,
                                            gssize            length);

/* Returns the end of the range of all keys that begin with @prefix. */
char           *ssem_etcd_range_end        (const char       *prefix);

/* --- Transactions --- */

typedef struct _SsemEtcdTxn SsemEtcdTxn;

typedef enum
{
  SSEM_ETCD_THEN,
  SSEM_ETCD_ELSE,
} SsemEtcdBranch;

typedef enum
{
  SSEM_ETCD_MOD,     /* the revision of the last change; 0: there is no such key */
  SSEM_ETCD_CREATE,  /* the revision of the creation; 0: there is no such key */
  SSEM_ETCD_VERSION, /* the number of changes since; 0: there is no such key */
} SsemEtcdTarget;

typedef enum
{
  SSEM_ETCD_EQUAL,
  SSEM_ETCD_GREATER,
  SSEM_ETCD_LESS,
  SSEM_ETCD_NOT_EQUAL,
} SsemEtcdRelation;

SsemEtcdTxn    *ssem_etcd_txn_new          (void);
void            ssem_etcd_txn_free         (SsemEtcdTxn      *self);

/* Adds a comparison. With @range_end it must hold for each key from @key up to there; an empty
 * range is as one key with zeros: CREATE EQUAL 0 means that there is no key in the range. */
void            ssem_etcd_txn_compare      (SsemEtcdTxn      *self,
                                            const char       *key,
                                            const char       *range_end,
                                            SsemEtcdTarget    target,
                                            SsemEtcdRelation  relation,
                                            gint64            value);

/* Adds operations to a branch. @lease 0: none; @range_end NULL: the one key. */
void            ssem_etcd_txn_put          (SsemEtcdTxn      *self,
                                            SsemEtcdBranch    branch,
                                            const char       *key,
                                            const char       *value,
                                            gint64            lease);
void            ssem_etcd_txn_delete       (SsemEtcdTxn      *self,
                                            SsemEtcdBranch    branch,
                                            const char       *key,
                                            const char       *range_end);
void            ssem_etcd_txn_range        (SsemEtcdTxn      *self,
                                            SsemEtcdBranch    branch,
                                            const char       *key,
                                            const char       *range_end);

/* At most @limit keys: with @is_sorted those that were created first, which costs the server a look
 * at all of them. The answer counts all. */
void            ssem_etcd_txn_range_limited (SsemEtcdTxn    *self,
                                            SsemEtcdBranch    branch,
                                            const char       *key,
                                            const char       *range_end,
                                            guint             limit,
                                            gboolean          is_sorted);

/* Adds @nested, which it takes. */
void            ssem_etcd_txn_nest         (SsemEtcdTxn      *self,
                                            SsemEtcdBranch    branch,
                                            SsemEtcdTxn      *nested);

/* Returns the number of operations of a branch: a nested transaction counts as one. */
guint           ssem_etcd_txn_get_n        (SsemEtcdTxn      *self,
                                            SsemEtcdBranch    branch);

/* Returns the body for "kv/txn", and frees the transaction. */
char           *ssem_etcd_txn_end          (SsemEtcdTxn      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdTxn, ssem_etcd_txn_free)

/* --- Other bodies --- */

typedef enum
{
  SSEM_ETCD_RANGE_DEFAULT = 0,
  SSEM_ETCD_RANGE_KEYS_ONLY = 1 << 0,
  SSEM_ETCD_RANGE_COUNT_ONLY = 1 << 1,
  SSEM_ETCD_RANGE_SERIALIZABLE = 1 << 2, /* what one server knows, which may be old */
  SSEM_ETCD_RANGE_BY_CREATION = 1 << 3,  /* those that were created first come first */
} SsemEtcdRangeFlags;

/* For "kv/range". @revision 0: now; @limit 0: all. The keys come in order. */
char           *ssem_etcd_range_body       (const char         *key,
                                            const char         *range_end,
                                            gint64              revision,
                                            gint64              limit,
                                            SsemEtcdRangeFlags  flags);

/* For "lease/grant"; @id 0: the cluster chooses. */
char           *ssem_etcd_grant_body       (gint64              id,
                                            int                 ttl);

/* For "lease/keepalive" and "lease/revoke". */
char           *ssem_etcd_lease_body       (gint64              id);

/* For "kv/put" and "kv/deleterange". */
char           *ssem_etcd_put_body         (const char         *key,
                                            const char         *value,
                                            gint64              lease);
char           *ssem_etcd_delete_body      (const char         *key,
                                            const char         *range_end);

/* For "watch": see ssem-etcd-client-private.h. */
char           *ssem_etcd_watch_body       (const char         *key,
                                            const char         *range_end,
                                            gint64              start_revision);

/* --- Replies --- */

/* Returns a number, which the gateway writes as a number or as a string and leaves out if it is
 * 0. */
gint64          ssem_etcd_get_int64        (JsonObject       *object,
                                            const char       *name);

/* Returns the member, or NULL if it is missing or of another type. The plain functions of JSON-GLib
 * must not be used: they print a warning if a member is missing. */
JsonObject     *ssem_etcd_get_object       (JsonObject       *object,
                                            const char       *name);
JsonArray      *ssem_etcd_get_array        (JsonObject       *object,
                                            const char       *name);
const char     *ssem_etcd_get_text         (JsonObject       *object,
                                            const char       *name);
gboolean        ssem_etcd_get_boolean      (JsonObject       *object,
                                            const char       *name);

/* Returns the object at @index, or NULL. */
JsonObject     *ssem_etcd_array_get        (JsonArray        *array,
                                            guint             index);

/* Returns what a reply is about: of a stream of results the first result, or the error instead of
 * it. */
JsonObject     *ssem_etcd_reply_unwrap     (JsonObject       *reply);

/* The revision of the whole store when the request was answered: for a transaction that has changed
 * something, its own. */
gint64          ssem_etcd_reply_get_revision (JsonObject     *reply);

/* The code of a refusal; NONE if @reply is NULL or has none. */
SsemEtcdCode    ssem_etcd_reply_get_code   (JsonObject       *reply);

/* Whether the comparisons of a transaction held. */
gboolean        ssem_etcd_txn_succeeded    (JsonObject       *reply);

/* Returns what the operation at @index of the branch that was run has answered, or NULL: for a
 * nested transaction a reply like that of a transaction; for a range an object with "kvs" and
 * "count"; for a deletion one with "deleted". */
JsonObject     *ssem_etcd_txn_get_response (JsonObject       *reply,
                                            guint             index);

/* How many keys the range at @index has; also those that its limit leaves out. */
gint64          ssem_etcd_txn_get_count    (JsonObject       *reply,
                                            guint             index);

typedef struct
{
  char *key;
  char *value; /* ends with a null byte that length does not count */
  gsize length;
  gint64 create_revision;
  gint64 mod_revision;
  gint64 lease;
} SsemEtcdRecord;

/* Reads an element of "kvs", or the "kv" of an event: a deletion has key and mod_revision alone.
 * Returns FALSE, and leaves @record as it was, if it is malformed. */
gboolean        ssem_etcd_record_read      (JsonObject       *kv,
                                            SsemEtcdRecord   *record);
void            ssem_etcd_record_clear     (SsemEtcdRecord   *record);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SsemEtcdRecord, ssem_etcd_record_clear)

G_END_DECLS
