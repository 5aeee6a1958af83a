"""Preparing many clips: from the cache where it has them, in parallel, clip by clip so that nothing stops the rest."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from offline.datasets.clips import Clip
from offline.inputs import INPUTS, Input, cache
from offline.preparation.clip import PreparedClip
from offline.preparation.prepare import AROUND, frames_used, prepare
from offline.preparation.settings import DEFAULT, Preparation
from offline.progress import Progress

# Enters every key: raise it when what `prepare` gives for the same clip changes.
_EDITION: Final = f"2 around {AROUND}"


@dataclass(frozen=True)
class Made:
    """One clip's input, or why there is none.

    ``value`` is the input, None where the clip cannot be read: ``reason`` says why. ``cached``: nothing was computed;
    ``damaged``: entries of the cache that were computed again.
    """

    value: NDArray[Any] | None
    reason: str = ""
    cached: bool = False
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """The inputs of many clips, in their order, and what it took."""

    made: tuple[Made, ...]
    seconds: float

    def summary(self) -> str:
        """A line for people."""
        fresh = [one for one in self.made if not one.cached]
        line = f"{len(self.made)} clips prepared, {len(self.made) - len(fresh)} of them from the cache"
        if fresh and self.seconds > 0:
            line += f"; the others in {self.seconds:.1f} s, {len(fresh) / self.seconds:.1f} clips/s"
        return line


def make_inputs(
    clips: Sequence[Clip],
    name: str,
    folder: Path,
    how: Preparation = DEFAULT,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Inputs:
    """What the input called ``name`` is of each clip; entries of the cache lie in ``folder``.

    An entry is found by the bytes of the clip's frames and the settings: a copied or touched folder is not prepared
    again, an edited image is. A killed call goes on where it was: entries are written clip by clip. An entry that is
    damaged is computed again. Clips that cannot be read are so marked. Raises InputError where the cache cannot be
    written.
    """
    began = time.perf_counter()
    made: dict[int, Made] = {}
    for at, one in _results(clips, name, folder, how, jobs):
        made[at] = one
        if progress:
            progress(len(made), len(clips))
    return Inputs(tuple(made[at] for at in range(len(clips))), time.perf_counter() - began)


def _results(
    clips: Sequence[Clip], name: str, folder: Path, how: Preparation, jobs: int
) -> Iterator[tuple[int, Made]]:
    # What the cache has is read here, where threads do: workers are only started for the rest.
    todo = []
    with ThreadPoolExecutor(jobs) as threads:
        kept = threads.map(lambda clip: _kept(clip, INPUTS[name], folder, how), clips)
        for at, (key, value) in enumerate(kept):
            if value is not None:
                yield at, Made(value, cached=True)
            else:
                todo.append((at, key))
    if jobs == 1 or len(todo) < 2:
        for at, key in todo:
            yield _numbered(at, clips[at], name, folder, how, key)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=min(jobs, len(todo)), return_as="generator_unordered")
    yield from parallel(delayed(_numbered)(at, clips[at], name, folder, how, key) for at, key in todo)


def _kept(clip: Clip, wanted: Input, folder: Path, how: Preparation) -> tuple[str, NDArray[Any] | None]:
    """A clip's key, "" where its frames cannot be read, and its input where the cache has it whole."""
    key = ""
    try:
        key = _key(clip, how)
        entry = cache.load(_input_entry(key, wanted, folder, how))
    except (cache.DamagedError, OSError):
        return key, None
    return key, entry.get("value") if entry else None


def _numbered(at: int, clip: Clip, name: str, folder: Path, how: Preparation, key: str) -> tuple[int, Made]:
    return at, make_input(clip, INPUTS[name], folder, how, key)


def make_input(clip: Clip, wanted: Input, folder: Path, how: Preparation = DEFAULT, key: str = "") -> Made:
    """One clip's input, from the cache in ``folder`` or computed and put there. ``key``: the clip's, where it is known
    already: each file is read for it.
    """
    damaged: list[str] = []
    try:
        key = key or _key(clip, how)
        entry = _input_entry(key, wanted, folder, how)
        kept = _load(entry, damaged)
        if kept is not None and "value" in kept:
            return Made(kept["value"], cached=True)
        value = np.asarray(wanted.make(_prepared(clip, folder / f"{key}.clip.npz", how, damaged)))
    except CacheError:
        raise
    except InputError as error:
        return Made(None, str(error), damaged=tuple(damaged))
    except OSError as error:
        return Made(None, f"{clip.title}: {error}", damaged=tuple(damaged))
    _store(entry, {"value": value})
    return Made(value, damaged=tuple(damaged))


def _prepared(clip: Clip, entry: Path, how: Preparation, damaged: list[str]) -> PreparedClip:
    kept = _load(entry, damaged)
    if kept is not None and {"crops", "apex_colour", "marks", "fps"} <= set(kept):
        onset, apex, offset = (int(mark) for mark in kept["marks"])
        made = PreparedClip(kept["crops"], kept["apex_colour"], onset, apex, offset, float(kept["fps"]))
        return _measured_as(made, how)
    made = prepare(clip, how.apex)
    _store(
        entry,
        {
            "crops": made.crops,
            "apex_colour": made.apex_colour,
            "marks": np.array([made.onset, made.apex, made.offset]),
            "fps": np.array(made.fps),
        },
    )
    return _measured_as(made, how)


def _measured_as(clip: PreparedClip, how: Preparation) -> PreparedClip:
    return replace(clip, flow=how.flow, magnification=how.magnification)


def _load(entry: Path, damaged: list[str]) -> cache.Arrays | None:
    try:
        return cache.load(entry)
    except cache.DamagedError as error:
        damaged.append(str(error))
        return None


def _store(entry: Path, arrays: cache.Arrays) -> None:
    try:
        cache.store(entry, arrays)
    except OSError as error:
        raise CacheError(
            f"cannot write to the cache {entry.parent}: {error.strerror or error}; give --cache DIR"
        ) from None


class CacheError(InputError):
    """The cache cannot be written: unlike an unreadable clip, this ends the work."""


def _key(clip: Clip, how: Preparation) -> str:
    """Of the clip's frames (number, name and bytes of each file), its marks and how it is prepared."""
    spotted = how.apex if clip.apex is None else ""
    digest = sha256(f"{_EDITION} {spotted} {clip.onset} {clip.apex} {clip.offset} {clip.fps:g}\n".encode())
    for number, path in frames_used(clip):
        content = path.read_bytes()
        digest.update(f"{number} {path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _input_entry(key: str, wanted: Input, folder: Path, how: Preparation) -> Path:
    settings = sha256(f"{wanted.name} {wanted.settings_of(how)}".encode()).hexdigest()[:16]
    return folder / f"{key}.{wanted.name}-{settings}.npz"
