"""``python -m tests.without_memfd``: a server where the kernel has no files in memory."""

from __future__ import annotations

import os
import sys

if hasattr(os, "memfd_create"):
    del os.memfd_create

from rpycbench_workers.serve import main

if __name__ == "__main__":
    sys.exit(main())
