#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Shows that a killed process loses no units: six workers in four languages share three units, and
# one worker is killed.
#
#   sh examples/demo.sh
#   SSEM_BACKEND=sysv sh examples/demo.sh
#
# The first command uses the default backend, shared memory, and the second uses System V
# semaphores. The script installs missing packages (Debian, as root or with sudo), builds in build/,
# and runs the workers. demo/demo.py explains the output and the checks. Exit status 0 means that
# all checks passed.

set -eu

cd "$(dirname "$0")/.."

# Prefer the programs of the packages to others of the same name.
PATH=/usr/bin:/bin:$PATH
export PATH

features='-Dintrospection=enabled -Dvapi=enabled -Dexamples=enabled'

# Prints the output of a command only if the command fails.
quietly () {
  output=$("$@" 2>&1) || { printf '%s\n' "$output"; exit 1; }
}

sh tests/install-packages.sh build

echo 'Building in build/ ...'
# shellcheck disable=SC2086 # The features are separate words.
if [ ! -f build/build.ninja ]; then
  quietly meson setup build $features
elif ! ninja -C build -t query demo >/dev/null 2>&1; then
  # The build directory exists, but was set up without the options that the workers need.
  quietly meson setup --reconfigure build $features
fi
quietly ninja -C build demo
echo

exec /usr/bin/python3 -B examples/demo/demo.py build "$@"
