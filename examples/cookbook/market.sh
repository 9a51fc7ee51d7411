#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Holds one of three units until Enter is pressed. Then holds all three, and waits for a fourth
# unit. The wait times out, so the exit status is 124. Run it with: sh market.sh

# sample: market
ssem run --count 3 market -- sh -c 'echo "You have a unit. Press Enter to release it."; read -r _'
# end of sample

# sample: timeout
ssem run --count 3 --units 3 market -- ssem run --wait 0.1 market -- echo 'This is not printed.'
# end of sample
