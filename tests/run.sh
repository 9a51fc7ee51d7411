#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Installs what is missing, builds, and runs every test: as it is, with the sanitizers for addresses
# and undefined behaviour, with the one for threads, with libFuzzer, and under valgrind. The last line
# tells how many passed, failed and were skipped.

set -u

usage()
{
  cat >&2 <<TEXT
usage: tests/run.sh [--quick] [--32-bit] [--arm64] [--windows] [TEST...]
  --quick    without the sanitizers, libFuzzer and valgrind
  --32-bit   also a build for 32 bits, alone and beside the one for 64; the system will take packages
             for i386
  --arm64    also a build for arm64, in an emulator
  --windows  also the build for Windows, under wine; the first time it builds GLib for that. With
             --32-bit, also processes of 32 bits beside those of 64
  TEST       names of tests, as "meson test --list" shows them; all where there is none
TEXT
  exit 2
}

is_quick=false
with_32_bit=false
with_arm64=false
with_windows=false
while [ $# -gt 0 ]; do
  case $1 in
    --quick) is_quick=true ;;
    --32-bit) with_32_bit=true ;;
    --arm64) with_arm64=true ;;
    --windows) with_windows=true ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done

has_names=true
[ $# -gt 0 ] || has_names=false

cd "$(dirname "$0")/.." || exit 1

sh tests/install-packages.sh tests || exit 1
# Without these tools, one test is skipped.
sh tests/install-packages.sh npm || true

# The programs of the packages, before others of the same name: another Python lacks their modules.
PATH=/usr/bin:/bin:$PATH
export PATH

# Many tests mostly wait: for other processes, and for servers.
MESON_TESTTHREADS=$(($(nproc) * 3 / 2 + 1))
export MESON_TESTTHREADS

runs=
is_good=true

# configure DIRECTORY OPTION...
configure()
{
  directory=$1
  shift
  printf '\n--- Building %s\n' "$directory"
  if [ -f "$directory/build.ninja" ]; then
    # What was missing the last time may be there now.
    meson setup --reconfigure "$directory" "$@"
  else
    meson setup "$directory" "$@"
  fi
}

# build DIRECTORY OPTION...
build()
{
  configure "$@" && meson compile -C "$directory"
}

# note_result LABEL LOG STATUS
note_result()
{
  label=$1
  log=$2
  status=$3
  [ $status -eq 0 ] || is_good=false
  # Tests that were asked for by name need not be part of every run; else, no log is a failure.
  if [ -f "$log" ] || [ $status -ne 0 ] || ! $has_names; then
    runs="$runs $label=$log"
  fi
}

# run_tests LABEL DIRECTORY LOG-SUFFIX ARGUMENT...: builds what these tests need, and runs them.
run_tests()
{
  label=$1
  directory=$2
  log=$directory/meson-logs/testlog$3.json
  shift 3
  printf '\n--- Testing: %s\n' "$label"
  rm -f "$log"
  status=0
  meson test -C "$directory" --print-errorlogs "$@" || status=1
  note_result "$label" "$log" $status
}

# As by default, but that a part whose packages are not there is an error: it does not take its tests
# away in silence.
is_built=true
if build build -Dauto_features=enabled -Dinstalled_tests=true; then
  run_tests default build "" "$@"
else
  is_built=false
  runs="$runs default=build/none"
fi

if ! $is_quick; then
  # Only what some suites need is built, and optimized less, which is faster.
  if configure build-sanitize -Doptimization=1 -Db_sanitize=address,undefined \
      -Dintrospection=disabled -Dsysprof=enabled; then
    run_tests sanitizers build-sanitize "" --suite conformance --suite worlds --suite examples \
      --suite fuzz --suite etcd-sanitizers "$@"
  else
    runs="$runs sanitizers=build-sanitize/none"
  fi

  # What the tests load before GLib is no part of any program.
  if build build-tsan -Doptimization=1 -Db_sanitize=thread -Dintrospection=disabled \
      -Dexamples=disabled -Dbench=disabled; then
    run_tests threads build-tsan "" --suite conformance --suite tsan --suite etcd-sanitizers "$@"
  else
    runs="$runs threads=build-tsan/none"
  fi

  if CC=clang configure build-fuzz -Doptimization=1 -Dfuzz=enabled \
      -Db_sanitize=address,undefined -Db_lundef=false -Dintrospection=disabled; then
    run_tests fuzz build-fuzz "" --suite fuzz "$@"
  else
    runs="$runs fuzz=build-fuzz/none"
  fi

  if $is_built; then
    run_tests valgrind build -valgrind --setup valgrind --suite conformance --suite translation \
      --no-suite stress --no-suite victims "$@"
  fi
fi

# In the second run, every second process of a test is one of 32 bits.
if $with_32_bit; then
  narrow=build-32-bit
  if sh tests/install-packages.sh 32-bit && build $narrow --cross-file tests/i386.ini; then
    run_tests 32-bit $narrow "" --no-suite project --no-suite model "$@"
    if $is_built; then
      SSEM_TEST_OTHER_BUILD=$PWD/$narrow
      export SSEM_TEST_OTHER_BUILD
      run_tests mixed build -mixed --logbase testlog-mixed --suite conformance "$@"
      unset SSEM_TEST_OTHER_BUILD
    fi
  else
    runs="$runs 32-bit=$narrow/none"
  fi
fi

if $with_arm64; then
  status=0
  sh tests/run-arm64.sh --no-summary "$@" || status=1
  note_result arm64 build-arm64/meson-logs/testlog.json $status
fi

if $with_windows; then
  status=0
  if $with_32_bit; then
    sh tests/run-windows.sh --32-bit --no-summary "$@" || status=1
    note_result wine-mixed build-windows/meson-logs/testlog-mixed.json $status
  else
    sh tests/run-windows.sh --no-summary "$@" || status=1
  fi
  note_result wine build-windows/meson-logs/testlog.json $status
fi

printf '\n'
python3 tests/summary.py $runs && $is_good
