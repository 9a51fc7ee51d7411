#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# usage: run-fuzz.sh TARGET CORPUS RUNS THOROUGH-RUNS
#
# Has libFuzzer try TARGET on CORPUS and on that many inputs made from it; with SSEM_TEST_THOROUGH in
# the environment, on the other number of them, by a process on each processor. What they find on
# their way is kept as long as they run, what breaks the target is printed, and so is how many inputs
# there were: less than that many is a failure.

set -u

target=$(realpath "$1")
corpus=$(realpath "$2")
runs=$3
n_jobs=1
if [ -n "${SSEM_TEST_THOROUGH-}" ]; then
  runs=$4
  n_jobs=$(nproc)
fi

# In memory, where there is such a directory. A target that breaks leaves its own directory within.
scratch=$(mktemp -d -p /dev/shm ssem-fuzz-XXXXXX 2>/dev/null) || scratch=$(mktemp -d) || exit 1
export TMPDIR="$scratch"
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/found"

# libFuzzer's entropic schedule takes up to half of the time where inputs are as short as here.
run()
{
  "$target" -runs=$(((runs + n_jobs - 1) / n_jobs)) -entropic=0 -timeout=10 -max_len=2048 \
    -print_final_stats=1 -error_exitcode=1 -timeout_exitcode=1 \
    -artifact_prefix="$scratch/broken-" "$@" "$scratch/found" "$corpus"
}

cd "$scratch" || exit 1
began=$(date +%s)
if [ "$n_jobs" -gt 1 ]; then
  # Each writes to fuzz-NUMBER.log.
  run -jobs="$n_jobs" -workers="$n_jobs" >jobs.log 2>&1
else
  run >fuzz-0.log 2>&1
fi
status=$?
seconds=$(($(date +%s) - began))
cat fuzz-*.log

for broken in "$scratch"/broken-*; do
  [ ! -f "$broken" ] || { echo "What broke it, as base64:"; base64 "$broken"; }
done

n_inputs=$(awk '/^stat::number_of_executed_units:/ { sum += $2 } END { print sum + 0 }' fuzz-*.log)
echo "$n_inputs inputs in $seconds seconds, by $n_jobs processes"
[ "$n_inputs" -ge "$runs" ] || status=1
exit $status
