/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-peer.h"

const BenchPeer *
bench_peer_qt (void)
{
  return NULL;
}
