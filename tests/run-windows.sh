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
usage: tests/run-windows.sh [--32-bit] [--no-summary] [TEST...]
  --32-bit      then also processes of 32 bits beside those of 64; takes 1.2 GB more on the disk
  --no-summary  leaves the counting to whoever calls this
  TEST          names of tests, as "meson test --list" shows them; all where there is none
TEXT
  exit 2
}

with_32_bit=false
with_summary=true
while [ $# -gt 0 ]; do
  case $1 in
    --32-bit) with_32_bit=true ;;
    --no-summary) with_summary=false ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done

cd "$(dirname "$0")/.." || exit 1

build=$PWD/build-windows
narrow=$PWD/build-windows-32
sysroot=$PWD/build-windows-sysroot
log=$build/meson-logs/testlog.json
mixed_log=$build/meson-logs/testlog-mixed.json
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
    if $with_32_bit; then
      python3 tests/summary.py "wine=$log" "wine-mixed=$mixed_log" && $is_good
    else
      python3 tests/summary.py "wine=$log" && $is_good
    fi
  else
    $is_good
  fi
  exit
}

trap 'stop_wine; exit 130' INT TERM

# build_with DIRECTORY STAMP CROSS-FILE TARGET...
build_with()
{
  directory=$1
  stamp=$2
  cross_file=$3
  shift 3
  printf '\n--- Building %s\n' "$(basename "$directory")"
  # What the configuration found in another sysroot is not to be trusted.
  if [ "$stamp" -nt "$directory/build.ninja" ]; then
    rm -rf "$directory"
  fi
  if [ ! -f "$directory/build.ninja" ]; then
    meson setup "$directory" --cross-file "$cross_file" --wrap-mode nodownload \
      -Dtests=enabled -Dexamples=enabled || return
  fi
  meson compile -C "$directory" "$@"
}

# run_tests ARGUMENT...
run_tests()
{
  timeout --kill-after=30 1800 meson test -C "$build" --no-rebuild --print-errorlogs "$@" \
    </dev/null
}

rm -f "$log" "$mixed_log"

if $with_32_bit; then
  sh tests/install-packages.sh windows-32-bit || exit 1
else
  sh tests/install-packages.sh windows || exit 1
fi

PATH=/usr/bin:/bin:$PATH
export PATH

printf '\n--- Building GLib for Windows\n'
sh tests/windows/sysroot.sh "$sysroot" || finish
if $with_32_bit; then
  sh tests/windows/sysroot.sh --32-bit "$sysroot" || finish
fi

build_with "$build" "$sysroot/version" "$sysroot/cross.ini" || finish

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

if $with_32_bit; then
  build_with "$narrow" "$sysroot/version-32" "$sysroot/cross-32.ini" test-helper storm-worker ||
    finish
fi

printf '\n--- Testing under %s\n' "$(timeout 60 $wine --version </dev/null)"
run_tests "$@" && is_good=true

# Every second process of a test is one of 32 bits.
if $with_32_bit; then
  SSEM_TEST_OTHER_BUILD=Z:$narrow
  WINEPATH=Z:$narrow/ssem
  export SSEM_TEST_OTHER_BUILD WINEPATH
  printf '\n--- Testing: mixed\n'
  run_tests --logbase testlog-mixed --suite conformance "$@" || is_good=false
fi
finish
