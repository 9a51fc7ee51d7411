# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Real etcd servers on loopback: one, or a cluster of three, each test's own.

The data is in memory where there is a tmpfs: etcd 3.4 has no option to leave out fsync. A server
ends with the process that started it, whatever happened to that (PR_SET_PDEATHSIG).

Ports are chosen below the range from which the kernel takes the ports of outgoing connections. So a
server that is started again finds its port free, and a client that connects to a port nobody
listens on never connects to itself.
"""

import collections
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from gateway import Gateway, Refusal, encode, range_end
from semaphores import die_with_parent

PORTS = range(15000, 32000)
MEMORY = '/dev/shm'
PREFIX = 'ssem-test-etcd-'
# A machine under load takes long to elect a leader.
PATIENCE_SECONDS = 60
ROOT_PASSWORD = 'root-password'
# What etcd logs once it has a leader; its listeners are there before.
READY = re.compile('serving client traffic (?:insecurely|securely)')


def find_ports(number):
    """Free ports; not even another test that looks at the same time gets the same, usually."""
    chooser = random.SystemRandom()
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < number:
            taken = stack.enter_context(socket.socket())
            port = chooser.choice(PORTS)
            try:
                taken.bind(('127.0.0.1', port))
            except OSError:
                continue
            ports.append(port)
        return ports


def is_installed():
    return shutil.which('etcd') is not None


def require():
    """Ends a test program, as skipped, where there is no etcd."""
    if not is_installed():
        print('1..0 # SKIP etcd is not installed')
        sys.exit(0)


def make_directory():
    """A directory whose name has this process in it: what a killed one has left behind, the next
    one removes. etcd reserves 128 MB for each member."""
    where = MEMORY if os.access(MEMORY, os.W_OK) else tempfile.gettempdir()
    for path in pathlib.Path(where).glob(f'{PREFIX}*-*'):
        owner = path.name.removeprefix(PREFIX).partition('-')[0]
        if not pathlib.Path('/proc', owner).exists():
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}-', dir=where)


class StartFailed(Exception):
    """The server ended instead of serving."""


class Member:
    """One server of a cluster. It may be killed, stopped, continued and started again."""

    def __init__(self, cluster, name, client_port, peer_port):
        self.cluster = cluster
        self.name = name
        self.client_port, self.peer_port = client_port, peer_port
        self.endpoint = f'{cluster.scheme}://127.0.0.1:{client_port}'
        # Where the other members reach it: a proxy may be put between.
        self.peer_url = f'http://127.0.0.1:{peer_port}'
        self.process = None
        self.log = collections.deque(maxlen=400)

    def command(self):
        cluster = self.cluster
        peers = ','.join(f'{member.name}={member.peer_url}' for member in cluster.members)
        return ['etcd', '--name', self.name, '--data-dir', f'{cluster.directory}/{self.name}',
                '--listen-client-urls', self.endpoint, '--advertise-client-urls', self.endpoint,
                '--listen-peer-urls', f'http://127.0.0.1:{self.peer_port}',
                '--initial-advertise-peer-urls', self.peer_url,
                '--initial-cluster', peers, '--initial-cluster-token', cluster.directory,
                '--logger', 'zap', '--log-outputs', 'stderr', *cluster.arguments]

    def launch(self):
        # Variables named ETCD_... are options, too.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(('ETCD_', 'LD_PRELOAD'))}
        self.process = subprocess.Popen(self.command(), env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors='replace',
                                        preexec_fn=die_with_parent)
        self.is_ready = threading.Event()
        self.reader = threading.Thread(target=self.read_log, args=[self.process, self.is_ready],
                                       daemon=True)
        self.reader.start()

    def read_log(self, process, is_ready):
        """Reads what the server says until it ends: it would block on a full pipe."""
        for line in process.stderr:
            self.log.append(line.rstrip())
            if READY.search(line):
                is_ready.set()
        is_ready.set()

    def tail(self):
        return '\n'.join(list(self.log)[-20:])

    def wait_until_ready(self):
        if not self.is_ready.wait(PATIENCE_SECONDS):
            raise StartFailed(f'{self.name} did not become ready:\n{self.tail()}')
        if self.process.poll() is not None or not self.reader.is_alive():
            self.process.wait()
            raise StartFailed(f'{self.name} ended with {self.process.returncode}:\n{self.tail()}')

    def start(self):
        self.launch()
        self.wait_until_ready()

    def kill(self):
        """Ends it at once, as a power failure would. It may be stopped, or have ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        self.wait()

    def wait(self):
        if self.process is not None:
            self.process.wait()
            self.reader.join()
            self.process.stderr.close()
            self.process = None

    def terminate(self):
        """Ends it in order."""
        self.process.terminate()
        self.wait()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def gateway(self, seconds=30):
        return self.cluster.gateway(self, seconds)


class Cluster:
    """With `with`: started at the begin, gone with all its data at the end.

    @arguments are more options of etcd. With @certificates clients use TLS; they need a certificate
    of their own with @ask_clients. @link gets a member before the start, and may change how the
    others reach it (peer_url)."""

    def __init__(self, size=1, arguments=(), certificates=None, server='server',
                 ask_clients=False, link=None):
        self.size = size
        self.arguments = list(arguments)
        self.certificates = certificates
        self.scheme = 'https' if certificates else 'http'
        if certificates:
            self.arguments += ['--cert-file', certificates.pem(server),
                               '--key-file', certificates.key(server)]
        if ask_clients:
            self.arguments += ['--client-cert-auth', '--trusted-ca-file', certificates.pem('ca')]
        self.link = link
        self.members = []
        self.directory = None
        self.token = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for member in self.members:
            member.kill()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def start(self):
        """Another program may take a port between the look and the start; then with others."""
        for is_last in (False, False, True):
            self.directory = make_directory()
            ports = find_ports(2 * self.size)
            self.members = [Member(self, f'member-{i + 1}', ports[2 * i], ports[2 * i + 1])
                            for i in range(self.size)]
            if self.link:
                for member in self.members:
                    self.link(member)
            for member in self.members:
                member.launch()
            try:
                for member in self.members:
                    member.wait_until_ready()
                break
            except StartFailed as failed:
                self.__exit__()
                if is_last or 'address already in use' not in str(failed):
                    raise

    @property
    def endpoints(self):
        return ','.join(member.endpoint for member in self.members)

    def gateway(self, member=None, seconds=30):
        member = member or self.members[0]
        context = self.certificates.context() if self.certificates else None
        gateway = Gateway(member.endpoint, context, seconds)
        gateway.token = self.token
        return gateway

    def ask(self, path, body=None):
        with self.gateway() as gateway:
            return gateway.ask(path, body)

    def running(self):
        return [member for member in self.members if member.process is not None]

    def find_leader(self, among=None):
        """The member that is the leader by its own word; waits until there is one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for member in among or self.running():
                with contextlib.suppress(OSError, Refusal, ValueError), \
                        member.gateway(seconds=2) as gateway:
                    status = gateway.status()
                    if status.get('leader') == status['header']['member_id']:
                        return member
            time.sleep(0.05)
        raise AssertionError('the cluster has no leader')

    def wait_until_healthy(self, members=None):
        """Waits until each of the members commits."""
        for member in members or self.running():
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    with member.gateway(seconds=5) as gateway:
                        gateway.put('-healthy', '')
                    break
                except (OSError, Refusal, ValueError):
                    if time.monotonic() > deadline:
                        raise AssertionError(f'{member.name} stays unhealthy:\n'
                                             f'{member.tail()}') from None
                    time.sleep(0.05)

    def enable_users(self, users, prefix='/ssem/1/'):
        """Makes each of {name: password} a user with rights on @prefix alone; afterwards this
        object's own requests come from root."""
        end = range_end(prefix)
        self.ask('auth/role/add', {'name': 'ssem'})
        self.ask('auth/role/grant', {'name': 'ssem', 'perm': {
            'permType': 'READWRITE', 'key': encode(prefix), 'range_end': encode(end)}})
        self.ask('auth/user/add', {'name': 'root', 'password': ROOT_PASSWORD})
        self.ask('auth/role/add', {'name': 'root'})
        self.ask('auth/user/grant', {'user': 'root', 'role': 'root'})
        for name, password in users.items():
            self.ask('auth/user/add', {'name': name, 'password': password})
            self.ask('auth/user/grant', {'user': name, 'role': 'ssem'})
        self.ask('auth/enable')
        self.log_in()

    def log_in(self):
        with self.gateway() as gateway:
            gateway.log_in('root', ROOT_PASSWORD)
            self.token = gateway.token
