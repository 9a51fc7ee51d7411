/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

#include "ssem/shm/linux/ssem-shm-linux-member-private.h"
#include "ssem/shm/linux/ssem-shm-wing-private.h"

G_BEGIN_DECLS

/* Who sits where in a crowd without members: after fixture_gather_crowd (), the segment of the
 * fixture's key counts so many that have been killed, and the next one to attach comes to a wing,
 * which is chosen by its number. Through the library's own objects. */

/* The segment of the fixture's key, in the first place, for a look: ssem_shm_linux_member_clear ()
 * ends it. */
void    crowd_open          (Fixture            *fixture,
                             SsemShmLinuxMember *file);

/* So many are counted beside it in the segment's own file. */
void    crowd_assert_counted (Fixture    *fixture,
                              int         n);

/* The next one to attach comes to @wing; where that is 0, it finds out that there is no crowd. */
void    crowd_seat_next     (Fixture     *fixture,
                             guint        wing);

/* The helper is the fixture's, has its key open in slot 0, and has its locks in @wing. */
Helper *crowd_user          (Fixture     *fixture,
                             guint        wing);

/* The one wing that the helper has mapped is that one of the fixture's segment; none, where @wing
 * is 0. */
void    crowd_assert_seat   (Fixture     *fixture,
                             Helper      *helper,
                             guint        wing);

/* What is told of the fixture's key; so many are attached, hold, and wait. */
SsemSemaphoreInfo *crowd_look (Fixture   *fixture);
void    crowd_assert_told   (Fixture     *fixture,
                             int          n_attached,
                             int          n_holders,
                             int          n_units,
                             int          n_waiters);

void    crowd_expect_would_block (Helper *helper);

/* Where the wings lie. */
char   *crowd_folder        (Fixture     *fixture);
char   *crowd_wing_path     (Fixture     *fixture,
                             guint        wing);

G_END_DECLS
