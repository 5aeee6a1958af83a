"""apexbench as people call it."""

import sys

from offline import cli


def call(monkeypatch, capsys, *arguments):
    """Exit status, and what went to stdout and to stderr."""
    monkeypatch.setattr(sys, "argv", ["apexbench", *map(str, arguments)])
    try:
        cli.main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err
