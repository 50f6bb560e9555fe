"""Reasons: one line each, and few."""

from __future__ import annotations

import unittest

from rpycbench_workers.reasons import LONGEST, MOST, Reasons, WrongReply, describe


class Describe(unittest.TestCase):
    def test_type_and_message(self) -> None:
        self.assertEqual(
            describe(EOFError("stream has been closed")), "EOFError: stream has been closed"
        )
        self.assertEqual(describe(EOFError()), "EOFError")
        self.assertEqual(describe(WrongReply("HTTP 500", 3)), "HTTP 500")

    def test_equal_failures_read_the_same(self) -> None:
        self.assertEqual(
            describe(OSError(f"<{object.__name__} object at 0x7f0012ab>: refused")),
            "OSError: <object object>: refused",
        )

    def test_one_short_line(self) -> None:
        text = describe(ValueError("first\n  second " + "x" * 1000 + " because"))
        self.assertRegex(text, "^ValueError: first second x+ [.]{3} x+ because$")
        self.assertEqual(len(text), LONGEST)


class Status(unittest.TestCase):
    def test_counts_from_one_and_repeats(self) -> None:
        reasons = Reasons()
        errors = (EOFError("a"), EOFError("b"), EOFError("a"))
        self.assertEqual([reasons.status(error) for error in errors], [1, 2, 1])
        self.assertEqual(reasons.texts, ["EOFError: a", "EOFError: b"])

    def test_beyond_the_limit_only_types_are_kept(self) -> None:
        reasons = Reasons()
        for number in range(MOST):
            reasons.status(ValueError(number))
        late = [
            reasons.status(error)
            for error in (ValueError("x"), KeyError("y"), ValueError("z"), ValueError(0))
        ]
        self.assertEqual(late, [MOST + 1, MOST + 2, MOST + 1, 1])
        self.assertEqual(
            reasons.texts[MOST:],
            [
                "ValueError (further reasons not kept apart)",
                "KeyError (further reasons not kept apart)",
            ],
        )
