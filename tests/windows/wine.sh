#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a program for Windows under wine: wine.sh DIRECTORY PROGRAM [ARGUMENT...]
# or says something to wine's server:    wine.sh DIRECTORY --server OPTION
#
# DIRECTORY is what sysroot.sh made. wine keeps what it takes for a computer in DIRECTORY/wine, its server
# is met in DIRECTORY/tmp, and GLib's libraries are found in DIRECTORY/root. Of two libraries of the
# same name, wine takes that of the program's width.

set -eu

directory=$1
shift

unset DISPLAY WAYLAND_DISPLAY XDG_RUNTIME_DIR
# Where programs meet wine's server: the same for all of them, whatever a test has set.
TMPDIR=$directory/tmp
mkdir -p "$TMPDIR"
WINEPREFIX=$directory/wine
WINEARCH=win64
WINEDEBUG=-all
WINEDLLOVERRIDES='mscoree,mshtml='
# Without it GLib asks the console for its code page, and there is no console.
LANG=C.UTF-8
WINEPATH="Z:$(echo "$directory/root/bin" | tr / '\\')${WINEPATH:+;$WINEPATH}"
if [ -d "$directory/wine-32" ]; then
  WINEPATH="$WINEPATH;Z:$(echo "$directory/root-32/bin" | tr / '\\')"
  WINEDLLPATH=$directory/wine-32
  export WINEDLLPATH
fi
export LANG TMPDIR WINEPREFIX WINEARCH WINEDEBUG WINEDLLOVERRIDES WINEPATH

if [ "$1" = --server ]; then
  shift
  exec /usr/lib/wine/wineserver64 "$@"
fi

# If a process is killed at the moment when it starts, wine's server may never end it. Such a process
# keeps its descriptors open. So errors go to a file: a reader of a pipe would wait for that process,
# too.
errors=$(mktemp "$TMPDIR/errors.XXXXXX")
status=0
/usr/lib/wine/wine64 "$@" 2>"$errors" || status=$?
cat "$errors" >&2
rm -f "$errors"
exit "$status"
