"""Events, and nothing else, on stdout."""

from __future__ import annotations

import subprocess
import sys
import unittest

from .worker import HERE

SCRIPT = """
import os
from rpycbench_workers.events import Events, Failure
print("before")
events = Events.instead_of_stdout()
print("noise of a library")
os.write(1, b"noise of another\\n")
events.emit("armed", recording="\u00e9\\n")
events.failed(Failure("bind", "taken"))
"""


class OnStdout(unittest.TestCase):
    def test_what_libraries_print_goes_to_stderr(self) -> None:
        run = subprocess.run(
            [sys.executable, "-u", "-c", SCRIPT], cwd=HERE, capture_output=True, check=True
        )
        self.assertEqual(
            run.stdout.splitlines(),
            [
                b"before",
                b'{"event": "armed", "recording": "\\u00e9\\n"}',
                b'{"event": "failed", "phase": "bind", "reason": "taken"}',
            ],
        )
        self.assertEqual(
            sorted(run.stderr.splitlines()), [b"noise of a library", b"noise of another"]
        )
