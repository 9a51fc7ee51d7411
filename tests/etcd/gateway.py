# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A small client of etcd's JSON gateway: for looking at a server without the library.

A Gateway is for one thread; it keeps one connection. It never repeats a request.
"""

import base64
import http.client
import json
import socket
import urllib.parse


class Refusal(Exception):
    """The server answered with an error."""

    def __init__(self, status, code, message):
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


def encode(text):
    return base64.b64encode(text.encode()).decode('ascii')


def decode(text):
    return base64.b64decode(text).decode()


def range_end(prefix):
    """The end of the range of all names that begin with @prefix, which ends with "/"."""
    return prefix[:-1] + '0' if prefix.endswith('/') else prefix[:-1] + chr(ord(prefix[-1]) + 1)


def range_request(prefix):
    return {'key': encode(prefix), 'range_end': encode(range_end(prefix))}


class Gateway:
    def __init__(self, endpoint, context=None, seconds=30):
        url = urllib.parse.urlsplit(endpoint)
        if url.scheme == 'https':
            self.connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=seconds,
                                                          context=context)
        else:
            self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=seconds)
        self.token = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.connection.close()

    def connect(self):
        if self.connection.sock is None:
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self, path, body):
        """Sends a request and returns the response, whose body is not read yet."""
        self.connect()
        headers = {'Content-Type': 'application/json'}
        if self.token:
            headers['Authorization'] = self.token
        try:
            self.connection.request('POST', '/v3/' + path, json.dumps(body), headers)
            return self.connection.getresponse()
        except Exception:
            self.connection.close()
            raise

    def ask(self, path, body=None):
        response = self.start(path, body or {})
        text = response.read()
        if response.status != 200:
            try:
                answer = json.loads(text)
                raise Refusal(response.status, answer.get('code'), answer.get('error'))
            except ValueError:
                raise Refusal(response.status, None, text.decode(errors='replace')) from None
        return json.loads(text)

    def get_text(self, path):
        self.connect()
        self.connection.request('GET', path)
        return self.connection.getresponse().read().decode()

    # What the tests ask for --------------------------------------------------------------------

    def log_in(self, name, password):
        self.token = self.ask('auth/authenticate', {'name': name, 'password': password})['token']

    def put(self, name, value, **more):
        return self.ask('kv/put', {'key': encode(name), 'value': encode(value), **more})

    def get(self, prefix):
        """All records below a prefix: {name: (value, lease, create revision)}; lease 0 is none."""
        answer = self.ask('kv/range', range_request(prefix))
        return {decode(record['key']): (decode(record.get('value', '')),
                                        int(record.get('lease', 0)),
                                        int(record['create_revision']))
                for record in answer.get('kvs', [])}

    def remove(self, prefix):
        self.ask('kv/deleterange', range_request(prefix))

    def revision(self):
        """The number of transactions that have changed something, plus 1."""
        return int(self.ask('kv/range', {'key': encode('-')})['header']['revision'])

    def leases(self):
        answer = self.ask('lease/leases')
        return {int(lease['ID']) for lease in answer.get('leases', [])}

    def revoke(self, lease):
        self.ask('lease/revoke', {'ID': str(lease)})

    def compact(self, revision=None):
        self.ask('kv/compaction', {'revision': str(revision or self.revision()), 'physical': True})

    def status(self):
        return self.ask('maintenance/status')

    def metrics(self):
        """The server's counters: {name with labels: value}."""
        found = {}
        for line in self.get_text('/metrics').splitlines():
            if line and not line.startswith('#'):
                name, _, value = line.rpartition(' ')
                found[name] = float(value)
        return found

    def watch(self, prefix, start_revision=0):
        """Yields each answer of a watch. The connection is of no other use until close ()."""
        request = {**range_request(prefix), 'start_revision': str(start_revision)}
        response = self.start('watch', {'create_request': request})
        while line := response.readline():
            yield json.loads(line)['result']
