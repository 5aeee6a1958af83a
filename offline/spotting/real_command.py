"""`apexbench spot --real`: which videos, with what implanted, and what is written of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engines.errors import InputError
from offline.pages import number
from offline.progress import Progress
from offline.spotting.batch import Tick, each, measure_all
from offline.spotting.command import with_network, write_results
from offline.spotting.footage import find_videos
from offline.spotting.keep import keep_clip, keep_truth
from offline.spotting.learning import left_out
from offline.spotting.learning.left_out import Video
from offline.spotting.learning.sources import read_people
from offline.spotting.measure import Setup
from offline.spotting.real import ImplantedVideo, Implants, RealVideo

NOT_ANNOTATED = (
    "Without annotation: an alarm may be real. These videos were not looked through by a coder; the rate says how "
    "often the spotter raises an alarm, not how often it is wrong."
)

LEFT_OUT = (
    "Each video was watched by a network trained without the person in it; the threshold, common to all, is of the "
    "scores of all people left out."
)


@dataclass(frozen=True)
class Plan:
    """``place``: a folder of videos, or one. ``implants``: none leaves the videos as they are; ``seeds`` draw them,
    one more round of videos each. ``keep``: a folder for the implanted videos. ``people``: a CSV file,person; each
    video is another person without it. ``left_out``: a folder of networks trained with people left out, which also
    says who is in which video.
    """

    place: Path
    implants: Implants | None = None
    seeds: tuple[int, ...] = (1,)
    keep: Path | None = None
    people: Path | None = None
    left_out: Path | None = None

    def __post_init__(self) -> None:
        if self.keep is not None and self.implants is None:
            raise InputError("--keep writes videos with micro-expressions implanted: give --implant too")


def spot_real(
    plan: Plan, setup: Setup, out: Path, jobs: int, progress: Progress | None = None
) -> dict[str, Any]:
    """Measure real videos, write results.json, events.csv and report.html into ``out``, return the results.

    Raises InputError where there is no video, one cannot be read, or nothing can be written.
    """
    began = time.monotonic()
    real = [RealVideo(path, out / "faces") for path in find_videos(plan.place)]
    networks = _networks(plan, real)
    people = _people(plan, real, networks)
    _see(real, jobs, progress)
    implanted: list[ImplantedVideo] = []
    if plan.implants is not None:
        implanted = [ImplantedVideo(video, seed, plan.implants) for seed in plan.seeds for video in real]
    watched: list[tuple[RealVideo | ImplantedVideo, RealVideo]] = [(video, video) for video in real]
    watched += [(video, video.real) for video in implanted]
    others = {
        video.name: with_network(setup, networks[one.name].network)
        for video, one in watched
        if one.name in networks
    }
    every = measure_all([*real, *implanted], setup, out, jobs, progress, others)
    measured = {m.name: m for m in every}
    if plan.keep is not None:
        _keep(implanted, plan.keep, jobs, progress)
    from offline.spotting.real_report import page
    from offline.spotting.real_results import Watching, implant_section, micro_only, real_section
    from offline.spotting.results import events_csv, summarise

    plain = [Watching(video, measured[video.name]) for video in real]
    changed = [Watching(video, measured[video.name]) for video in implanted]
    scored = [micro_only(w.measured) for w in changed or plain]
    notes = [NOT_ANNOTATED, *([LEFT_OUT] if networks else [])]
    results = summarise(scored, setup, "real", notes, by_rate=False)
    if networks:
        results["left_out"] = {name: Path(one.network).name for name, one in networks.items()}
    results["real"] = real_section(plain, people)
    if plan.implants is not None:
        results["implanted"] = implant_section(changed, plan.implants, plan.seeds, people)
    results["seconds"] = round(time.monotonic() - began, 1)
    everything = events_csv([w.measured for w in (*plain, *changed)], unanswered="told")
    write_results(results, everything, page(results, plain, changed), out)
    return results


def _networks(plan: Plan, videos: Sequence[RealVideo]) -> dict[str, Video]:
    """The network that has not seen the person, by the video's name; empty where one network watches all.

    Raises InputError for a video whose person no network leaves out.
    """
    if plan.left_out is None:
        return {}
    known = left_out.read(plan.left_out)
    for video in videos:
        if video.digest not in known:
            raise InputError(
                f"{video.path}: no network in {plan.left_out} was trained without this video; "
                "take it away, or use --network"
            )
    return {video.name: known[video.digest] for video in videos}


def _people(plan: Plan, videos: Sequence[RealVideo], networks: Mapping[str, Video]) -> dict[str, str]:
    """Who is in each video, by its name."""
    people = {video.name: networks[video.name].person if networks else video.name for video in videos}
    return people if plan.people is None else {**people, **read_people(plan.people, list(people))}


def _see(videos: Sequence[RealVideo], jobs: int, progress: Progress | None) -> None:
    """Look for the faces of the videos that were not looked at yet."""
    todo = [video for video in videos if not video.seen()]
    _with_bar(_seen, todo, [video.promised() for video in todo], jobs, progress)


def _seen(video: RealVideo, tick: Tick) -> None:
    video.see(tick)


def _keep(videos: Sequence[ImplantedVideo], folder: Path, jobs: int, progress: Progress | None) -> None:
    _with_bar(partial(keep_clip, folder=folder), videos, [video.count for video in videos], jobs, progress)
    keep_truth(videos, folder)


def _with_bar(
    work: Callable[[Any, Tick], Any],
    videos: Sequence[Any],
    frames: Sequence[int],
    jobs: int,
    progress: Progress | None,
) -> None:
    total = sum(frames)

    def show(done: int) -> None:
        if progress and total:
            progress(min(done, total), total)

    each(work, videos, jobs, lambda _: None, show)


def lines(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Alarms by video, and of all together, as rows of a table for the terminal."""
    rows = [*results["real"]["videos"], {"name": "all", **results["real"]["total"]}]

    def a_minute(row: dict[str, Any], word: str) -> str:
        return number(row[f"{word}_per_minute"], 1)

    return [
        {
            "video": row["name"],
            "usable s": number(row["usable_s"], 1),
            "told": row["told"],
            "named": row["named"],
            **{f"{word}/min": a_minute(row, word) for word in ("told", "named", "macro", "blink")},
        }
        for row in rows
    ]


def sentences(results: dict[str, Any]) -> list[str]:
    """What the table of alarms cannot say: the interval, activities, refusals, what was found of the implants."""
    real = results["real"]
    total, said = real["total"], []
    for word in ("told", "named"):
        if (ends := total[f"{word}_per_minute_ci95"]) is not None:
            said.append(
                f"{word} a minute: {total[f'{word}_per_minute']:.2f}, 95 % of resamples over people {ends[0]:.2f} to "
                f"{ends[1]:.2f} (seed {total['bootstrap']['seed']})"
            )
    for row in real["by_activity"]:
        if row["told_per_minute"] is not None:
            said.append(f"during {row['activity']}: {row['told_per_minute']:.2f} alarms a minute")
    said += _counted("refused", real["refused"])
    if implanted := results.get("implanted"):
        said += _implanted(implanted)
    return [*said, *(f"note: {note}" for note in results["notes"])]


def _implanted(found: dict[str, Any]) -> list[str]:
    said = [f"implanted: {found['hits']} of {found['implanted']} found ({_percent(found['recall'])})"]
    for name, key in (("by_size", "size_px"), ("by_activity", "activity")):
        parts = ", ".join(f"{row[key]} {row['hits']}/{row['implanted']}" for row in found[name])
        said.append(f"found by {key.replace('size_px', 'size (px)')}: {parts}")
    if found["apex"]:
        said.append(f"apex error: {found['apex']['mae_frames']:.2f} frames, {found['apex']['mae_ms']:.0f} ms")
    if found["class"]:
        said.append(f"class right: {found['class']['acc']:.3f} of {found['class']['hits']} found")
    rate = found["alarms_per_minute"]
    said.append(
        f"beside the implants: {len(found['alarms'])} alarms" + (f", {rate:.2f} a minute" if rate else "")
    )
    return [*said, *_counted("missed", found["missed_by"])]


def _counted(word: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    return [f"{word}: " + ", ".join(f"{count} {why}" for why, count in counts.items())]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
