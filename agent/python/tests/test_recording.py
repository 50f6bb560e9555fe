"""Recordings that another process can open, in memory or where there is none, in a file."""

from __future__ import annotations

import os
import unittest
from unittest import mock

from rpycbench_workers.events import Failure
from rpycbench_workers.recording import CALL, CONNECTION, PORT, PORT_AT, ROW_BYTES, Recording

from .worker import Row, Samples


class Recordings(unittest.TestCase):
    def check(self, recording: Recording) -> None:
        self.addCleanup(recording.close)
        samples = Samples(self, recording.path)
        self.assertEqual(samples.rows(), [Row(0, 0, 0, 0, 0, 0)] * 300)
        CALL.pack_into(recording.memory, 7 * ROW_BYTES, 1, 2**62, 0, 4)
        PORT.pack_into(recording.memory, 8 * ROW_BYTES + PORT_AT, 40000)
        CONNECTION.pack_into(recording.memory, 299 * ROW_BYTES, 1, 6, 2, 0, 3, 5, 7)
        self.assertEqual(samples.rows()[7], Row(1, 2**62, 0, 4, 0, 0))
        self.assertEqual(samples.rows()[8], Row(0, 0, 0, 0, 0, 0, 40000))
        self.assertEqual(samples.rows()[299], Row(1, 6, 2, 0, 3, 5, 7))

    def test_in_memory(self) -> None:
        self.check(Recording(300))

    def test_in_a_file_that_goes_away(self) -> None:
        with mock.patch.object(os, "memfd_create", create=True) as absent:
            del absent
            del os.memfd_create
            recording = Recording(300)
        self.check(recording)
        self.assertTrue(os.path.isfile(recording.path))
        recording.close()
        self.assertFalse(os.path.exists(recording.path))

    def test_touching_keeps_to_its_rows(self) -> None:
        recording = Recording(300)
        for row in range(300):
            CALL.pack_into(recording.memory, row * ROW_BYTES, -1, -1, -1, -1)
        recording.touch(100, 100)
        rows = Samples(self, recording.path).rows()
        untouched = Row(-1, -1, -1, -1, 0, 0)
        self.assertEqual(rows[:100] + rows[200:], [untouched] * 200)
        self.assertNotEqual(rows[100], untouched)

    def test_a_recording_too_large_for_the_host_is_refused_before_it_is_reserved(self) -> None:
        # Nothing may be reserved here even if the check is broken, for that takes the host down.
        with (
            mock.patch.object(os, "memfd_create", side_effect=AssertionError("reserved")),
            self.assertRaises(Failure) as caught,
        ):
            Recording(2**57)
        self.assertEqual(caught.exception.phase, "recording")
        self.assertIn("no room for 144115188075855872 rows", caught.exception.reason)
