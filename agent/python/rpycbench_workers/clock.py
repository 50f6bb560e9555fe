"""The clock of every stamp, here and on the server's side."""

from __future__ import annotations

import time
from typing import Final

now = time.clock_gettime_ns
CLOCK: Final = time.CLOCK_MONOTONIC_RAW
"""Never slewed, and one for all processes of the host; in nanoseconds by `now(CLOCK)`."""
