#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Installs the Debian packages that are missing; touches the network only if some are.
#
# usage: install-packages.sh build|packages|tests|bench|windows|windows-32-bit|32-bit|arm64|npm
#   build    what the library, its bindings and the examples in four languages need
#   packages that, and what building the Debian packages needs
#   tests    that, and what the tests and the manual need
#   bench    that, and what only the benchmark compares with
#   windows  what building for Windows and running that under wine need
#   windows-32-bit  that, and the compiler for 32 bits
#   32-bit   what a build for 32 bits on amd64 needs; the system takes packages for i386 from then on
#   arm64    what a build for arm64 on amd64, and running that in an emulator, need
#   npm      the tools for the types for TypeScript, from npm into tests/typescript/node_modules

set -eu

# A name with "|" is any one of these; the first is installed where there is none.
build_packages='
  gcc
  gettext
  gir1.2-glib-2.0
  gjs
  gobject-introspection
  libc6-dev
  libgirepository1.0-dev
  libglib2.0-dev
  libjson-glib-dev
  libsoup-3.0-dev
  meson
  ninja-build
  pkgconf|pkg-config
  python-gi-dev
  python3
  python3-dev
  python3-docutils
  python3-gi
  valac
'
# valgrind needs the C library's debugging symbols. How wide a page is depends on the fonts.
test_packages='
  abigail-tools
  binutils
  chromium
  clang
  etcd-client
  etcd-server
  fish
  fonts-dejavu-core
  fonts-liberation
  g++
  gi-docgen
  glib-networking
  libadwaita-1-dev
  libboost-dev
  libc6-dbg
  libclang-rt-14-dev
  libsysprof-capture-4-dev|libsysprof-4-dev
  libx11-dev
  libxtst-dev
  lintian
  locales
  man-db
  musl-tools
  mypy
  openssl
  python3-anyio
  python3-pyqt5
  python3-pyqt6
  python3-pyside2.qtcore
  python3-sysv-ipc
  qt6-base-dev|qtbase5-dev
  spin
  strace
  tcc
  valgrind
  xvfb
  zsh
'
debian_packages='
  debhelper
  dh-python
  dpkg-dev
  fakeroot
  gi-docgen
'
bench_packages='
  default-jre-headless
  python3-kazoo
  zookeeper
'
windows_packages='
  bzip2
  dpkg-dev
  file
  gcc
  gcc-mingw-w64-x86-64-win32
  gettext
  libc6-dev
  libz-mingw-w64-dev
  make
  meson
  ninja-build
  patch
  pkgconf|pkg-config
  python3
  wine
  wine64
  xz-utils
'

windows_narrow_packages='
  gcc-mingw-w64-i686-win32
'

narrow_packages='
  gcc-multilib
  libglib2.0-dev:i386
'

arm_packages='
  gcc-aarch64-linux-gnu
  qemu-user-static
'

fail()
{
  echo "install-packages.sh: $*" >&2
  exit 1
}

# A package of several architectures answers once for each; one that was removed answers, too.
is_installed()
{
  dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# The packages are those that package-lock.json names. Node.js itself comes from elsewhere: that of
# Debian 12 is too old. "npm ci" first removes what is there, so it runs only if that is out of date.
install_from_npm()
{
  directory=$(dirname "$0")/typescript
  if [ "$directory/node_modules/.package-lock.json" -nt "$directory/package-lock.json" ]; then
    return
  fi
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    fail 'there is no Node.js with npm'
  fi

  echo 'Installing the tools for the types for TypeScript'
  timeout 300 npm ci --prefix "$directory" --ignore-scripts --no-audit --no-fund --prefer-offline \
    --fetch-retries=1 --fetch-timeout=30000 --loglevel=error ||
    fail 'npm could not install the tools for the types for TypeScript'
}

case ${1-} in
  build) wanted=$build_packages ;;
  packages) wanted="$build_packages $debian_packages" ;;
  tests) wanted="$build_packages $test_packages $debian_packages" ;;
  bench) wanted="$build_packages $test_packages $debian_packages $bench_packages" ;;
  windows) wanted=$windows_packages ;;
  windows-32-bit) wanted="$windows_packages $windows_narrow_packages" ;;
  32-bit) wanted="$build_packages $narrow_packages" ;;
  arm64) wanted="$build_packages $arm_packages" ;;
  npm)
    install_from_npm
    exit
    ;;
  *)
    echo 'usage: install-packages.sh' \
      'build|packages|tests|bench|windows|windows-32-bit|32-bit|arm64|npm' >&2
    exit 2
    ;;
esac

command -v dpkg-query >/dev/null ||
  fail 'this is not Debian. Install what corresponds to these packages, then use meson:' $wanted

if [ "$1" = 32-bit ] && [ "$(dpkg --print-architecture)" != amd64 ]; then
  fail 'a build for 32 bits is made on amd64'
fi

missing=
for choice in $wanted; do
  first=${choice%%|*}
  found=
  for name in $(echo "$choice" | tr '|' ' '); do
    if is_installed "$name"; then
      found=$name
    fi
  done
  if [ -z "$found" ]; then
    missing="$missing $first"
  fi
done

if [ -z "$missing" ]; then
  exit 0
fi

command -v apt-get >/dev/null || fail "there is no apt-get to install these packages with:$missing"

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  fail "these packages are missing, and without root or sudo they cannot be installed:$missing"
fi

echo "Installing:$missing"
if [ "$1" = 32-bit ] && ! dpkg --print-foreign-architectures | grep -qx i386; then
  $as_root dpkg --add-architecture i386
  # A list that cannot be had would stay in the way of every package.
  $as_root apt-get update || {
    $as_root dpkg --remove-architecture i386
    fail 'the lists of packages for i386 cannot be had'
  }
else
  $as_root apt-get update
fi

# Debian's package starts a server of its own, now and whenever the machine starts. The tests start
# theirs themselves; a unit that is a link to /dev/null is never started.
unit=/etc/systemd/system/etcd.service
case " $missing " in
  *' etcd-server '*)
    if [ ! -e $unit ] && [ ! -L $unit ]; then
      $as_root mkdir -p "$(dirname $unit)"
      $as_root ln -s /dev/null $unit
      echo 'The system service "etcd" is masked; "systemctl unmask etcd" lets it start.'
    fi
    ;;
esac

$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing
