"""Runs checks one after the other, each in a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from engines import cuda
from engines.proof.check import Check, Result

ROOT = Path(__file__).parents[2]
# How much longer than the whole a check that has begun may take, in seconds.
GRACE = 40.0
_OVER = "the time is over"


def run(checks: Sequence[Check], *, quick: bool, within: float) -> Iterator[Result]:
    """The results in order; what has not begun ``within`` so many seconds, or ended soon after, is skipped.

    All share one empty cache folder, so that what is compiled is compiled for this run.
    """
    end = time.monotonic() + within
    with tempfile.TemporaryDirectory(prefix="apexcam-proof-") as folder:
        for check in checks:
            left = end - time.monotonic()
            if reason := _why_not(check, left):
                yield Result(check, "skipped", reason)
            else:
                yield _result(check, quick, Path(folder), left + GRACE)


def _why_not(check: Check, left: float) -> str:
    for name in check.needs:
        if not installed(name):
            return f"{name} is not installed"
    if check.gpu and (reason := cuda.missing()):
        return reason
    return "" if left > 0 else _OVER


def installed(module: str) -> bool:
    """Whether a module is here, without importing more than the package it lies in."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _result(check: Check, quick: bool, folder: Path, left: float) -> Result:
    answer = folder / "result.json"
    answer.unlink(missing_ok=True)
    words = ["engines.proof.one", str(answer), "quick" if quick else "full", check.function, *check.given]
    began = time.monotonic()
    try:
        done = start(words, folder / "cache", min(check.seconds, left))
    except subprocess.TimeoutExpired:
        if left < check.seconds:
            return Result(check, "skipped", _OVER, {}, left)
        return Result(check, "failed", f"no answer within {check.seconds:g} s", {}, check.seconds)
    seconds = time.monotonic() - began
    try:
        found = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Result(check, "failed", ended(done), {}, seconds)
    return Result(check, found["state"], found["reason"], found["figures"], seconds)


def start(words: Sequence[str], cache: Path, seconds: float) -> "subprocess.CompletedProcess[str]":
    """Run a module in a fresh process with this cache folder. Raises TimeoutExpired."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "APEXCAM_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, "-m", *words],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
    )


def ended(done: "subprocess.CompletedProcess[str]") -> str:
    """How a process ended that gave no answer, in one line."""
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
    said = done.stderr.strip().splitlines()
    return f"its process ended with {how}" + (f": {said[-1][:200]}" if said else "")


def counted(results: Sequence[Result], state: str) -> int:
    """How many results are of a state."""
    return sum(result.state == state for result in results)
