# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs a command beside an etcd server that is its own: usage: with-server.py [OPTION...] COMMAND...

The command gets SSEM_ETCD_ENDPOINTS and, unless --backend says something else, SSEM_BACKEND=etcd.
Its output and its exit status are passed on; 77, which Meson counts as skipped, where etcd is not
installed. The server is gone at the end, also after SIGKILL.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from semaphores import die_with_parent
from servers import Cluster, is_installed

EXIT_SKIP = 77


def end_cb(number, frame):
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(prog='with-server.py')
    parser.add_argument('--members', type=int, default=1, help='size of the cluster')
    parser.add_argument('--backend', default='etcd', help='SSEM_BACKEND; "" leaves it alone')
    parser.add_argument('--ttl', help='SSEM_ETCD_TTL')
    parser.add_argument('--server-option', action='append', default=[], metavar='OPTION',
                        help='an option of etcd')
    parser.add_argument('--thorough', action='store_true',
                        help='skip unless SSEM_TEST_THOROUGH is set')
    parser.add_argument('--rounds-seconds', metavar='SECONDS',
                        help='SSEM_TEST_ROUNDS_SECONDS, unless SSEM_TEST_THOROUGH is set')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error('a command is missing')
    if options.thorough and 'SSEM_TEST_THOROUGH' not in os.environ:
        print('1..0 # SKIP only in the set-up "thorough": it waits for the ends of many leases')
        sys.exit(0)
    if not is_installed():
        print('1..0 # SKIP etcd is not installed')
        sys.exit(EXIT_SKIP)

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_cb)
    with Cluster(options.members, options.server_option) as cluster:
        environment = dict(os.environ, SSEM_ETCD_ENDPOINTS=cluster.endpoints)
        if options.backend:
            environment['SSEM_BACKEND'] = options.backend
        if options.ttl:
            environment['SSEM_ETCD_TTL'] = options.ttl
        if options.rounds_seconds and 'SSEM_TEST_THOROUGH' not in environment:
            environment['SSEM_TEST_ROUNDS_SECONDS'] = options.rounds_seconds
        command = subprocess.Popen(options.command, env=environment, preexec_fn=die_with_parent)
        try:
            status = command.wait()
        finally:
            if command.poll() is None:
                command.kill()
                command.wait()
    # As a shell says it, where a signal ended the command.
    sys.exit(status if status >= 0 else 128 - status)


main()
