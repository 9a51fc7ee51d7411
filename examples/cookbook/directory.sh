#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command for each text file of a directory, three at a time. Run it with:
# sh directory.sh DIRECTORY COMMAND...

directory=$1
shift

# sample: directory
for file in "$directory"/*.txt; do
  ssem run --count 3 convert -- "$@" "$file" &
done
wait
# end of sample
