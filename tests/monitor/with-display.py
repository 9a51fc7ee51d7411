# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs a program on an X display of its own, which nobody sees: with-display.py PROGRAM...

The server picks a number that is free and says which, so any number of these run at once. It is
the program's only display: no session, no window manager, no bus.
"""

import ctypes
import os
import signal
import subprocess
import sys

SCREEN = '1024x768x24'
PR_SET_PDEATHSIG = 1
FORBIDDEN = ('WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'XAUTHORITY', 'AT_SPI_BUS_ADDRESS')


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main():
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ['Xvfb', '-displayfd', str(writer), '-screen', '0', SCREEN, '-nolisten', 'tcp', '-noreset'],
        pass_fds=[writer], stderr=subprocess.PIPE, preexec_fn=die_with_parent)
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    if not number:
        sys.exit('Xvfb did not start: ' + server.communicate()[1].decode(errors='replace'))

    environment = {name: value for name, value in os.environ.items() if name not in FORBIDDEN}
    environment['DISPLAY'] = ':' + number
    environment['GDK_BACKEND'] = 'x11'
    environment['GSK_RENDERER'] = 'cairo'
    # What a screen reader would be told is kept in memory, for the tests to look at.
    environment['GTK_A11Y'] = 'test'
    environment['GTK_IM_MODULE'] = 'gtk-im-context-simple'
    environment['GTK_THEME'] = 'Adwaita'
    try:
        status = subprocess.run(sys.argv[1:], env=environment,
                                preexec_fn=die_with_parent).returncode
    finally:
        server.terminate()
        server.communicate()
    # As a shell does it, so that Meson tells a crash from a failure.
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == '__main__':
    main()
