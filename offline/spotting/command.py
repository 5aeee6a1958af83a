"""`apexbench spot`: which videos, measured how, and what is written of them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engines.errors import InputError
from engines.face import FaceSettings
from engines.files import write_bytes
from engines.spotting import SpottingSettings
from engines.spotting.detector import open_network
from offline.progress import Progress
from offline.spotting.batch import measure_all
from offline.spotting.measure import Measured, Setup
from offline.spotting.rendered import Knobs, RenderedVideo
from offline.spotting.truth import Video
from offline.writing import writing

METHODS = ("motion", "interframe", "dcrois")
# Neutral videos have faces of their own.
_NEUTRAL_SEEDS = 1000


@dataclass(frozen=True)
class Rendering:
    """What to render: a video a seed and frame rate, and half as many neutral ones."""

    seeds: tuple[int, ...]
    seconds: float
    rates: tuple[float, ...]
    sweep: bool = False
    lively: bool = False

    def videos(self) -> list[RenderedVideo]:
        """All of them, frame rate by frame rate."""
        made = []
        for fps in self.rates:
            knobs = Knobs(fps=fps, seconds=self.seconds, lively=self.lively)
            made += [RenderedVideo(seed, knobs) for seed in self.seeds]
            neutral = replace(knobs, neutral=True)
            few = self.seeds[: (len(self.seeds) + 1) // 2]
            made += [RenderedVideo(seed + _NEUTRAL_SEEDS, neutral) for seed in few]
        return made


def setup_of(method: str, network: Path | None = None, alarms_per_minute: float | None = None) -> Setup:
    """The shipped settings with another method, network or number of alarms. InputError where that cannot be."""
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: choose from {', '.join(METHODS)}")
    settings = SpottingSettings(method=method)  # type: ignore[arg-type]  # checked above
    if network is not None:
        settings = msgspec.structs.replace(settings, model=_opened(network))
    if alarms_per_minute is not None:
        if not 0 < alarms_per_minute < np.inf:
            raise InputError(f"--alarms {alarms_per_minute:g}: give alarms a minute, more than 0")
        settings = msgspec.structs.replace(settings, alarms_per_minute=alarms_per_minute)
    return Setup(settings, FaceSettings())


def with_network(setup: Setup, network: str) -> Setup:
    """The same with another network. Raises InputError where it cannot be opened."""
    return replace(setup, spotting=msgspec.structs.replace(setup.spotting, model=_opened(Path(network))))


def _opened(network: Path) -> str:
    open_network(network)
    return str(network)


def spot_rendered(
    rendering: Rendering, setup: Setup, out: Path, jobs: int, progress: Progress | None = None
) -> dict[str, Any]:
    """Measure rendered videos, write results.json, events.csv and report.html into ``out``, return the results."""
    from offline.spotting import sweep

    began = time.monotonic()
    videos = rendering.videos()
    points = sweep.plan(rendering.seeds, rendering.seconds, rendering.rates[0]) if rendering.sweep else []
    swept = {video.name: video for point in points for video in point.videos}
    everything: Sequence[Video] = [*videos, *swept.values()]
    measured = {m.name: m for m in measure_all(everything, setup, out, jobs, progress)}
    main = [measured[video.name] for video in videos]
    from offline.spotting.results import summarise, watched

    results = summarise(main, setup, "rendered")
    results["rendered"] = {"seeds": list(rendering.seeds), "seconds": rendering.seconds}
    if rendering.lively:
        results["rendered"]["lively"] = True
    if points:
        results["sweep"] = [
            sweep.row(point, [watched(measured[video.name]) for video in point.videos]) for point in points
        ]
    return _written(results, main, out, began)


def spot_recorded(
    data: Path, layout: str | None, setup: Setup, out: Path, jobs: int, progress: Progress | None = None
) -> dict[str, Any]:
    """Measure a database of long videos, write results.json, events.csv and report.html, and the intervals
    as MEGC takes them (see `megc_files`); return the results.
    """
    from offline.spotting.long_videos import load_database
    from offline.spotting.megc import spans_of
    from offline.spotting.megc_files import write_intervals

    began = time.monotonic()
    database = load_database(data, layout)
    measured = measure_all(database.videos, setup, out, jobs, progress)
    from offline.spotting.results import summarise, watched

    results = summarise(measured, setup, database.layout, database.notes)
    _written(results, measured, out, began)
    write_intervals(*spans_of([watched(m) for m in measured]), out)
    return results


def _written(
    results: dict[str, Any], measured: Sequence[Measured], out: Path, began: float
) -> dict[str, Any]:
    from offline.spotting.report import page
    from offline.spotting.results import events_csv

    results["seconds"] = round(time.monotonic() - began, 1)
    write_results(results, events_csv(measured), page(results, measured), out)
    return results


def write_results(results: dict[str, Any], events: str, page: str, out: Path) -> None:
    """Write results.json, events.csv and report.html. Raises InputError where ``out`` cannot be written to."""
    with writing(out, "all videos are kept"):
        write_bytes(out / "events.csv", events.encode())
        write_bytes(out / "report.html", page.encode())
        write_bytes(out / "results.json", (json.dumps(results, indent=1) + "\n").encode())


def lines(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The results as rows of a table for the terminal."""
    rows = []
    for group, scores in results["metrics"].items():
        for kind in ("micro", "macro", "blink"):
            if kind in scores:
                s = scores[kind]
                rows.append(
                    {
                        "videos": "all" if group == "full" else group,
                        "kind": kind,
                        "true": s["performed"],
                        "told": s["spotted"],
                        "precision": s["precision"],
                        "recall": s["recall"],
                        "F1": s["f1"],
                        "apex fr": s["apex_mae_frames"],
                        "apex ms": s["apex_mae_ms"],
                        "ASR": s["asr"],
                    }
                )
    return rows


def sentences(results: dict[str, Any]) -> list[str]:
    """What a table of rows cannot say: neutral videos, classes, apex rules, notes."""
    said = []
    for group, scores in results["metrics"].items():
        of = "" if group == "full" else f" at {group}"
        if neutral := scores["neutral"]:
            causes = ", ".join(f"{n} {cause}" for cause, n in neutral["micro"]["by_cause"].items())
            said.append(
                f"neutral video{of}: {neutral['micro']['per_minute']:.2f} false micro a minute in "
                f"{neutral['minutes']:.1f} minutes" + (f" ({causes})" if causes else "")
            )
        overall = {counting: kinds["overall"] for counting, kinds in scores["megc"].items()}
        if overall["official"]["labels"]:
            said.append(
                f"as the MEGC counts{of}, micro and macro: F1 {overall['official']['f1']:.4f} by labels found, "
                f"{overall['lines']['f1']:.4f} by lines, {overall['strict']['f1']:.4f} one to one"
            )
        if named := scores["recognition"]:
            said.append(
                f"named{of}: {named['acc']:.3f} of {named['named']} hits rightly, UF1 {named['uf1']:.3f}, "
                f"STRS {named['strs']:.3f}"
            )
    for rate in sorted({r["fps"] for r in results["apex_rules"]}, reverse=True):
        rules = [r for r in results["apex_rules"] if r["fps"] == rate]
        said.append(
            f"apex error in frames, {rate:g} fps: "
            + ", ".join(f"{r['rule']} {r['mae_frames']:.2f}" for r in rules)
        )
    return said + [f"note: {note}" for note in results["notes"]]
