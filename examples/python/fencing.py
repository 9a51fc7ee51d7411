#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Writes to a resource that refuses old fencing tokens. Run it with: python3 fencing.py FILE [pause]

SSEM_BACKEND=etcd and SSEM_ETCD_ENDPOINTS choose the cluster. The file FILE is the resource. With
"pause", the program stops itself while it holds the unit, as a suspended laptop does. Start another
one without "pause": it gets the unit when the lease of the first one ends. Then continue the first
one with SIGCONT. The resource refuses its late write.
"""

import fcntl
import os
import signal
import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem


# sample: resource
class Refused(Exception):
    pass


def write(path, token, text):
    """Writes to the resource, unless it has seen a larger token."""
    with open(path, 'a+', encoding='utf-8') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        largest = int(file.readline() or 0)
        if token < largest:
            raise Refused(f'token {token} is less than {largest}')
        file.truncate(0)
        file.write(f'{token}\n{text}\n')
# end of sample


def say(text):
    print(text, flush=True)


def on_lost(semaphore, error, loop):
    say('lost')
    loop.quit()


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ['pause']):
        sys.exit('Usage: fencing.py FILE [pause]')
    path, pauses = sys.argv[1], len(sys.argv) == 3

    # sample: holder
    loop = GLib.MainLoop()
    semaphore = Ssem.SystemSemaphore('fencing', 1, Ssem.AccessMode.JOIN)
    semaphore.connect('lost', on_lost, loop)
    semaphore.acquire()
    token = semaphore.get_fencing_token()
    # end of sample

    say(f'holds the unit, token {token}')
    write(path, token, 'first')
    say('wrote')
    if pauses:
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            # Nothing has told this process yet that it was stopped.
            write(path, token, 'late')
            say('wrote again')
        except Refused as error:
            say(f'refused: {error}')
            loop.run()
            return
    semaphore.release()
    say('released')


try:
    main()
except (GLib.Error, OSError) as error:
    sys.exit(f'fencing: {error}')
