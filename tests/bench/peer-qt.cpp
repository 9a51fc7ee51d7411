/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-peer.h"

#include <QString>
#include <QSystemSemaphore>

/* The constructor makes the key file and the semaphore, or finds them; the destructor of their
 * maker removes them. */

namespace
{

QSystemSemaphore *
semaphore_of (gpointer handle)
{
  return static_cast<QSystemSemaphore *> (handle);
}

void
check (gpointer handle,
       bool     is_done)
{
  if (G_UNLIKELY (!is_done))
    bench_fail ("%s", qPrintable (semaphore_of (handle)->errorString ()));
}

gpointer
qt_open (const char *key,
         int         value,
         gboolean)
{
  auto handle = new QSystemSemaphore (QString::fromUtf8 (key), value, QSystemSemaphore::Open);

  check (handle, handle->error () == QSystemSemaphore::NoError);

  return handle;
}

void
qt_acquire (gpointer handle)
{
  check (handle, semaphore_of (handle)->acquire ());
}

void
qt_release (gpointer handle,
            int      n)
{
  check (handle, semaphore_of (handle)->release (n));
}

void
qt_close (gpointer handle)
{
  delete semaphore_of (handle);
}

void
qt_pairs (gpointer handle,
          int      n)
{
  bench_repeat_pairs (qt_acquire, qt_release, handle, n);
}

}

const BenchPeer bench_peer_qt = {
  "qt",
  qt_open,
  qt_acquire,
  qt_release,
  nullptr, // try_acquire: Qt has none
  nullptr, // get_value
  qt_close,
  qt_pairs,
};
