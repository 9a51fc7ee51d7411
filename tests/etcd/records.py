# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a server has stored about a key, read without the library."""

import json
import urllib.parse

PREFIX = '/ssem/1/'


def units_of(value):
    return json.loads(value)['units']


class Contents:
    """The records of a key at one moment: what is held is {name: units}."""

    def __init__(self, records, base):
        self.all = {name.removeprefix(base): value for name, (value, _, _) in records.items()}
        self.state = self.all.get('state')
        self.holds = self.below('hold/')
        self.waiters = self.below('waiter/')
        self.members = [name for name in self.all if name.startswith('member/')]

    def below(self, head):
        return {name.removeprefix(head): units_of(value) for name, value in self.all.items()
                if name.startswith(head)}

    @property
    def total(self):
        return json.loads(self.state)['total']

    @property
    def value(self):
        return self.total - sum(self.holds.values())

    def __repr__(self):
        return repr(self.all)


class Records:
    def __init__(self, gateway, key, prefix=PREFIX):
        self.gateway = gateway
        self.base = f'{prefix}{urllib.parse.quote(key, safe="")}/'

    def read(self):
        return Contents(self.gateway.get(self.base), self.base)
