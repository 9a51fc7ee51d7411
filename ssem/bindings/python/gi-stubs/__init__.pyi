# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from typing import Any

def require_version(namespace: str, version: str) -> None: ...

# The other names of PyGObject are not described here.
def __getattr__(name: str) -> Any: ...
