"""``apexcam doctor``."""

import sys
from pathlib import Path
from typing import Any

import typer

from realtime.cli.app import AsJson, ConfigFile, Settings, print_json, print_table, table


def doctor(
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: AsJson = False,
) -> None:
    """What this machine can run: landmarks, watching, flow, network, shared memory and ports, timed.

    Exit status 1 when something is broken.

    Example: apexcam doctor --json
    """
    from realtime.machine import doctor as examination

    findings = examination.installation() or _examined(config, set_)
    if as_json:
        print_json(findings)
    else:
        print_table(_doctor_table(findings))
    if any(one.verdict == "broken" for one in findings):
        raise typer.Exit(1)


def _examined(config: Path | None, set_: list[str] | None) -> list[Any]:
    from realtime import config as configuration
    from realtime.machine import doctor as examination

    loaded = configuration.load(config, set_ or ())
    if not sys.stderr.isatty():
        return examination.examine(loaded)
    from rich.console import Console

    with Console(stderr=True).status("looking") as status:
        return examination.examine(loaded, looking=lambda name: status.update(f"looking at {name}"))


def _doctor_table(findings: list[Any]) -> Any:
    from rich.text import Text

    shown = table("", "what", "found", "ms p50", "ms p99", "advice")
    for one in findings:
        colour = {"ok": "green", "slow": "yellow", "missing": "yellow", "broken": "red"}[one.verdict]
        times = ("" if ms is None else f"{ms:.2f}" for ms in (one.ms_p50, one.ms_p99))
        shown.add_row(Text(one.verdict, style=colour), *map(Text, (one.what, one.found, *times, one.advice)))
    return shown
