#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Builds the Debian packages of this tree: sh .debian/build.sh DIRECTORY
#
# The packages go to DIRECTORY, which is created. The build works on a copy of the tree, so it changes
# nothing here. Debian expects the description of the packages in a directory "debian", which would
# stand out among the sources; only the copy has it.

set -eu

if [ $# -ne 1 ]; then
  echo 'usage: sh .debian/build.sh DIRECTORY' >&2
  exit 2
fi

mkdir -p "$1"
output=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$copy/ssem"

# What a build leaves in the tree does not belong to the sources.
cd "$root"
if git rev-parse --git-dir >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard
else
  find . -type d \( -name 'build*' -o -name node_modules \) -prune -o -type f -print0
fi |
  tar --create --null --ignore-failed-read --files-from=- | tar --extract --directory="$copy/ssem"

# The programs of Debian, before others of the same name.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH

cd "$copy/ssem"
mv .debian debian
rm debian/build.sh
DEB_BUILD_OPTIONS="noautodbgsym ${DEB_BUILD_OPTIONS-}" dpkg-buildpackage --build=binary --no-sign
mv "$copy"/*.deb "$output"
