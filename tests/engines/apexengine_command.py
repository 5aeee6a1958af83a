"""apexengine as people call it."""

import sys

from engines import cli


def apexengine(monkeypatch, *arguments):
    """The exit status."""
    monkeypatch.setattr(sys, "argv", ["apexengine", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code or 0
    return 0
