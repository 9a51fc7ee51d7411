#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# A script that runs once for each user. Run it with: sh single-instance.sh

# sample: single-instance
if [ -z "$NOTES_IS_HELD" ]; then
  export NOTES_IS_HELD=yes
  exec ssem run --nonblock org.example.Notes -- sh "$0" "$@"
fi
# end of sample

echo 'Notes is running. Press Enter to end it.'
read -r _
