/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem/os/ssem-file-link-private.h"
#include "ssem/shm/linux/ssem-shm-linux-member-private.h"

#include <ssem.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* How a segment gets its name and loses it, with what a race or a kill leaves put there by hand.
 * Several files in one process are to each other what several processes are: each has an open file
 * description of its own, and so locks of its own. */

#define INITIAL 7

/* Whether who attaches expects to find nothing, as one who has removed the semaphore before. He
 * finds what there is all the same. */
static gboolean expects_none;

typedef struct
{
  char *folder;
  char *key;
  char *first;   /* the first place */
  char *further; /* the folder of the others */
} World;

static void
world_init (World *self)
{
  SsemShmLinuxMember file;

  self->folder = g_dir_make_tmp ("ssem-test-XXXXXX", NULL);
  g_assert_nonnull (self->folder);
  g_setenv ("SSEM_RUNTIME_DIR", self->folder, TRUE);
  self->key = g_strdup_printf ("naming %08x", g_random_int ());

  ssem_shm_linux_member_init (&file, ssem_shm_name_new (self->key));
  self->first = g_strdup (file.name->path);
  self->further = ssem_shm_name_get_further (file.name);
  ssem_shm_linux_member_clear (&file);
}

/* Nothing is left. */
static void
world_clear (World *self)
{
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->folder);
  g_free (self->key);
  g_free (self->first);
  g_free (self->further);
}

static void
file_init (SsemShmLinuxMember *file,
           World              *world)
{
  ssem_shm_linux_member_init (file, ssem_shm_name_new (world->key));
}

static int
try_attach (World              *world,
            SsemShmLinuxMember *file,
            SsemShmOpening      opening,
            gboolean           *is_new)
{
  file_init (file, world);
  file->parent.expects_none = expects_none;

  return ssem_shm_member_attach (&file->parent, INITIAL, opening, 0, is_new);
}

/* Answers whether it is new. */
static gboolean
attach (World              *world,
        SsemShmLinuxMember *file)
{
  gboolean is_new;

  g_assert_cmpint (try_attach (world, file, SSEM_SHM_OPEN_OR_CREATE, &is_new), ==, 0);
  g_assert_cmpint (SSEM_SHM_LIFE_PHASE (file->parent.segment->life), ==, SSEM_SHM_LIFE_OPEN);
  g_assert_true (ssem_shm_file_is_in_place (&file->file));

  return is_new;
}

static gboolean
leave (SsemShmLinuxMember *file)
{
  gboolean is_removed;

  ssem_shm_linux_member_disown (file);
  is_removed = ssem_shm_member_leave (&file->parent, FALSE);
  ssem_shm_linux_member_clear (file);

  return is_removed;
}

/* What the kernel does for who is killed. */
static void
die (SsemShmLinuxMember *file)
{
  file->liveness.is_counted = FALSE;
  ssem_shm_linux_member_clear (file);
}

/* One who stands still, or dies, between getting the name and the look at the other places. */
static void
plant_nascent (World              *world,
               SsemShmLinuxMember *file,
               const char         *place)
{
  file_init (file, world);
  g_assert_cmpint (ssem_shm_linux_member_create (file, INITIAL, FALSE), ==, 0);
  g_assert_cmpint (ssem_file_link (file->file.fd, place), ==, 0);
  ssem_shm_file_set_location (&file->file, place);
}

/* One who stands still, or dies, before it takes the right to unlink the name; or after that. */
static void
make_doomed (SsemShmLinuxMember *file,
             gboolean            is_remover)
{
  SsemShmSegment *segment = file->parent.segment;

  segment->life = SSEM_SHM_LIFE_NEXT (segment->life, SSEM_SHM_LIFE_DOOMED);
  if (is_remover)
    segment->remover = file->parent.attach_id;
}

static void
assert_same (SsemShmLinuxMember *a,
             SsemShmLinuxMember *b)
{
  g_assert_cmpuint (a->file.identity.inode, ==, b->file.identity.inode);
  g_assert_cmpuint (a->parent.segment->segment_id, ==, b->parent.segment->segment_id);
}

static gboolean
is_further (World              *world,
            SsemShmLinuxMember *file)
{
  return g_str_has_prefix (file->file.location, world->further);
}

/* Those of the key, and of nothing else, that are seen from outside. */
static void
assert_seen (World *world,
             int    n_attached)
{
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;

  info = ssem_semaphore_info_query (world->key, SSEM_BACKEND_SHARED_MEMORY, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_semaphore_info_get_n_attached (info), ==, n_attached);

  infos = ssem_semaphore_info_list (SSEM_BACKEND_SHARED_MEMORY, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, ==, 1);
  g_assert_cmpstr (ssem_semaphore_info_get_key (infos->pdata[0]), ==, world->key);
  g_assert_cmpint (ssem_semaphore_info_get_n_attached (infos->pdata[0]), ==, n_attached);
}

/* @a stands still as the remover of what lies in the first place; @b has opened the key
 * meanwhile. */
static void
block_first (World              *world,
             SsemShmLinuxMember *a,
             SsemShmLinuxMember *b)
{
  g_assert_true (attach (world, a));
  g_assert_false (is_further (world, a));
  make_doomed (a, TRUE);
  g_assert_true (attach (world, b));
  g_assert_true (is_further (world, b));
}

/* --- Further places --- */

static void
go_through_blocked (World *world)
{
  SsemShmLinuxMember a, b, c, d, e;
  gboolean is_new;

  block_first (world, &a, &b);
  g_assert_false (attach (world, &c));
  assert_same (&b, &c);
  assert_seen (world, 2);

  g_assert_true (leave (&a));
  g_assert_false (g_file_test (world->first, G_FILE_TEST_EXISTS));
  assert_seen (world, 2);

  g_assert_false (attach (world, &d));
  assert_same (&b, &d);
  g_assert_false (g_file_test (world->first, G_FILE_TEST_EXISTS));
  assert_seen (world, 3);

  g_assert_cmpint (try_attach (world, &e, SSEM_SHM_OPEN_EXISTING, &is_new), ==, 0);
  assert_same (&b, &e);
  g_assert_false (leave (&e));
  g_assert_cmpint (try_attach (world, &e, SSEM_SHM_CREATE_NEW, &is_new), ==, -EEXIST);
  ssem_shm_linux_member_clear (&e);

  g_assert_false (leave (&b));
  g_assert_false (leave (&d));
  g_assert_true (ssem_shm_file_is_in_place (&c.file));
  g_assert_true (leave (&c));
}

static void
test_blocked (void)
{
  World world;

  world_init (&world);
  go_through_blocked (&world);
  world_clear (&world);
}

/* Another folder there is nobody's business. */
static void
test_other_folder (void)
{
  g_autofree char *other = NULL;
  World world;

  world_init (&world);
  other = g_build_filename (world.folder, "other", NULL);
  g_assert_cmpint (g_mkdir (other, 0700), ==, 0);
  go_through_blocked (&world);
  g_assert_cmpint (g_rmdir (other), ==, 0);
  world_clear (&world);
}

/* What was killed users' in a further place is the key's. */
static void
test_leftover_further (void)
{
  World world;
  SsemShmLinuxMember a, b, c;
  gboolean is_new;

  world_init (&world);
  block_first (&world, &a, &b);
  g_assert_true (leave (&a));
  b.parent.segment->state = ssem_shm_state_pack (3, 1, 0, 0);
  die (&b);
  g_assert_false (attach (&world, &c));
  g_assert_true (is_further (&world, &c));
  g_assert_cmpint (ssem_shm_state_unpack (c.parent.segment->state).value, ==, 3);
  die (&c);

  /* An exclusive creator takes it over. */
  g_assert_cmpint (try_attach (&world, &a, SSEM_SHM_CREATE_NEW, &is_new), ==, 0);
  g_assert_true (is_new);
  g_assert_cmpint (ssem_shm_state_unpack (a.parent.segment->state).value, ==, INITIAL);
  assert_seen (&world, 1);
  g_assert_true (leave (&a));
  world_clear (&world);
}

/* --- Nascent ones --- */

static void
test_nascent_left (void)
{
  World world;
  SsemShmLinuxMember a, b;

  world_init (&world);
  plant_nascent (&world, &a, world.first);
  a.parent.segment->state = ssem_shm_state_pack (3, 1, 0, 0);
  die (&a);

  g_assert_false (attach (&world, &b));
  g_assert_cmpint (ssem_shm_state_unpack (b.parent.segment->state).value, ==, 3);
  g_assert_true (leave (&b));
  world_clear (&world);
}

/* Its creator lives, and finds it open when it goes on. */
static void
test_nascent_helped (void)
{
  World world;
  SsemShmLinuxMember a, b;

  world_init (&world);
  plant_nascent (&world, &a, world.first);
  g_assert_false (attach (&world, &b));
  assert_same (&a, &b);
  g_assert_cmpint (ssem_shm_member_rejoin (&a.parent), ==, 0);
  g_assert_false (leave (&b));
  g_assert_true (leave (&a));
  world_clear (&world);
}

/* Beside one that is open, a nascent one makes way, whoever is there. */
static void
test_nascent_beside_open (void)
{
  World world;
  SsemShmLinuxMember a, b, c, d;
  int is_dead;

  for (is_dead = 0; is_dead <= 1; is_dead++)
    {
      world_init (&world);
      block_first (&world, &a, &b);
      g_assert_true (leave (&a));
      plant_nascent (&world, &c, world.first);
      if (is_dead)
        die (&c);

      g_assert_false (attach (&world, &d));
      assert_same (&b, &d);
      g_assert_false (g_file_test (world.first, G_FILE_TEST_EXISTS));
      if (!is_dead)
        {
          g_assert_cmpint (ssem_shm_member_rejoin (&c.parent), ==, -EIDRM);
          leave (&c);
        }
      assert_seen (&world, 2);
      g_assert_false (leave (&d));
      g_assert_true (leave (&b));
      world_clear (&world);
    }
}

/* So for who only looks, or removes. */
static void
test_nascent_is_none (void)
{
  World world;
  SsemShmLinuxMember a, b, c;

  world_init (&world);
  block_first (&world, &a, &b);
  g_assert_true (leave (&a));
  plant_nascent (&world, &c, world.first);
  die (&c);
  assert_seen (&world, 1);

  file_init (&c, &world);
  g_assert_cmpint (ssem_shm_member_remove_leftover (&c.parent), ==, -EBUSY);
  ssem_shm_linux_member_clear (&c);
  assert_seen (&world, 1);
  g_assert_true (leave (&b));

  /* Where there is no other it is the key's. */
  plant_nascent (&world, &c, world.first);
  die (&c);
  assert_seen (&world, 0);
  file_init (&c, &world);
  g_assert_cmpint (ssem_shm_member_remove_leftover (&c.parent), ==, 0);
  ssem_shm_linux_member_clear (&c);
  world_clear (&world);
}

/* Of two nascent ones the one in the later place makes way, whoever looks first. Else each of two
 * could make the other's doomed again and again. */
static void
test_two_nascent (void)
{
  World world;
  SsemShmLinuxMember a, b;
  g_autofree char *place = NULL;
  int order;

  for (order = 0; order <= 1; order++)
    {
      world_init (&world);
      g_free (place);
      place = g_build_filename (world.further, "1", NULL);
      g_assert_cmpint (g_mkdir (world.further, 0700), ==, 0);
      plant_nascent (&world, &a, world.first);
      plant_nascent (&world, &b, place);
      if (order == 0)
        g_assert_cmpint (ssem_shm_member_rejoin (&a.parent), ==, 0);
      g_assert_cmpint (ssem_shm_member_rejoin (&b.parent), ==, -EIDRM);
      g_assert_cmpint (ssem_shm_member_rejoin (&a.parent), ==, 0);
      leave (&b);
      g_assert_true (ssem_shm_file_is_in_place (&a.file));
      g_assert_true (leave (&a));
      world_clear (&world);
    }
}

/* --- Doomed ones --- */

static void
test_doomed_makes_way (void)
{
  World world;
  SsemShmLinuxMember a, b;
  int is_remover;

  for (is_remover = 0; is_remover <= 1; is_remover++)
    {
      world_init (&world);
      g_assert_true (attach (&world, &a));
      make_doomed (&a, is_remover);
      die (&a);

      g_assert_true (attach (&world, &b));
      g_assert_false (is_further (&world, &b));
      g_assert_true (leave (&b));
      world_clear (&world);
    }
}

/* The remover had unlinked the name when it died, and who takes its place has come late. */
static void
test_successor_stays (void)
{
  World world;
  SsemShmLinuxMember a, b, late;
  guint64 dead;

  world_init (&world);
  g_assert_true (attach (&world, &a));
  g_assert_false (attach (&world, &late));
  dead = a.parent.attach_id;
  make_doomed (&a, TRUE);
  g_assert_cmpint (g_unlink (world.first), ==, 0);
  die (&a);

  g_assert_true (attach (&world, &b));
  g_assert_true (ssem_shm_member_leave (&late.parent, FALSE));
  g_assert_cmpuint (late.parent.segment->remover, !=, dead);
  ssem_shm_linux_member_clear (&late);
  g_assert_true (ssem_shm_file_is_in_place (&b.file));
  assert_seen (&world, 1);
  g_assert_true (leave (&b));
  world_clear (&world);
}

/* An administrator took the name, and somebody opened the key again. */
static void
test_taken_by_hand (void)
{
  World world;
  SsemShmLinuxMember a, b, c;

  world_init (&world);
  g_assert_true (attach (&world, &a));
  g_assert_cmpint (g_unlink (world.first), ==, 0);
  g_assert_true (attach (&world, &b));
  g_assert_true (leave (&a));
  g_assert_true (ssem_shm_file_is_in_place (&b.file));
  g_assert_false (attach (&world, &c));
  assert_same (&b, &c);
  g_assert_false (leave (&c));
  g_assert_true (leave (&b));
  world_clear (&world);
}

/* A number that no process can have is nobody's, who could be waited for. */
static void
test_impossible_remover (void)
{
  const guint64 numbers[] = {
    G_GUINT64_CONSTANT (1) << 48, G_MAXINT64, G_MAXINT64 - 63, G_MAXUINT64,
  };
  World world;
  SsemShmLinuxMember a, b;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      world_init (&world);
      plant_nascent (&world, &a, world.first);
      make_doomed (&a, TRUE);
      a.parent.segment->remover = numbers[i];
      die (&a);

      g_assert_true (attach (&world, &b));
      g_assert_false (is_further (&world, &b));
      g_assert_true (leave (&b));
      world_clear (&world);
    }
}

/* --- What kills leave --- */

#define NASCENT_LEFT      1
#define DOOMED_LEFT       2
#define HALF_REMOVED_LEFT 4
#define LEFT_MEANWHILE    8 /* while the key was open in the first place, not before */
#define N_WAYS            16

static void
plant_leftover (World      *world,
                const char *name,
                gboolean    is_doomed,
                gboolean    has_remover)
{
  g_autofree char *place = g_build_filename (world->further, name, NULL);
  SsemShmLinuxMember file;

  plant_nascent (world, &file, place);
  if (is_doomed)
    make_doomed (&file, has_remover);
  die (&file);
}

/* At the least, the empty folder. */
static void
plant_leftovers (World *world,
                 int    what)
{
  g_assert_cmpint (g_mkdir (world->further, 0700), ==, 0);
  if (what & NASCENT_LEFT)
    plant_leftover (world, "1", FALSE, FALSE);
  if (what & DOOMED_LEFT)
    plant_leftover (world, "2", TRUE, FALSE);
  if (what & HALF_REMOVED_LEFT)
    plant_leftover (world, "3", TRUE, TRUE);
}

static void
test_leftovers (void)
{
  World world;
  SsemShmLinuxMember file;
  int what;

  for (what = 0; what < N_WAYS; what++)
    {
      world_init (&world);
      if (!(what & LEFT_MEANWHILE))
        plant_leftovers (&world, what);
      g_assert_true (attach (&world, &file));
      g_assert_false (is_further (&world, &file));
      if (what & LEFT_MEANWHILE)
        plant_leftovers (&world, what);
      assert_seen (&world, 1);
      g_assert_true (leave (&file));
      world_clear (&world);
    }
}

/* Who comes upon nothing else clears it away, too, whether he is to open the key or to remove
 * it. */
static void
test_nothing_else (void)
{
  World world;
  SsemShmLinuxMember file;
  int what, removes;
  int result;
  gboolean is_new;

  for (what = 0; what < N_WAYS; what++)
    for (removes = 0; removes <= 1; removes++)
      {
        /* A doomed one that kept its name is left over, so removing it is a success. */
        int expected = removes && what & (DOOMED_LEFT | HALF_REMOVED_LEFT) ? 0 : -ENOENT;
        g_autofree char *wings = NULL;
        g_autofree char *wing = NULL;

        if (what & (NASCENT_LEFT | LEFT_MEANWHILE))
          continue;

        world_init (&world);
        plant_leftovers (&world, what);
        wings = g_strconcat (world.first, "+", NULL);
        wing = g_build_filename (wings, "0123456789abcdef-7", NULL);
        g_assert_cmpint (g_mkdir (wings, 0700), ==, 0);
        g_assert_true (g_file_set_contents (wing, "", 0, NULL));

        file_init (&file, &world);
        result = removes ? ssem_shm_member_remove_leftover (&file.parent)
                         : ssem_shm_member_attach (&file.parent, INITIAL, SSEM_SHM_OPEN_EXISTING,
                                                   0, &is_new);
        g_assert_cmpint (result, ==, expected);
        ssem_shm_linux_member_clear (&file);
        world_clear (&world);
      }
}

/* --- No room --- */

/* What is there already takes none. */
static void
test_no_room (void)
{
  struct rlimit limit, none;
  SsemShmLinuxMember a, b;
  World world;

  world_init (&world);
  g_assert_true (attach (&world, &a));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  none = (struct rlimit) { .rlim_cur = 1, .rlim_max = limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &none), ==, 0);
  g_assert_false (attach (&world, &b));
  assert_same (&a, &b);
  g_assert_false (leave (&b));
  g_assert_true (leave (&a));

  g_assert_cmpint (try_attach (&world, &a, SSEM_SHM_OPEN_OR_CREATE, &(gboolean) { FALSE }), ==,
                   -EFBIG);
  ssem_shm_linux_member_clear (&a);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  world_clear (&world);
}

typedef struct
{
  const char *name;
  void (* run) (void);
} Test;

static const Test tests[] = {
  { "blocked", test_blocked },
  { "other-folder", test_other_folder },
  { "leftover-further", test_leftover_further },
  { "nascent-left", test_nascent_left },
  { "nascent-helped", test_nascent_helped },
  { "nascent-beside-open", test_nascent_beside_open },
  { "nascent-is-none", test_nascent_is_none },
  { "two-nascent", test_two_nascent },
  { "doomed-makes-way", test_doomed_makes_way },
  { "successor-stays", test_successor_stays },
  { "taken-by-hand", test_taken_by_hand },
  { "impossible-remover", test_impossible_remover },
  { "leftovers", test_leftovers },
  { "nothing-else", test_nothing_else },
  { "no-room", test_no_room },
};

static void
run_test (gconstpointer test)
{
  expects_none = FALSE;
  ((const Test *) test)->run ();
}

static void
run_test_unseen (gconstpointer test)
{
  expects_none = TRUE;
  ((const Test *) test)->run ();
}

int
main (int   argc,
      char *argv[])
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  /* A file that would be too long is an error. */
  signal (SIGXFSZ, SIG_IGN);

  for (i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/ssem/naming/", tests[i].name, NULL);
      g_autofree char *unseen = g_strconcat ("/ssem/naming/unseen/", tests[i].name, NULL);

      g_test_add_data_func (path, &tests[i], run_test);
      g_test_add_data_func (unseen, &tests[i], run_test_unseen);
    }

  return g_test_run ();
}
