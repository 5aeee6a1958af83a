"""A live run with stand-in stages in a process of its own: ``program.py '{"source": ..., "report": ...}'``."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "realtime"))

import live_fakes

from engines.errors import InputError
from realtime import config
from realtime.live.coordinator import run
from realtime.live.options import Options
from realtime.live.screen import PlainLines
from realtime.processes import table


def main(asked: dict[str, Any]) -> int:
    for limit in ("silent_s", "hello_s"):
        for name, seconds in asked.get(limit, {}).items():
            role = getattr(table, name.upper())
            setattr(table, name.upper(), dataclasses.replace(role, **{limit: seconds}))
    settings = ["bus.endpoint=tcp://127.0.0.1:*", "dashboard.open=false", *asked.get("settings", ())]
    record = asked.get("record")
    options = Options(
        sources=(asked["source"],),
        config=config.load(None, settings),
        duration_s=asked.get("duration_s"),
        dashboard=asked.get("dashboard", False),
        record=None if record is None else Path(record),
        report=Path(asked["report"]),
        stages=live_fakes.STAGES,
    )
    return run(options, PlainLines())


if __name__ == "__main__":
    try:
        sys.exit(main(json.loads(sys.argv[1])))
    except InputError as error:
        print(f"apexcam: {error}", file=sys.stderr)
        sys.exit(2)
