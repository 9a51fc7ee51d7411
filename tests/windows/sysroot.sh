#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Builds GLib for Windows, with what it needs, from Debian's source packages.
#
# usage: sysroot.sh [--32-bit] DIRECTORY
#
# DIRECTORY then has the compiled GLib in root/, and in cross.ini what Meson has to know to build for
# Windows with it. For programs of 32 bits these are root-32/ and cross-32.ini, and wine's own part
# for such programs is in wine-32/. What is there already, made by the same version of these files,
# is kept.
#
# Debian packages nothing but zlib for this compiler. libffi and pcre2 become part of GLib's own
# libraries. libintl is one that translates nothing, in proxy-libintl/.

set -eu

cpu=x86_64
family=x86_64
suffix=
if [ "${1-}" = --32-bit ]; then
  cpu=i686
  family=x86
  suffix=-32
  shift
fi
[ $# -eq 1 ] || { echo 'usage: sysroot.sh [--32-bit] DIRECTORY' >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
directory=$(cd "$1" && pwd)
root=$directory/root$suffix
work=$directory/work$suffix
cross=$directory/cross$suffix.ini
host=$cpu-w64-mingw32
suite=bookworm
jobs=$(nproc)

version=$(cd "$here" && cat sysroot.sh cross.ini.in proxy-libintl/* | sha256sum | cut -d ' ' -f 1)
version=$version/$here/$directory
if [ "$(cat "$directory/version$suffix" 2>/dev/null)" = "$version" ]; then
  exit 0
fi

rm -rf "$root" "$work" "$directory/version$suffix"
mkdir -p "$root/bin" "$work"

# apt-get with lists of our own: nothing of the system's changes, and any user may do it.
get()
{
  apt-get -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
    -o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}

# The package sources that this system has, asked for source code.
fetch_sources()
{
  mkdir -p "$work/apt/sources" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$list" ] || continue
    sed -n "/[[:space:]]$suite[[:space:]]/s/^deb[[:space:]]/deb-src /p" "$list" \
      >"$work/apt/sources/$(basename "$list")"
  done
  for list in /etc/apt/sources.list.d/*.sources; do
    [ -f "$list" ] || continue
    if grep -Eq "^Suites:(.*[[:space:]])?$suite([[:space:]]|\$)" "$list"; then
      sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/apt/sources/$(basename "$list")"
    fi
  done
  set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/sources"
  # One of several sources may fail; whether what we need is there, the next command tells.
  get "$@" update || true
  (cd "$work" && get "$@" source --only-source glib2.0/$suite libffi/$suite pcre2/$suite)
}

# Debian's wine for amd64 can run programs of 32 bits, but the libraries that they need are in a
# package for i386. Nothing of it is installed. They find their Linux half beside them. What wine has
# taken for a computer so far has no room for such programs.
fetch_wine()
{
  set -- -o APT::Architectures::=amd64 -o APT::Architectures::=i386
  get "$@" update || true
  (cd "$work" && get "$@" download "libwine:i386=$(dpkg-query -W -f '${Version}' wine64)")
  rm -rf "$directory/wine-32" "$directory/wine"
  mkdir -p "$directory/wine-32"
  dpkg-deb --fsys-tarfile "$work"/libwine_*.deb |
    tar -x -C "$directory/wine-32" --strip-components=5 ./usr/lib/i386-linux-gnu/wine/i386-windows
  ln -s /usr/lib/x86_64-linux-gnu/wine/x86_64-unix "$directory/wine-32/"
}

# Enters the one directory that begins so.
enter()
{
  cd "$work"/"$1"-[0-9]*/
}

build_libffi()
{
  enter libffi
  ./configure --quiet --host=$host --prefix="$root" --libdir="$root/lib" \
    --enable-static --disable-shared --disable-docs --disable-multi-os-directory
  make -s -j"$jobs" install
  # It does not say where the library lies.
  sed -i 's|^Libs:.*|Libs: -L${libdir} -lffi|' "$root/lib/pkgconfig/libffi.pc"
}

build_pcre2()
{
  enter pcre2
  ./configure --quiet --host=$host --prefix="$root" --enable-static --disable-shared \
    CPPFLAGS=-DPCRE2_STATIC
  make -s -j"$jobs" libpcre2-8.la
  make -s install-libLTLIBRARIES install-includeHEADERS install-nodist_includeHEADERS \
    install-pkgconfigDATA lib_LTLIBRARIES=libpcre2-8.la pkgconfig_DATA=libpcre2-8.pc
  sed -i 's|^Cflags:.*|& -DPCRE2_STATIC|' "$root/lib/pkgconfig/libpcre2-8.pc"
}

# Without a way to run programs for Windows: what they would answer here are facts of Linux.
build_glib()
{
  enter glib2.0
  cp -R "$here/proxy-libintl" subprojects/
  # -Dtests=false leaves these in.
  sed -i "/^subdir('fuzzing')/d" meson.build
  sed '/^exe_wrapper/d' "$cross" >"$work/cross.ini"
  meson setup "$work/glib" . --cross-file "$work/cross.ini" --prefix "$root" --libdir lib \
    --buildtype plain --wrap-mode nodownload -Ddefault_library=shared -Dtests=false \
    -Dnls=disabled -Dlibelf=disabled -Dglib_debug=disabled
  ninja -C "$work/glib" -j "$jobs" install
  cp "/usr/$host/lib/zlib1.dll" "$root/bin/"
}

sed -e "s|@ROOT@|$root|g" -e "s|@HERE@|$here|g" -e "s|@DIRECTORY@|$directory|g" \
  -e "s|@HOST@|$host|g" -e "s|@FAMILY@|$family|g" -e "s|@CPU@|$cpu|g" \
  "$here/cross.ini.in" >"$cross"

fetch_sources
(build_libffi)
(build_pcre2)
(build_glib)

if [ -n "$suffix" ]; then
  fetch_wine
fi

rm -rf "$work"
echo "$version" >"$directory/version$suffix"
