/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem/sysv/ssem-sysv-ledger-private.h"

/* The sum of what the moves ask for is the undo count that the kernel has. */
static void
test_sum (void)
{
  SsemSysvLedger ledger = { 0 };
  gint64 balance = 0, undo = 0;
  int i;

  for (i = 0; i < 100000; i++)
    {
      int delta = g_test_rand_int_range (-9, 10);

      undo += ssem_sysv_ledger_add (&ledger, 2, delta);
      balance += delta;
      g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, 2), ==, balance);
      g_assert_cmpint (undo, ==, MAX (0, balance));
    }
}

static void
test_release_is_split (void)
{
  SsemSysvLedger ledger = { 0 };

  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 0, 3), ==, 3);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 0, -5), ==, -3);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 0, -1), ==, 0);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 0, 2), ==, 0);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 0, 4), ==, 3);
  g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, 0), ==, 3);
}

/* What belongs to another epoch is forgotten, be it held or created. */
static void
test_epoch (void)
{
  SsemSysvLedger ledger = { 0 };

  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 4, 7), ==, 7);
  g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, 6), ==, 0);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 6, -2), ==, 0);
  g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, 6), ==, -2);

  /* The number begins again. */
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 40000, 1), ==, 1);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 65534, 1), ==, 1);
  g_assert_cmpint (ssem_sysv_ledger_add (&ledger, 0, 1), ==, 1);
  g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, 65534), ==, 0);
}

/* A thread that has read the epoch before a reset, and books after another has seen the new one,
 * does not wipe out what that one has booked. */
static void
test_late_epoch (void)
{
  const guint16 epochs[] = { 2, 0, 32768 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (epochs); i++)
    {
      guint16 epoch = epochs[i];
      guint16 late = (guint16) (epoch - 2);
      SsemSysvLedger ledger = { 0 };

      g_assert_cmpint (ssem_sysv_ledger_add (&ledger, epoch, 5), ==, 5);
      g_assert_cmpint (ssem_sysv_ledger_add (&ledger, late, -1), ==, -1);
      g_assert_cmpint (ssem_sysv_ledger_add (&ledger, epoch, -5), ==, -4);
      g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, epoch), ==, -1);
      g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, late), ==, 0);
    }
}

/* The first move is of the epoch that it says, whatever that is. */
static void
test_first_epoch (void)
{
  const guint16 epochs[] = { 0, 2, 32766, 32768, 65000, 65534 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (epochs); i++)
    {
      SsemSysvLedger ledger = { 0 };

      g_assert_cmpint (ssem_sysv_ledger_add (&ledger, epochs[i], 5), ==, 5);
      g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, epochs[i]), ==, 5);
    }
}

static gpointer
move_in_thread (gpointer data)
{
  SsemSysvLedger *ledger = data;
  gint64 undo = 0;
  int i;

  for (i = 0; i < 50000; i++)
    {
      undo += ssem_sysv_ledger_add (ledger, 8, 3);
      undo += ssem_sysv_ledger_add (ledger, 8, i % 3 == 0 ? -1 : -4);
    }

  return g_memdup2 (&undo, sizeof undo);
}

/* In whatever order threads come. */
static void
test_threads (void)
{
  SsemSysvLedger ledger = { 0 };
  GThread *threads[4];
  gint64 undo = 0;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("move", move_in_thread, &ledger);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_autofree gint64 *part = g_thread_join (threads[i]);

      undo += *part;
    }
  g_assert_cmpint (undo, ==, MAX (0, ssem_sysv_ledger_balance (&ledger, 8)));
  g_assert_cmpint (ssem_sysv_ledger_balance (&ledger, 8), ==, 4 * (16667 * 2 - 33333));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/ledger/sum", test_sum);
  g_test_add_func ("/ssem/ledger/release-is-split", test_release_is_split);
  g_test_add_func ("/ssem/ledger/epoch", test_epoch);
  g_test_add_func ("/ssem/ledger/late-epoch", test_late_epoch);
  g_test_add_func ("/ssem/ledger/first-epoch", test_first_epoch);
  g_test_add_func ("/ssem/ledger/threads", test_threads);

  return g_test_run ();
}
