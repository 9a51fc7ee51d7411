#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Prints a message if a semaphore does not exist. Run it with: sh closed.sh

# sample: closed
ssem show market >/dev/null 2>&1
if [ $? -eq 3 ]; then
  echo 'The semaphore does not exist.'
fi
# end of sample
