"""The command: runs the table of checks, prints what came of it, and says by its status whether one failed."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engines.errors import InputError
from engines.files import check_file, write_bytes
from engines.proof import report
from engines.proof.check import Check
from engines.proof.running import counted, run
from engines.proof.table import CHECKS

# With the grace of the last check, five minutes in seconds.
WITHIN = 240.0


def prove(
    *, as_json: bool = False, out: Path | None = None, quick: bool = False, checks: Sequence[Check] = CHECKS
) -> int:
    """Run every check of the GPU that this machine allows, in five minutes; the rest is skipped with its reason.

    ``out``: a file for the JSON as well. Returns 0 when no check failed, 1 when one did. Raises InputError where
    ``out`` cannot be written.
    """
    if out is not None:
        check_file("--out", out)
    began = time.monotonic()
    results = []
    for result in run(checks, quick=quick, within=WITHIN):
        results.append(result)
        print(report.line(result), file=sys.stderr, flush=True)
    made = report.as_data(results, time.monotonic() - began, quick=quick)
    text = json.dumps(made, indent=1)
    if out is not None:
        try:
            write_bytes(out, f"{text}\n".encode())
        except OSError as error:
            raise InputError(f"--out {out}: cannot be written: {error.strerror or error}") from None
    if as_json:
        print(text)
    else:
        report.show(made)
    return 1 if counted(results, "failed") else 0
