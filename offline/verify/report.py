"""Checks for the terminal."""

from collections.abc import Sequence
from typing import Any

from offline.tables import print_rows
from offline.verify.check import Check


def print_checks(checks: Sequence[Check]) -> None:
    """A table of all checks, and how many are equal."""
    columns = ("check", "expected", "ours", "equal", "why")
    print_rows("published results, recomputed", columns, [_row(check) for check in checks])
    equal = sum(check.ok is True for check in checks)
    apart = sum(check.ok is False for check in checks)
    print(f"{equal} equal, {apart} not, {len(checks) - equal - apart} skipped")


def _row(check: Check) -> dict[str, Any]:
    return {
        "check": check.check,
        "expected": _said(check.expected),
        "ours": _said(check.ours),
        "equal": check.ok if check.ok == "skipped" else "yes" if check.ok else "NO",
        "why": check.why,
    }


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {figure:g}" for name, figure in value.items())
    return "" if value is None else str(value)
