# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs a program on an X display of its own, without a screen: with-display.py PROGRAM...

The server picks a free number, so several displays can run at the same time. The program has no
other display, no session, no window manager and no bus.
"""

import os
import subprocess
import sys

from semaphores import die_with_parent

SCREEN = '1024x768x24'
FORBIDDEN = ('WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'XAUTHORITY', 'AT_SPI_BUS_ADDRESS',
             'GTK_THEME')


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
    # GTK keeps in memory what a screen reader would get, for the tests to look at.
    environment['GTK_A11Y'] = 'test'
    environment['GTK_IM_MODULE'] = 'gtk-im-context-simple'
    try:
        status = subprocess.run(sys.argv[1:], env=environment,
                                preexec_fn=die_with_parent).returncode
    finally:
        server.terminate()
        server.communicate()
    # As a shell does, so that Meson distinguishes a crash from a failure.
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == '__main__':
    main()
