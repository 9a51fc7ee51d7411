#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Six workers in four languages share three units; one of them is killed, and nothing is lost.
#
#   sh examples/demo.sh
#   SSEM_BACKEND=sysv sh examples/demo.sh
#
# The first with the default backend, which is shared memory, the second with System V semaphores.
# Installs what is missing (Debian, as root or with sudo), builds into build/, and runs the workers.
# What it shows and how it judges is explained in demo/demo.py. Status 0: all as promised.

set -eu

cd "$(dirname "$0")/.."

# The programs of the packages, before others of the same name.
PATH=/usr/bin:/bin:$PATH
export PATH

features='-Dintrospection=enabled -Dvapi=enabled -Dexamples=enabled'

# Shows what a command says only if it fails.
quietly () {
  output=$("$@" 2>&1) || { printf '%s\n' "$output"; exit 1; }
}

sh tests/install-packages.sh build

echo 'Building in build/ ...'
# shellcheck disable=SC2086 # The features are words of their own.
if [ ! -f build/build.ninja ]; then
  quietly meson setup build $features
elif ! ninja -C build -t query demo >/dev/null 2>&1; then
  # Somebody has set it up before, without what the workers need.
  quietly meson setup --reconfigure build $features
fi
quietly ninja -C build demo
echo

exec /usr/bin/python3 -B examples/demo/demo.py build "$@"
