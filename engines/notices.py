"""Notices: lines for the user that are no error, such as what could not be kept or what took over."""

import sys
from collections.abc import Callable

OnNotice = Callable[[str], None]


def notify(text: str) -> None:
    """Give the user one line: on stderr, or as `send_notices` has it."""
    _on_notice(text)


def send_notices(on_notice: OnNotice) -> None:
    """Have `notify` call ``on_notice`` from now on: nobody reads the stderr of a process that another one runs."""
    global _on_notice  # noqa: PLW0603
    _on_notice = on_notice


def _print(text: str) -> None:
    print(f"apexcam: {text}", file=sys.stderr)


_on_notice: OnNotice = _print
