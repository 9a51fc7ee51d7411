#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Three units: one that Enter gives back, and then all of them, so that a fourth does not come in
# time, which is an error. Run it with: sh market.sh

# sample: market
ssem run --count 3 market -- sh -c 'echo "One of three is ours; Enter gives it back."; read -r _'
# end of sample

# sample: timeout
ssem run --count 3 --units 3 market -- ssem run --wait 0.1 market -- echo 'Here is a fourth one.'
# end of sample
