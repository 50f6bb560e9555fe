"""Facts about the environment."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import unittest
from importlib.metadata import version

from .worker import HERE


class Facts(unittest.TestCase):
    def test_one_line_with_every_distribution(self) -> None:
        line = subprocess.run(
            [sys.executable, "-m", "rpycbench_workers.facts"],
            cwd=HERE,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        self.assertEqual(line.count("\n"), 1)
        facts = json.loads(line)
        packages = facts.pop("packages")
        self.assertEqual(facts, {"python": platform.python_version(), "implementation": "CPython"})
        self.assertEqual(list(packages), sorted(packages))
        for name in ("rpyc", "flask", "werkzeug", "requests", "plumbum"):
            self.assertEqual(packages[name], version(name))
