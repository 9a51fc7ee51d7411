#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command, at most three at the same time. Run it with:
# sh jobs.sh COMMAND...

# sample: jobs
exec ssem run --count 3 convert -- "$@"
# end of sample
