#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Tells that nobody uses a semaphore. Run it with: sh closed.sh

# sample: closed
ssem show market >/dev/null 2>&1
if [ $? -eq 3 ]; then
  echo 'The market is closed.'
fi
# end of sample
