/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "crowd.h"

#include <string.h>

void
crowd_open (Fixture            *fixture,
            SsemShmLinuxMember *file)
{
  ssem_shm_linux_member_init (file, ssem_shm_name_new (fixture->key));
  g_assert_cmpint (ssem_shm_linux_member_open (file, file->name->path), ==, 0);
}

void
crowd_assert_counted (Fixture *fixture,
                      int      n)
{
  SsemShmLinuxMember file;

  crowd_open (fixture, &file);
  g_assert_cmpint (atomic_load (&file.parent.segment->n_near), ==, FIXTURE_CROWD + n);
  ssem_shm_linux_member_clear (&file);
}

void
crowd_seat_next (Fixture *fixture,
                 guint    wing)
{
  SsemShmLinuxMember file;
  guint64 last;

  crowd_open (fixture, &file);
  last = atomic_load (&file.parent.segment->last_attach_id);
  do
    last++;
  while (last % FIXTURE_CROWD == 0 ? wing != 0 : ssem_shm_wing_choose (&file, last) != wing);
  atomic_store (&file.parent.segment->last_attach_id, last - 1);
  ssem_shm_linux_member_clear (&file);
}

Helper *
crowd_user (Fixture *fixture,
            guint    wing)
{
  Helper *helper;

  crowd_seat_next (fixture, wing);
  helper = fixture_open_helper (fixture, 0);
  crowd_assert_seat (fixture, helper, wing);

  return helper;
}

void
crowd_assert_seat (Fixture *fixture,
                   Helper  *helper,
                   guint    wing)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/maps", (int) helper->pid);
  g_autofree char *expected = wing != 0 ? crowd_wing_path (fixture, wing) : NULL;
  g_autofree char *folder = crowd_folder (fixture);
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;
  g_autoptr(GError) error = NULL;
  guint n_found = 0;
  guint i;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (text, "\n", -1);
  for (i = 0; lines[i] != NULL; i++)
    {
      const char *file = strstr (lines[i], folder);

      if (file == NULL)
        continue;
      g_assert_cmpstr (file, ==, expected);
      n_found++;
    }
  g_assert_cmpuint (n_found, ==, wing != 0 ? 1 : 0);
}

char *
crowd_folder (Fixture *fixture)
{
  SsemShmLinuxMember file;
  char *folder;

  ssem_shm_linux_member_init (&file, ssem_shm_name_new (fixture->key));
  folder = ssem_shm_wing_get_folder (&file);
  ssem_shm_linux_member_clear (&file);

  return folder;
}

char *
crowd_wing_path (Fixture *fixture,
                 guint    wing)
{
  g_autofree char *folder = crowd_folder (fixture);
  SsemShmLinuxMember file;
  guint64 birth;

  crowd_open (fixture, &file);
  birth = file.parent.segment->segment_id;
  ssem_shm_linux_member_clear (&file);

  return g_strdup_printf ("%s/%016" G_GINT64_MODIFIER "x-%u", folder, birth, wing);
}

SsemSemaphoreInfo *
crowd_look (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  SsemSemaphoreInfo *info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);

  g_assert_no_error (error);

  return info;
}

void
crowd_assert_told (Fixture *fixture,
                   int      n_attached,
                   int      n_holders,
                   int      n_units,
                   int      n_waiters)
{
  g_autoptr(SsemSemaphoreInfo) info = crowd_look (fixture);

  g_assert_cmpint (ssem_semaphore_info_get_n_attached (info), ==, n_attached);
  g_assert_cmpint (ssem_semaphore_info_is_leftover (info), ==, n_attached == 0);
  g_assert_cmpint (ssem_semaphore_info_get_holders (info)->len, ==, n_holders);
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, n_units);
  g_assert_cmpint (ssem_semaphore_info_get_waiters (info)->len, ==, n_waiters);
}

void
crowd_expect_would_block (Helper *helper)
{
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}
