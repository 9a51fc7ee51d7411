#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Unpacks Debian's libraries for arm64 into a directory. Installs nothing: apt gets lists and states
# of its own, so the system does not take packages of another architecture. Writes the constants for
# tests/arm64.ini into the directory, too.
#
# usage: arm64-sysroot.sh DIRECTORY

set -eu

[ $# -eq 1 ] || { echo 'usage: arm64-sysroot.sh DIRECTORY' >&2; exit 2; }

mkdir -p "$1"
sysroot=$(cd "$1" && pwd)
apt=$sysroot/apt

# It is written last, so it is there only if all has been unpacked.
constants=$sysroot/constants.ini
[ ! -f "$constants" ] || exit 0

mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/state"
: > "$apt/status"

get()
{
  apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
    -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" \
    -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" -o Debug::NoLocking=true "$@"
}

get update
get install --yes --download-only libglib2.0-dev
for package in "$apt"/archives/*.deb; do
  dpkg-deb --extract "$package" "$sysroot"
done
rm -r "$apt"

printf "[constants]\nsysroot = '%s'\n" "$sysroot" > "$constants"
