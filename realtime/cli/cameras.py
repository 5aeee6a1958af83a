"""``apexcam cameras``."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from engines.installation import check_opencv
from realtime.cli.app import (
    AsJson,
    ConfigFile,
    Settings,
    check_finite,
    print_json,
    print_table,
    say,
    table,
)


def cameras(
    measure: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Measure each size for so many seconds; 0: list only.")
    ] = 2.0,
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: AsJson = False,
) -> None:
    """What is plugged in, what it promises and what it really delivers, size by size.

    Example: apexcam cameras --measure 5
    """
    check_opencv()
    from realtime import config as configuration
    from realtime.sources import cameras as plugged

    check_finite(measure=measure)
    asked = configuration.load(config, set_ or ()).source
    rows = [camera_row(device, asked, measure, say) for device in plugged.list_cameras()]
    if as_json:
        print_json(rows)
        return
    if not rows:
        print("no camera is plugged in; apexcam live takes a video, an image folder, a URL or demo as well")
        return
    print_table(camera_table(rows))


def camera_table(rows: list[dict[str, Any]]) -> Any:
    """A line for each size of each camera: what is promised, granted, delivered."""
    from rich.text import Text

    rows_shown = table(
        "camera", "name", "size", "promised", "granted", "delivered", "jitter p99", "lost", "advice"
    )
    for row in rows:
        who = (str(row["index"]), row["name"])
        for mode in row["measured_modes"] or [{}]:
            size = f"{mode['width']}x{mode['height']}" if mode else row["modes"]
            promised = f"{mode['promised_fps']:g} fps" if mode.get("promised_fps") else ""
            cells: tuple[str, ...] = ("", "", "", "")
            if mode.get("granted"):
                jitter = f"{mode['jitter_p99_ms']:g} ms"
                cells = (mode["granted"], f"{mode['delivered_fps']:g} fps", jitter, str(mode["gaps"]))
            rows_shown.add_row(*map(Text, (*who, size, promised, *cells, mode.get("advice", row["advice"]))))
            who = ("", "")
    return rows_shown


def camera_row(
    device: Any, asked: Any, seconds: float, report: Callable[[str], None] = lambda text: None, **how: Any
) -> dict[str, Any]:
    """A camera: the size first_size first, then every other size it has; all measured unless ``seconds`` is 0."""
    from realtime.sources import cameras as plugged

    best: dict[str, float] = {}
    for mode in device.modes:
        name = f"{mode.fourcc} {mode.width}x{mode.height}".strip()
        best[name] = max(best.get(name, 0.0), mode.fps)
    row: dict[str, Any] = {
        "index": device.index,
        "path": device.path,
        "name": device.name,
        "modes": ", ".join(f"{name} {fps:g}" for name, fps in best.items()),
        "holders": list(device.holders),
        "granted": None,
        "delivered_fps": None,
        "jitter_p99_ms": None,
        "gaps": None,
        "advice": "",
        "measured_modes": [],
    }
    if seconds <= 0:
        return row
    there = plugged.sizes(device)
    first_size = (asked.width, asked.height, asked.fps)
    for size in [first_size, *(one for one in there if one[:2] != first_size[:2])]:
        report(f"measuring {device.name} at {size[0]}x{size[1]}")
        found = plugged.measure_size(device, size, seconds, **how)
        mode = {
            "width": size[0],
            "height": size[1],
            "promised_fps": next((fps for *place, fps in there if tuple(place) == size[:2]), 0.0),
            "granted": None,
            "delivered_fps": None,
            "jitter_p99_ms": None,
            "gaps": None,
            "advice": found.advice,
        }
        if found.granted is not None and found.measured is not None:
            granted, measured = found.granted, found.measured
            mode |= {
                "granted": f"{granted.fourcc} {granted.width}x{granted.height} {granted.fps:g} fps".strip(),
                "delivered_fps": round(measured.fps, 2),
                "jitter_p99_ms": round(measured.jitter_p99_ms, 2),
                "gaps": measured.gaps,
            }
        row["measured_modes"].append(mode)
        if found.granted is None and size == first_size:
            # In use or not permitted: every other size would say so again.
            break
    first = row["measured_modes"][0]
    row |= {name: first[name] for name in ("granted", "delivered_fps", "jitter_p99_ms", "gaps", "advice")}
    return row
