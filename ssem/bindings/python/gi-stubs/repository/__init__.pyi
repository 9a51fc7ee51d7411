# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from typing import Any

# The types of the other modules are not described here.
def __getattr__(name: str) -> Any: ...
