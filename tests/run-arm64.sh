#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Builds the library for arm64 on Debian's amd64, and runs the conformance suite and the test of the
# memory order in an emulator. The last line tells how many passed, failed and were skipped.

set -u

usage()
{
  cat >&2 <<TEXT
usage: tests/run-arm64.sh [--no-summary] [--as-test DIRECTORY] [TEST...]
  --no-summary  leaves the counting to whoever calls this
  --as-test     builds in DIRECTORY and installs nothing; skips all unless the tests are thorough
  TEST          names of tests, as "meson test --list" shows them; all where there is none
TEXT
  exit 2
}

# skip REASON
skip()
{
  echo "$1"
  exit 77
}

build=build-arm64
is_test=false
with_summary=true
while [ $# -gt 0 ]; do
  case $1 in
    --no-summary) with_summary=false ;;
    --as-test) shift; [ $# -gt 0 ] || usage; is_test=true; build=$1 ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done

cd "$(dirname "$0")/.." || exit 1

sysroot=$build-sysroot
log=$build/meson-logs/testlog.json
formats=/proc/sys/fs/binfmt_misc
is_good=false

# Where there is no log, nothing was run.
finish()
{
  if $with_summary; then
    printf '\n'
    python3 tests/summary.py "arm64=$log" && $is_good
  else
    $is_good
  fi
  exit
}

if $is_test; then
  [ -n "${SSEM_TEST_THOROUGH-}" ] || skip 'SSEM_TEST_THOROUGH is not set'
  { command -v qemu-aarch64-static && command -v aarch64-linux-gnu-gcc; } >/dev/null ||
    skip 'there is no compiler or no emulator: see "tests/install-packages.sh arm64"'
  [ -f $formats/qemu-aarch64 ] || [ "$(id -u)" -eq 0 ] ||
    skip 'only root can tell the kernel about the emulator'
  # In the emulator the short form of the tests is long.
  unset SSEM_TEST_THOROUGH
else
  sh tests/install-packages.sh arm64 || exit 1
fi

PATH=/usr/bin:/bin:$PATH
export PATH

rm -f "$log"

printf '\n--- Building %s\n' "$build"
sh tests/arm64-sysroot.sh "$sysroot" || finish
if [ ! -f "$build/build.ninja" ]; then
  meson setup "$build" --cross-file "$sysroot/constants.ini" --cross-file tests/arm64.ini \
    -Dbench=disabled -Dexamples=disabled || finish
fi
meson compile -C "$build" || finish

# The tests start programs of arm64 by their names. For that the kernel must know the emulator, and
# knows it until the end of this script if it did not before. (The emulator's package tells the
# kernel only where systemd runs.)
if [ ! -f $formats/qemu-aarch64 ]; then
  [ -f $formats/register ] || mount -t binfmt_misc binfmt_misc $formats || finish
  trap 'echo -1 > $formats/qemu-aarch64' EXIT
  trap 'exit 130' INT TERM
  cat /usr/lib/binfmt.d/qemu-aarch64.conf > $formats/register || finish
fi

# Programs are many times slower in the emulator.
printf '\n--- Testing: arm64\n'
QEMU_LD_PREFIX=$(realpath "$sysroot") \
  meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 3 \
  --suite conformance --suite tsan "$@" </dev/null && is_good=true
finish
