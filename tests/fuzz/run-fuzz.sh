#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# usage: run-fuzz.sh TARGET CORPUS RUNS THOROUGH-RUNS
#
# Has libFuzzer try TARGET on CORPUS and on that many inputs made from it. What it finds on its way is
# kept as long as it runs, what breaks the target is printed.

set -u

runs=$3
[ -z "${SSEM_TEST_THOROUGH-}" ] || runs=$4

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/found"

"$1" -runs="$runs" -timeout=10 -max_len=2048 -print_final_stats=1 \
  -error_exitcode=1 -timeout_exitcode=1 \
  -artifact_prefix="$scratch/broken-" "$scratch/found" "$2"
status=$?
for broken in "$scratch"/broken-*; do
  [ ! -f "$broken" ] || { echo "What broke it, as base64:"; base64 "$broken"; }
done
exit $status
