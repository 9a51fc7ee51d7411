/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-anchor-private.h"

#include "ssem/os/ssem-environment-private.h"

#include <errno.h>

/* "SsemKey" and the version of the page. */
#define MAGIC_TEXT    (G_GUINT64_CONSTANT (0x5373656d4b657900))
#define MAGIC_VERSION 1
#define MAGIC         (MAGIC_TEXT | MAGIC_VERSION)

#define ID_FORMAT "016" G_GINT64_MODIFIER "x"

/* A name of the system has no backslash and at most 259 characters, and its letters have two cases
 * that some versions do not distinguish. So it contains the key's hash. SSEM_RUNTIME_DIR is only a
 * name space here: its directory need not exist. */
static char *
make_name (const char *key)
{
  const char *directory = ssem_environment_get ("SSEM_RUNTIME_DIR");
  g_autofree char *key_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
  g_autofree char *directory_hash = NULL;

  if (directory == NULL)
    return g_strconcat (SSEM_SHM_ANCHOR_PREFIX, key_hash, NULL);

  directory_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, directory, -1);

  return g_strconcat (SSEM_SHM_ANCHOR_PREFIX, directory_hash, "_", key_hash, NULL);
}

void
ssem_shm_anchor_init (SsemShmAnchor *self,
                      const char    *key)
{
  *self = (SsemShmAnchor) { .name = make_name (key), .key = g_strdup (key) };
}

void
ssem_shm_anchor_init_for_name (SsemShmAnchor *self,
                               const char    *name)
{
  *self = (SsemShmAnchor) { .name = g_strdup (name) };
}

void
ssem_shm_anchor_clear (SsemShmAnchor *self)
{
  ssem_shm_anchor_close (self);
  g_free (self->name);
  g_free (self->key);
}

static void
make_own_name (const SsemShmAnchor *self,
               SsemShmObjectName   *name)
{
  ssem_shm_object_make_name (name, "Local\\%s" SSEM_SHM_ANCHOR_SUFFIX, self->name);
}

void
ssem_shm_anchor_make_segment_name (const SsemShmAnchor *self,
                                   guint64              segment_id,
                                   SsemShmObjectName   *name)
{
  ssem_shm_object_make_name (name, "Local\\%s_%" ID_FORMAT, self->name, segment_id);
}

void
ssem_shm_anchor_make_slot_name (const SsemShmAnchor *self,
                                guint64              segment_id,
                                guint32              slot,
                                SsemShmObjectName   *name)
{
  ssem_shm_object_make_name (name, "Local\\%s_%" ID_FORMAT "_%u", self->name, segment_id, slot);
}

/* Returns 0 if @magic is that of a page which this version knows. */
static int
check_magic (guint64 magic)
{
  if (magic == MAGIC)
    return 0;

  return (magic & ~G_GUINT64_CONSTANT (255)) == MAGIC_TEXT ? -EPROTO : -EPROTOTYPE;
}

int
ssem_shm_anchor_use (SsemShmAnchor *self)
{
  SsemShmAnchorPage *page;
  SsemShmObjectName name;
  guint64 magic = 0;
  int result;

  if (self->page != NULL)
    return 0;

  make_own_name (self, &name);
  result = ssem_shm_section_use (&self->section, &name, sizeof *page, NULL);
  if (result != 0)
    return result;

  page = self->section.memory;
  if (!atomic_compare_exchange_strong (&page->magic, &magic, MAGIC))
    result = check_magic (magic);
  if (result == 0)
    self->page = page;
  else
    ssem_shm_section_close (&self->section);

  return result;
}

int
ssem_shm_anchor_look (SsemShmAnchor *self)
{
  SsemShmAnchorPage *page;
  SsemShmObjectName name;
  int result;

  make_own_name (self, &name);
  result = ssem_shm_section_open (&self->section, &name, FILE_MAP_READ);
  if (result != 0)
    return result;

  page = self->section.memory;
  if (self->section.size < sizeof *page)
    result = -EPROTOTYPE;
  /* New, and its process has not come to the next step. */
  else if (atomic_load (&page->magic) == 0)
    result = -ENOENT;
  else
    result = check_magic (atomic_load (&page->magic));
  if (result == 0)
    self->page = page;
  else
    ssem_shm_section_close (&self->section);

  return result;
}

void
ssem_shm_anchor_close (SsemShmAnchor *self)
{
  self->page = NULL;
  ssem_shm_section_close (&self->section);
}
