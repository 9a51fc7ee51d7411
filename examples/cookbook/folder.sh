#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command for each text file of a folder, three at a time. Run it with:
# sh folder.sh FOLDER COMMAND...

folder=$1
shift

# sample: folder
for file in "$folder"/*.txt; do
  ssem run --count 3 convert -- "$@" "$file" &
done
wait
# end of sample
