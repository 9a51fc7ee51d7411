#!/bin/sh
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command outside a Flatpak, with the semaphore that the application's instances share. Run
# it with: sh beside-flatpak.sh COMMAND...

# sample: beside-flatpak
export SSEM_RUNTIME_DIR="$XDG_RUNTIME_DIR/app/org.example.Convert/ssem"
mkdir -p -m 700 "$SSEM_RUNTIME_DIR"
exec ssem run --count 3 convert -- "$@"
# end of sample
