"""Many videos measured, each kept as it finishes: an interrupted run goes on from what it has."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engines.code import code_digest
from engines.errors import InputError
from engines.files import write_bytes
from offline.progress import Progress
from offline.spotting.measure import Measured, Setup, measure
from offline.spotting.truth import Video
from offline.writing import writing

# Called with the number of frames just done.
Tick = Callable[[int], None]


def code_version() -> str:
    """Twelve hexadecimal digits that change with the code and the networks that videos are measured with."""
    here = (f"offline.spotting.{name}" for name in ("measure", "real", "rendered"))
    return code_digest(*here, "engines.weights")


def key_of(video: Video, setup: Setup) -> str:
    """What a kept measurement must carry to be taken for this video's under these settings."""
    settings = msgspec.json.encode(
        {
            **asdict(setup),
            "spotting": msgspec.to_builtins(setup.spotting),
            "faces": msgspec.to_builtins(setup.faces),
        }
    )
    network = Path(setup.spotting.model).read_bytes() if setup.spotting.model else b""
    return sha256(f"{code_version()} {video.identity()} ".encode() + settings + network).hexdigest()[:16]


def measure_all(
    videos: Sequence[Video],
    setup: Setup,
    out: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    others: Mapping[str, Setup] | None = None,
) -> list[Measured]:
    """Measure videos, in their order, ``jobs`` at a time; each is kept as ``out``/videos/NAME.json.

    ``others``: another setup for videos of these names.

    Raises InputError where ``out`` cannot be written to, a video cannot be read, or a process dies.
    """
    folder = out / "videos"
    with writing(out):
        folder.mkdir(parents=True, exist_ok=True)
    setups = {video.name: (others or {}).get(video.name, setup) for video in videos}
    keys = {video.name: key_of(video, setups[video.name]) for video in videos}
    done: dict[str, Measured] = {}
    for video in videos:
        if (kept := _load(folder / f"{video.name}.json", keys[video.name])) is not None:
            done[video.name] = kept
    todo = [video for video in videos if video.name not in done]
    total, before = sum(v.count for v in videos), sum(v.count for v in videos if v.name in done)

    def keep(measured: Measured) -> None:
        with writing(out, f"{len(done)} of {len(videos)} videos are kept"):
            write_bytes(folder / f"{measured.name}.json", msgspec.json.encode(measured))
        done[measured.name] = measured

    def show(frames: int) -> None:
        if progress:
            progress(min(before + frames, total), total)

    show(0)
    each(partial(_measure, setups=setups, keys=keys), todo, jobs, keep, show)
    return [done[video.name] for video in videos]


def _load(file: Path, key: str) -> Measured | None:
    """A kept measurement; None where there is none, or it is of other code, settings or frames."""
    try:
        measured = msgspec.json.decode(file.read_bytes(), type=Measured)
    except (OSError, msgspec.DecodeError):
        return None
    return measured if measured.key == key else None


def _measure(video: Video, tick: Tick, setups: dict[str, Setup], keys: dict[str, str]) -> Measured:
    return measure(video, setups[video.name], keys[video.name], tick)


Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    work: Callable[[Item, Tick], Result],
    todo: Sequence[Item],
    jobs: int,
    keep: Callable[[Result], None],
    show: Callable[[int], None],
) -> None:
    """``work`` on every item, ``jobs`` at a time; ``keep`` takes each result as it is done, ``show`` the frames done.

    Raises InputError where a process dies, and whatever ``work`` raises.
    """
    if jobs > 1 and len(todo) > 1:
        _at_once(work, todo, min(jobs, len(todo)), keep, show)
        return
    frames = 0

    def tick(count: int) -> None:
        nonlocal frames
        frames += count
        show(frames)

    for item in todo:
        keep(work(item, tick))


_counter: Any = None


def _begin(counter: Any) -> None:
    """In a new process: where to count frames; what native libraries chatter must not tear the progress bar."""
    global _counter  # noqa: PLW0603  # a process's own, set once
    _counter = counter
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _count(frames: int) -> None:
    with _counter.get_lock():
        _counter.value += frames


def _at_once(
    work: Callable[[Item, Tick], Result],
    todo: Sequence[Item],
    jobs: int,
    keep: Callable[[Result], None],
    show: Callable[[int], None],
) -> None:
    context = get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(counter,)) as pool:
        pending = {pool.submit(work, item, _count) for item in todo}
        try:
            while pending:
                finished, pending = wait(pending, timeout=0.25, return_when=FIRST_COMPLETED)
                for future in finished:
                    keep(future.result())
                show(counter.value)
        except BrokenProcessPool:
            raise InputError("a measuring process died (out of memory?): try again with --jobs 1") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
