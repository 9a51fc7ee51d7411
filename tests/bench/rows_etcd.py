# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is measured of the backend etcd, on one server on loopback, with its bars and aims.

A put is one request over the same gateway that the same server commits in the same round. The bars
compare with a put through libsoup, the HTTP library of the backend, because a program that uses
etcd itself sends its requests through such a library. A raw put goes over a bare socket and its
answer is not parsed, so its rows have no bar: they show what the client costs. See etcd.py and
etcd-measure.c.
"""

from row_types import Group, Row, rows_against


def rows_against_puts(title):
    return [*rows_against(f'{title}, in libsoup puts', 'ns', 'soup'),
            *rows_against(f'{title}, in raw puts', 'ns', 'put')]


def hammer(size, *more):
    return Group(f'etcd-hammer-{size}', 'measure_etcd', (size, size), 1, (4000000, 200000), [
        Row('transactions', '8 on {n} units, transactions a pair', 'value', '', (), 2),
        *more,
    ], 3)


GROUPS = [
    Group('etcd-pair', 'measure_etcd', (1, 1), 11, (200, 10),
          rows_against_puts('acquire + release')),
    Group('etcd-hand-over', 'measure_etcd', (1, 1), 5, (50, 5),
          rows_against_puts('release to next')),
    Group('etcd-transactions', 'measure_etcd', (1, 1), 1, (200, 20), [
        Row('one', '1 process, transactions a pair', 'value', '', ()),
    ], 3),
    hammer(1,
           Row('share', '8 on {n} units, share of the last', 'value', '%', (), 1),
           Row('rate', '8 on {n} units, pairs', 'value', '1/s', ())),
    hammer(16),
    hammer(3),
    Group('etcd-kazoo', 'measure_etcd', (1, 1), 1, (500, 20),
          rows_against('acquire + release, on ZooKeeper', 'ns', 'kazoo')),
    Group('etcd-crowd', 'measure_etcd', (1000, 20), 1, (10000000, 3000000),
          rows_against('{n} waiting on 100 units, or 10', '1/s', 'few'), 3),
    Group('etcd-kill', 'measure_etcd', (1, 1), 1, (1, 1), [
        Row('beyond', 'SIGKILL to next, beyond the TTL', 'value', 'ns', ()),
    ], 5),
    Group('etcd-idle', 'measure_etcd', (1, 1), 1, (5, 1), [
        Row('requests', 'requests of a holder in a TTL', 'value', '', ()),
    ], 1),
]

# As in rows.py.
BARS = [
    ('etcd', 'etcd-pair/soup', '<=', 2.4, 2.1),
    ('etcd', 'etcd-hand-over/soup', '<=', 1.5, 1.2),
    ('etcd', 'etcd-transactions/one', '<=', 2, None),
    ('etcd', 'etcd-hammer-3/transactions', '<=', 3, 2.3),
    ('etcd', 'etcd-hammer-*/transactions', '<=', 2.1, 2),
    ('etcd', 'etcd-hammer-1/share', '>=', 70, 90),
    ('etcd', 'etcd-kazoo/kazoo', '<=', 0.5, 0.3),
    ('etcd', 'etcd-crowd/few', '>=', 0.5, 0.8),
    ('etcd', 'etcd-kill/beyond', '<=', 2e9, 1e9),
    ('etcd', 'etcd-idle/requests', '<=', 3, None),
]
