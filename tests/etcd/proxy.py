# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A proxy between a client and one server, which knows the requests and can do them harm.

For each request a plan is asked (see FaultAt), which returns None or the name of a fault:

  refuse         resets the connection, and refuses new ones for a moment
  reset-before   resets the connection instead of passing the request on
  reset-after    passes it on, waits for the answer, and resets the connection instead of answering
  delay          passes it on after a moment
  late           passes it on when the client has given up and closed the connection
  lost           passes it on, and never answers
  error-before   answers 503 instead of passing it on
  error-after    passes it on, and answers 503
  no-space       answers as etcd does whose database is full instead of passing it on
  timed-out      passes it on, and answers as etcd does whose followers do not answer in time
  garbage-before answers what is no JSON instead of passing it on
  garbage-after  passes it on, and answers what is no JSON
  other-json     passes it on, and answers JSON of another shape
  half           passes it on, and answers half of the answer, then resets the connection

Beside that: cut () lets every connection stay open and passes nothing more in either direction, as
a network does that is cut; mend () ends that. delay_seconds delays every request.

Between the members of a cluster the same proxy passes on bytes; cut () can then be limited to
connections from one member, which names itself in its first request (X-Server-From).
"""

import contextlib
import json
import re
import select
import socket
import struct
import threading
import time

FAULTS = ('refuse', 'reset-before', 'reset-after', 'delay', 'late', 'lost', 'error-before',
          'error-after', 'timed-out', 'garbage-before', 'garbage-after', 'other-json', 'half')
# After these faults, the server has seen the request, or will.
APPLYING = ('reset-after', 'delay', 'late', 'lost', 'error-after', 'timed-out', 'garbage-after',
            'other-json', 'half')
# With these, it never does.
UNSENT = ('refuse', 'reset-before', 'error-before', 'garbage-before', 'no-space')
MOMENT_SECONDS = 0.2
# Longer than any client waits for an answer; for the end of the proxy itself.
FOREVER_SECONDS = 60

ERROR = (b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n'
         b'Content-Length: 9\r\n\r\nno luck.\n')
NO_SPACE = json.dumps({'error': 'etcdserver: mvcc: database space exceeded',
                       'message': 'etcdserver: mvcc: database space exceeded', 'code': 8}).encode()
TIMED_OUT = json.dumps({'error': 'etcdserver: request timed out',
                        'message': 'etcdserver: request timed out', 'code': 14}).encode()


def ok(body):
    return (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
            b'Content-Length: %d\r\n\r\n' % len(body)) + body


GARBAGE = ok(b'\xff\x00<html>{"header": {"revi')
OTHER_JSON = ok(b'["header", 7, {"succeeded": {"responses": 1}}]')
NO_SPACE = (b'HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n'
            b'Content-Length: %d\r\n\r\n' % len(NO_SPACE)) + NO_SPACE
TIMED_OUT = (b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n'
             b'Content-Length: %d\r\n\r\n' % len(TIMED_OUT)) + TIMED_OUT


class Closed(Exception):
    """One side has closed its connection."""


class Request:
    def __init__(self, head, body):
        self.head, self.body = head, body
        self.is_applied = threading.Event()     # the server has answered
        self.path = head.split(b' ', 2)[1].decode(errors='replace').removeprefix('/v3/')

    def __repr__(self):
        return f'{self.path} {self.body.decode(errors="replace")}'


class FaultAt:
    """A plan: the @number-th request, from 1, of those that @counts accepts gets @fault.

    Keep-alives come when they come, and are not counted by default."""

    def __init__(self, fault, number, counts=lambda request: request.path != 'lease/keepalive'):
        self.fault, self.number, self.counts = fault, number, counts
        self.lock = threading.Lock()
        self.requests = []
        self.hit = None

    def __call__(self, request):
        with self.lock:
            if not self.counts(request):
                return None
            self.requests.append(request)
            if len(self.requests) != self.number:
                return None
            self.hit = request
            return self.fault


class Reader:
    """Reads HTTP messages from a socket."""

    def __init__(self, connection):
        self.connection = connection
        self.pending = b''

    def fill(self):
        with contextlib.suppress(ConnectionError):
            if data := self.connection.recv(65536):
                self.pending += data
                return
        raise Closed

    def take(self, number):
        while len(self.pending) < number:
            self.fill()
        data, self.pending = self.pending[:number], self.pending[number:]
        return data

    def take_through(self, end):
        while end not in self.pending:
            self.fill()
        return self.take(self.pending.index(end) + len(end))

    def take_body(self, head):
        length = re.search(rb'\r\nContent-Length: *(\d+)', head, re.IGNORECASE)
        if length:
            return self.take(int(length.group(1)))
        body = b''
        if re.search(rb'\r\nTransfer-Encoding: *chunked', head, re.IGNORECASE):
            while True:
                line = self.take_through(b'\r\n')
                size = int(line.split(b';')[0], 16)
                body += line + self.take(size + 2)
                if size == 0:
                    break
        return body


def reset(connection):
    """Closes a connection so that the other side gets an error, whatever it has sent."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


class Proxy:
    """Listens on a port of its own before @port is reached. With `with`: ended at the end, together
    with all connections."""

    def __init__(self, target_port, listen_port=0, plan=None):
        self.target_port = target_port
        self.plan = plan
        self.delay_seconds = 0
        self.lock = threading.Lock()
        self.threads = []
        self.connections = set()
        self.n_accepted = 0
        self.is_ending = False
        self.is_open = threading.Event()    # not cut
        self.is_open.set()
        self.cut_from = None                # one member, or None for all
        self.listener = None
        self.port = listen_port
        self.listen()
        self.port = self.listener.getsockname()[1]
        self.endpoint = f'http://127.0.0.1:{self.port}'

    # --- Life -----------------------------------------------------------------------------------

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', self.port))
        listener.listen(64)
        self.listener = listener
        self.run(self.accept, listener)

    def run(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        with self.lock:
            self.threads = [other for other in self.threads if other.is_alive()]
            self.threads.append(thread)
        thread.start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                if self.is_ending:
                    reset(connection)
                    return
                self.connections.add(connection)
                self.n_accepted += 1
            self.run(self.serve, connection)

    def stop_listening(self):
        # shutdown () ends the accept () of the other thread, too.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def reset_all(self):
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def refuse(self):
        """Resets everything, and refuses connections until accept_again ()."""
        self.stop_listening()
        self.reset_all()

    def accept_again(self):
        if not self.is_ending:
            self.listen()

    def cut(self, member=None):
        self.cut_from = member
        self.is_open.clear()

    def mend(self):
        """Lets the connections end that were cut: their data would come in the wrong order."""
        self.reset_all()
        self.is_open.set()

    def close(self):
        with self.lock:
            self.is_ending = True
        self.is_open.set()
        self.stop_listening()
        self.reset_all()
        deadline = time.monotonic() + FOREVER_SECONDS
        for thread in list(self.threads):
            thread.join(max(0, deadline - time.monotonic()))
            if thread.is_alive():
                raise AssertionError('a thread of the proxy does not end')

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    # --- A connection ---------------------------------------------------------------------------

    def forget(self, connection):
        with self.lock:
            self.connections.discard(connection)
        connection.close()

    def connect(self):
        connection = socket.create_connection(('127.0.0.1', self.target_port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.connections.add(connection)
        return connection

    def pass_gate(self, client):
        """Waits while the proxy is cut."""
        while not self.is_open.wait(MOMENT_SECONDS):
            if is_closed(client):
                raise Closed

    def serve(self, client):
        server = None
        reader = Reader(client)
        try:
            while True:
                head = reader.take_through(b'\r\n\r\n')
                request = Request(head, reader.take_body(head))
                self.pass_gate(client)
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                fault = self.plan(request) if self.plan else None
                if server is None and fault not in UNSENT:
                    server = self.connect()
                self.answer(client, server, request, fault)
        except (Closed, OSError):
            pass
        finally:
            self.forget(client)
            if server is not None:
                self.forget(server)

    def answer(self, client, server, request, fault):
        if fault == 'refuse':
            self.stop_listening()
            timer = threading.Timer(MOMENT_SECONDS, self.accept_again)
            timer.daemon = True
            timer.start()
        if fault in ('refuse', 'reset-before'):
            reset(client)
            raise Closed
        if fault in ('error-before', 'garbage-before', 'no-space'):
            client.sendall({'error-before': ERROR, 'garbage-before': GARBAGE,
                            'no-space': NO_SPACE}[fault])
            return
        if fault == 'delay':
            time.sleep(MOMENT_SECONDS)
        if fault == 'late':
            self.wait_until_closed(client)

        server.sendall(request.head + request.body)
        if fault in (None, 'delay'):
            self.relay(client, server, request)
            return

        replies = Reader(server)
        head = replies.take_through(b'\r\n\r\n')
        request.is_applied.set()
        if request.path == 'watch':
            body = replies.take_through(b'\n')
        else:
            body = replies.take_body(head)
        if fault == 'lost':
            self.wait_until_closed(client)
        elif fault == 'reset-after':
            reset(client)
        elif fault == 'half':
            whole = head + body
            client.sendall(whole[:len(head) + len(body) // 2])
            client.shutdown(socket.SHUT_RDWR)
        elif fault in ('error-after', 'timed-out', 'garbage-after', 'other-json'):
            client.sendall({'error-after': ERROR, 'timed-out': TIMED_OUT,
                            'garbage-after': GARBAGE, 'other-json': OTHER_JSON}[fault])
            if request.path != 'watch':
                return
        raise Closed

    def relay(self, client, server, request):
        """Passes one answer on, as it comes: that of a watch does not end."""
        replies = Reader(server)
        head = replies.take_through(b'\r\n\r\n')
        request.is_applied.set()
        self.pass_gate(client)
        client.sendall(head)
        length = re.search(rb'\r\nContent-Length: *(\d+)', head, re.IGNORECASE)
        if length:
            body = replies.take(int(length.group(1)))
            self.pass_gate(client)
            client.sendall(body)
            return
        while True:
            # The client may leave in the middle.
            while b'\r\n' not in replies.pending:
                readable, _, _ = select.select([client, server], [], [])
                if client in readable and server not in readable:
                    raise Closed
                replies.fill()
            line = replies.take_through(b'\r\n')
            size = int(line.split(b';')[0], 16)
            chunk = line + replies.take(size + 2)
            self.pass_gate(client)
            client.sendall(chunk)
            self.note_piece(request, chunk[len(line):])
            if size == 0:
                return

    def note_piece(self, request, piece):
        """A piece of the answer has been passed on."""

    def wait_until_closed(self, client):
        deadline = time.monotonic() + FOREVER_SECONDS
        while not is_closed(client) and time.monotonic() < deadline and not self.is_ending:
            select.select([client], [], [], MOMENT_SECONDS)


def is_closed(connection):
    """Whether the other side has closed it. What it has sent stays there to be read."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b''
    except (OSError, ValueError):
        return True


class PeerProxy(Proxy):
    """Between the members of a cluster: bytes, in both directions."""

    def serve(self, client):
        server = None
        try:
            reader = Reader(client)
            head = reader.take_through(b'\r\n\r\n')
            found = re.search(rb'\r\nX-Server-From: *(\w+)', head, re.IGNORECASE)
            sender = found.group(1).decode() if found else None
            server = self.connect()
            server.sendall(head + reader.pending)
            while True:
                readable, _, _ = select.select([client, server], [], [])
                while not self.is_open.is_set() and self.cut_from in (None, sender):
                    self.is_open.wait(MOMENT_SECONDS)
                for source, target in ((client, server), (server, client)):
                    if source in readable:
                        data = source.recv(65536)
                        if not data:
                            return
                        target.sendall(data)
        except (Closed, OSError, ValueError):
            pass
        finally:
            self.forget(client)
            if server is not None:
                self.forget(server)
