"""apexbench as people call it."""

import io
import json
import sys
from contextlib import suppress

import pytest

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


def results(*arguments):
    """What it prints with --json, read; for fixtures that outlive a test."""
    patch, stream = pytest.MonkeyPatch(), io.StringIO()
    patch.setattr(sys, "argv", ["apexbench", *map(str, arguments), "--json"])
    patch.setattr(sys, "stdout", stream)
    try:
        with suppress(SystemExit):
            cli.main()
    finally:
        patch.undo()
    return json.loads(stream.getvalue())
