#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a program for Windows under wine: wine.sh FOLDER PROGRAM [ARGUMENT...]
#
# FOLDER is what sysroot.sh made. wine keeps what it takes for a computer in FOLDER/wine, and finds
# GLib's libraries in FOLDER/root.

set -eu

folder=$1
shift

unset DISPLAY WAYLAND_DISPLAY
WINEPREFIX=$folder/wine
WINEARCH=win64
WINEDEBUG=-all
WINEDLLOVERRIDES='mscoree,mshtml='
WINEPATH="Z:$(echo "$folder/root/bin" | tr / '\\')${WINEPATH:+;$WINEPATH}"
export WINEPREFIX WINEARCH WINEDEBUG WINEDLLOVERRIDES WINEPATH

exec /usr/lib/wine/wine64 "$@"
