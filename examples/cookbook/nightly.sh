#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command, unless this script already runs one. Run it with: sh nightly.sh COMMAND...

# sample: nightly
exec ssem run --nonblock --conflict-exit-code 75 nightly -- "$@"
# end of sample
