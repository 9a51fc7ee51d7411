/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "crowd.h"

#include "ssem/shm/ssem-shm-counter-private.h"
#include "ssem/shm/ssem-shm-recovery-private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who comes to a crowd and who goes meet here at chosen moments. Most of them are files of this
 * process: each has an open file description of its own, and so locks of its own; closing one
 * without leaving is what a kill does. */

#define UNITS 3
#define WING  5

static void
join (Fixture            *fixture,
      SsemShmLinuxMember *file)
{
  gboolean is_new;

  ssem_shm_linux_member_init (file, ssem_shm_name_new (fixture->key));
  g_assert_cmpint (ssem_shm_member_attach (&file->parent, UNITS, SSEM_SHM_OPEN_OR_CREATE, 0,
                                           &is_new), ==, 0);
}

/* Answers whether it has removed the segment. */
static gboolean
depart (SsemShmLinuxMember *file)
{
  gboolean is_last = ssem_shm_member_leave (&file->parent, FALSE);

  ssem_shm_linux_member_clear (file);

  return is_last;
}

static void
die (SsemShmLinuxMember *file)
{
  file->liveness.is_counted = FALSE;
  ssem_shm_linux_member_clear (file);
}

/* Joins, and has its locks in a wing. */
static void
join_crowd (Fixture            *fixture,
            SsemShmLinuxMember *file)
{
  join (fixture, file);
  if (SSEM_SHM_WING (file->parent.attach_id) != 0)
    return;

  atomic_fetch_add (&file->parent.segment->n_near, FIXTURE_CROWD);
  depart (file);
  join (fixture, file);
  g_assert_cmpuint (SSEM_SHM_WING (file->parent.attach_id), !=, 0);
}

static void
assert_same (SsemShmLinuxMember *one,
             SsemShmLinuxMember *other)
{
  g_assert_cmphex (one->parent.segment->segment_id, ==, other->parent.segment->segment_id);
}

/* --- A real crowd --- */

#define MEMBERS 200

typedef struct
{
  SsemShmLinuxMember file;
  SsemShmSlotHandle lane;
  gboolean is_there;
} Member;

static void
enter (Fixture *fixture,
       Member  *self)
{
  SsemShmSegment *memory;
  guint32 slot;

  join (fixture, &self->file);
  memory = self->file.parent.segment;
  slot = ssem_shm_counter_claim_slot (memory, self->file.parent.attach_id, getpid (), 0);
  while (slot == 0)
    {
      g_assert_cmpint (ssem_shm_member_grow (&self->file.parent), ==, 0);
      slot = ssem_shm_counter_claim_slot (memory, self->file.parent.attach_id, getpid (), 0);
    }
  self->lane = (SsemShmSlotHandle) {
    .segment = memory,
    .slot = &memory->slots[slot],
    .index = slot,
    .shifted_index = ssem_shm_state_pack (0, 0, slot, 0),
  };
  self->is_there = TRUE;
}

static Member *
find_there (Member *members)
{
  guint i = (guint) g_test_rand_int_range (0, MEMBERS);

  while (!members[i % MEMBERS].is_there)
    i++;

  return &members[i % MEMBERS];
}

/* Each sees who is there and who is not. */
static void
assert_told_apart (Member *members)
{
  Member *asker = find_there (members);
  guint i;

  for (i = 0; i < MEMBERS; i++)
    g_assert_cmpint (ssem_shm_member_is_alive (&asker->file.parent,
                                               members[i].file.parent.attach_id), ==,
                     members[i].is_there);
}

static void
test_members (Fixture *fixture)
{
  g_autofree Member *members = g_new0 (Member, MEMBERS);
  guint order[MEMBERS];
  guint n_killed = 0;
  int n_near = FIXTURE_CROWD;
  guint i;

  for (i = 0; i < MEMBERS; i++)
    {
      SsemShmLinuxMember *file = &members[i].file;

      enter (fixture, &members[i]);
      g_assert_cmpint (SSEM_SHM_WING (file->parent.attach_id) == 0, ==, i < FIXTURE_CROWD);
      g_assert_cmpint (atomic_load (&file->parent.segment->n_near), ==, MIN (i + 1, FIXTURE_CROWD));
      if (i == 0)
        g_assert_cmpint (ssem_shm_counter_add (members[i].lane, MEMBERS - UNITS, 0), ==,
                         SSEM_SHM_DONE);
      g_assert_cmpint (ssem_shm_counter_add (members[i].lane, -1, 1), ==, SSEM_SHM_DONE);
      order[i] = i;
    }
  for (i = MEMBERS; i > 1; i--)
    {
      guint j = (guint) g_test_rand_int_range (0, (int) i);
      guint swapped = order[i - 1];

      order[i - 1] = order[j];
      order[j] = swapped;
    }

  for (i = 0; i < MEMBERS; i++)
    {
      Member *member = &members[order[i]];
      gboolean is_last = i == MEMBERS - 1;
      SsemShmSegment *memory = member->file.parent.segment;
      Member *asker;

      if (i % 10 == 0)
        assert_told_apart (members);
      g_assert_cmpint (ssem_shm_counter_get_value (memory), ==, i);
      g_assert_cmpint (atomic_load (&memory->n_near), ==, n_near);
      g_assert_cmpint (ssem_shm_liveness_has_others (&member->file), ==, !is_last);

      member->is_there = FALSE;
      if (i % 2 == 0)
        {
          guint64 process = member->file.parent.attach_id;

          die (&member->file);
          member->file.parent.attach_id = process;
          n_killed++;
          asker = find_there (members);
          g_assert_cmpint (ssem_shm_recovery_sweep (&asker->file.parent, SSEM_SHM_SWEEP_UNITS), ==,
                           1);
        }
      else
        {
          g_assert_cmpint (ssem_shm_counter_add (member->lane, 1, -1), ==, SSEM_SHM_DONE);
          ssem_shm_counter_free_slots (memory, member->file.parent.attach_id);
          n_near -= SSEM_SHM_WING (member->file.parent.attach_id) == 0 ? 1 : 0;
          g_assert_cmpint (depart (&member->file), ==, is_last);
        }
    }
  g_assert_cmpuint (n_killed, ==, MEMBERS / 2);
  fixture_assert_empty (fixture);
}

/* --- Clearing away --- */

#define MAX_DESCRIPTORS 256

/* Leaves this process so many descriptors that it can open. */
static GArray *
use_up_descriptors (guint          n_left,
                    struct rlimit *before)
{
  GArray *used = g_array_new (FALSE, FALSE, sizeof (int));
  struct rlimit limit;
  int fd;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, before), ==, 0);
  limit = *before;
  limit.rlim_cur = MAX_DESCRIPTORS;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  while ((fd = dup (STDERR_FILENO)) >= 0)
    g_array_append_val (used, fd);
  for (; n_left > 0; n_left--)
    {
      close (g_array_index (used, int, used->len - 1));
      g_array_set_size (used, used->len - 1);
    }

  return used;
}

static void
give_back_descriptors (GArray              *used,
                       const struct rlimit *before)
{
  guint i;

  for (i = 0; i < used->len; i++)
    close (g_array_index (used, int, i));
  g_array_unref (used);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, before), ==, 0);
}

/* It stands still, about to remove its segment, and who comes goes to a further place. */
static void
stand_as_remover (SsemShmLinuxMember *file)
{
  guint64 life = atomic_load (&file->parent.segment->life);

  atomic_store (&file->parent.segment->life, SSEM_SHM_LIFE_NEXT (life, SSEM_SHM_LIFE_DOOMED));
  atomic_store (&file->parent.segment->remover, file->parent.attach_id);
}

/* Whoever removes a segment clears away the wings that no segment has any more, and no others; and
 * none while it cannot know. */
static void
check_clearing (Fixture *fixture,
                gboolean goes_further)
{
  guint n_left;

  for (n_left = 0; n_left < 8; n_left++)
    {
      SsemShmLinuxMember remover, own, winged;
      struct rlimit before;
      GArray *used;

      join (fixture, &remover);
      if (goes_further)
        stand_as_remover (&remover);
      else
        g_assert_cmpint (unlink (remover.file.location), ==, 0);
      join (fixture, &own);
      g_assert_cmpint (g_str_equal (own.file.location, own.name->path), ==, !goes_further);
      join_crowd (fixture, &winged);
      assert_same (&own, &winged);

      used = use_up_descriptors (n_left, &before);
      ssem_shm_linux_member_disown (&remover);
      g_assert_true (depart (&remover) || n_left == 0);
      give_back_descriptors (used, &before);
      g_assert_true (ssem_shm_file_is_in_place (&own.file));
      g_assert_true (ssem_shm_member_is_alive (&own.parent, winged.parent.attach_id));
      g_assert_true (ssem_shm_liveness_has_others (&own));

      g_assert_false (depart (&own));
      g_assert_true (depart (&winged));
      fixture_assert_empty (fixture);
    }
}

/* Whoever cannot look at the further places makes no second semaphore. */
static void
test_used_up_beside_further (Fixture *fixture)
{
  guint n_left, n_in = 0;

  for (n_left = 0; n_left < 8; n_left++)
    {
      SsemShmLinuxMember remover, own, other;
      struct rlimit before;
      gboolean is_new;
      GArray *used;
      int result;

      join (fixture, &remover);
      stand_as_remover (&remover);
      join (fixture, &own);
      depart (&remover);

      ssem_shm_linux_member_init (&other, ssem_shm_name_new (fixture->key));
      used = use_up_descriptors (n_left, &before);
      result = ssem_shm_member_attach (&other.parent, UNITS, SSEM_SHM_OPEN_OR_CREATE, 0, &is_new);
      give_back_descriptors (used, &before);
      if (result == 0)
        {
          assert_same (&own, &other);
          depart (&other);
          n_in++;
        }
      else
        {
          g_assert_cmpint (result, ==, -EMFILE);
          ssem_shm_linux_member_clear (&other);
        }

      g_assert_true (ssem_shm_file_is_in_place (&own.file));
      g_assert_true (depart (&own));
      fixture_assert_empty (fixture);
    }
  g_assert_cmpuint (n_in, >, 0);
}

static void
test_clearing (Fixture *fixture)
{
  check_clearing (fixture, FALSE);
}

static void
test_clearing_beside_further (Fixture *fixture)
{
  check_clearing (fixture, TRUE);
}

/* --- Standing still --- */

/* Whether it stands at a call by which it talks to the test. */
static gboolean
is_talking (Helper *helper)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/syscall", (int) helper->pid);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  unsigned long first;
  long number;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);

  return sscanf (text, "%ld %lx", &number, &first) == 2 &&
         ((number == SYS_read && first == STDIN_FILENO) ||
          (number == SYS_write && first == STDOUT_FILENO));
}

/* Leads a traced one, which has been told what to do, to the n-th entry or exit of a system call,
 * from 0; FALSE where it has done all before. */
static gboolean
lead (Helper *helper,
      guint   n)
{
  while (!helper_has_answered (helper))
    {
      helper_step (helper);
      if (!is_talking (helper) && n-- == 0)
        return TRUE;
    }

  return FALSE;
}

static void
let_go (Helper *helper)
{
  g_assert_cmpint (ptrace (PTRACE_DETACH, helper->pid, NULL, NULL), ==, 0);
  helper_expect_ok (helper);
}

static gboolean
trace (Helper *helper)
{
  if (helper_trace (helper))
    return TRUE;

  g_test_skip ("the system forbids to trace another process");
  return FALSE;
}

/* The next one to come, and one in a wing. */
static void
join_meanwhile (Fixture            *fixture,
                SsemShmLinuxMember *next,
                SsemShmLinuxMember *winged)
{
  join (fixture, next);
  join_crowd (fixture, winged);
  assert_same (next, winged);
}

/* Whatever has happened since, they are where they were, and all who come find them. */
static void
assert_undisturbed (Fixture            *fixture,
                    SsemShmLinuxMember *next,
                    SsemShmLinuxMember *winged)
{
  SsemShmLinuxMember last;

  g_assert_true (ssem_shm_file_is_in_place (&next->file));
  g_assert_true (ssem_shm_member_is_alive (&next->parent, winged->parent.attach_id));
  g_assert_true (ssem_shm_member_is_alive (&winged->parent, next->parent.attach_id));
  join (fixture, &last);
  assert_same (&last, next);
  g_assert_true (ssem_shm_member_is_alive (&last.parent, winged->parent.attach_id));
  depart (&last);
}

static void
end_round (Fixture *fixture)
{
  fixture_assert_empty (fixture);
  g_ptr_array_set_size (fixture->helpers, 0);
}

/* The last one, in a wing, goes, and stands still while others come. */
static void
test_leaver_stands (Fixture *fixture)
{
  gboolean stands = TRUE;
  guint n;

  for (n = 0; stands; n++)
    {
      SsemShmLinuxMember first, next, winged;
      Helper *leaver;

      join (fixture, &first);
      fixture_gather_crowd (fixture);
      leaver = crowd_user (fixture, WING);
      depart (&first);
      if (!trace (leaver))
        return;
      helper_send (leaver, "close 0");
      stands = lead (leaver, n);
      join_meanwhile (fixture, &next, &winged);
      let_go (leaver);

      assert_undisturbed (fixture, &next, &winged);
      depart (&next);
      depart (&winged);
      helper_quit (leaver);
      end_round (fixture);
    }
  g_test_message ("%u points", n);
  g_assert_cmpuint (n, >, 10);
}

/* One comes to a wing, and stands still while the last one goes and others come; or is killed. */
static void
check_newcomer (Fixture *fixture,
                gboolean is_killed)
{
  gboolean stands = TRUE;
  guint n;

  for (n = 0; stands; n++)
    {
      SsemShmLinuxMember first, next, winged;
      Helper *newcomer = fixture_helper (fixture);

      join (fixture, &first);
      fixture_gather_crowd (fixture);
      crowd_seat_next (fixture, WING);
      if (!trace (newcomer))
        {
          depart (&first);
          return;
        }
      helper_send_open (newcomer, 0, SSEM_ACCESS_MODE_OPEN, UNITS, TRUE, fixture->key);
      stands = lead (newcomer, n);
      depart (&first);

      if (is_killed)
        {
          helper_kill (newcomer);
          join (fixture, &next);
          g_assert_true (depart (&next));
        }
      else
        {
          join_meanwhile (fixture, &next, &winged);
          let_go (newcomer);
          assert_undisturbed (fixture, &next, &winged);
          helper_run_expect_ok (newcomer, "acquire 0 1");
          g_assert_cmpint (ssem_shm_counter_get_value (next.parent.segment), ==, UNITS - 1);
          helper_quit (newcomer);
          depart (&winged);
          depart (&next);
        }
      end_round (fixture);
    }
  g_test_message ("%u points", n);
  g_assert_cmpuint (n, >, 10);
}

static void
test_newcomer_stands (Fixture *fixture)
{
  check_newcomer (fixture, FALSE);
}

static void
test_newcomer_killed (Fixture *fixture)
{
  check_newcomer (fixture, TRUE);
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "crowd-races");
  conformance_add ("members", NEEDS_WINGS, test_members, NULL);
  conformance_add ("clearing", NEEDS_WINGS, test_clearing, NULL);
  conformance_add ("clearing-beside-further", NEEDS_WINGS, test_clearing_beside_further, NULL);
  conformance_add ("used-up-beside-further", NEEDS_WINGS, test_used_up_beside_further, NULL);
  conformance_add ("leaver-stands", NEEDS_WINGS, test_leaver_stands, NULL);
  conformance_add ("newcomer-stands", NEEDS_WINGS, test_newcomer_stands, NULL);
  conformance_add ("newcomer-killed", NEEDS_WINGS, test_newcomer_killed, NULL);

  return conformance_run ();
}
