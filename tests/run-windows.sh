#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Builds the library for Windows and runs its tests under wine, on a Debian system that may have
# nothing yet. The last line tells how many passed, failed and were skipped.
#
# What takes long, GLib and what wine takes for a computer, is kept in build-windows-sysroot.

set -u

usage()
{
  cat >&2 <<TEXT
usage: tests/run-windows.sh [--no-summary] [TEST...]
  --no-summary  leaves the counting to whoever calls this
  TEST          names of tests, as "meson test --list" shows them; all where there is none
TEXT
  exit 2
}

with_summary=true
while [ $# -gt 0 ]; do
  case $1 in
    --no-summary) with_summary=false ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done

cd "$(dirname "$0")/.." || exit 1

build=$PWD/build-windows
sysroot=$PWD/build-windows-sysroot
log=$build/meson-logs/testlog.json
is_good=false
wine="sh tests/windows/wine.sh $sysroot"
resident=

# Ends wine's own processes and whatever else a test has left behind in it.
stop_wine()
{
  if [ -n "$resident" ]; then
    kill "$resident" 2>/dev/null
    wait "$resident" 2>/dev/null
    resident=
  fi
  timeout --kill-after=5 60 $wine --server -k >/dev/null 2>&1
}

# Where there is no log, nothing was run.
finish()
{
  stop_wine
  if $with_summary; then
    printf '\n'
    python3 tests/summary.py "wine=$log" && $is_good
  else
    $is_good
  fi
  exit
}

trap 'stop_wine; exit 130' INT TERM

rm -f "$log"

sh tests/install-packages.sh windows || exit 1

PATH=/usr/bin:/bin:$PATH
export PATH

printf '\n--- Building GLib for Windows\n'
sh tests/windows/sysroot.sh "$sysroot" || finish

printf '\n--- Building build-windows\n'
# What the configuration found in another sysroot is not to be trusted.
if [ "$sysroot/version" -nt "$build/build.ninja" ]; then
  rm -rf "$build"
fi
if [ ! -f "$build/build.ninja" ]; then
  meson setup "$build" --cross-file "$sysroot/cross.ini" --wrap-mode nodownload \
    -Dtests=enabled -Dexamples=enabled || finish
fi
meson compile -C "$build" || finish

# wine starts its computer with the first program and shuts it down with the last, which takes
# seconds, and a program that has to do so with a pipe for its output may hang. So it is started
# here, and one program that only sleeps keeps it.
printf '\n--- Starting wine\n'
stop_wine
if [ ! -f "$sysroot/wine/system.reg" ]; then
  mkdir -p "$sysroot/wine"
  timeout --kill-after=5 300 $wine wineboot -i </dev/null >/dev/null 2>&1 &&
    timeout --kill-after=5 120 $wine --server -w </dev/null >/dev/null 2>&1 ||
    { rm -rf "$sysroot/wine"; finish; }
fi
timeout --kill-after=5 7200 $wine "$build/tests/windows/sleeper.exe" \
  </dev/null >/dev/null 2>&1 &
resident=$!
timeout --kill-after=5 60 $wine "$build/tests/windows/sleeper.exe" 0 \
  </dev/null >/dev/null 2>&1 || finish

printf '\n--- Testing under %s\n' "$(timeout 60 $wine --version </dev/null)"
timeout --kill-after=30 1800 meson test -C "$build" --no-rebuild --print-errorlogs "$@" </dev/null &&
  is_good=true
finish
