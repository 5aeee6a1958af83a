"""Video databases to the samples that protocols split: labelled, prepared, counted so that nothing gets lost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import InputError
from engines.face import CROP_HEIGHT, CROP_WIDTH
from engines.stills import is_deep
from offline.datasets.class_maps import ClassMap, compare_with_published
from offline.datasets.clips import Clip, VideoDatabase
from offline.datasets.registry import title_of
from offline.datasets.samples import Samples
from offline.inputs import INPUTS, Input
from offline.inputs.work import make_inputs
from offline.preparation.settings import ALIGNMENT, Preparation
from offline.progress import Progress


@dataclass(frozen=True)
class FromVideo:
    """Samples of videos.

    ``unread``: a line for each clip that cannot be used; ``summary``: what preparing took, in a line; ``damaged``:
    entries of the cache made again.
    """

    samples: Samples
    unread: tuple[str, ...]
    summary: str
    damaged: tuple[str, ...]


def from_video(
    databases: Sequence[VideoDatabase],
    class_map: ClassMap,
    wanted: str,
    cache: Path,
    how: Preparation,
    jobs: int = 1,
    progress: Progress | None = None,
) -> FromVideo:
    """The clips of databases that a class map labels, each as the input called ``wanted``.

    Clips whose frames are missing or unreadable are left out and named. Raises InputError where none is left, and
    where the cache in the folder ``cache`` cannot be written.
    """
    labelled = [class_map.labelled(database.clips) for database in databases]
    faults = {fault.clip: fault.reason for database in databases for fault in database.faults}
    wanted_clips = [(clip, label) for kept, _ in labelled for clip, label in kept]
    usable = [(clip, label) for clip, label in wanted_clips if clip not in faults]
    inputs = make_inputs([clip for clip, _ in usable], wanted, cache, how, jobs, progress)
    pairs = list(zip(usable, inputs.made, strict=True))
    unread = [f"{clip.title}: {faults[clip]}" for clip, _ in wanted_clips if clip in faults]
    unread += [made.reason for _, made in pairs if made.value is None]
    used = [(clip, label, made.value) for (clip, label), made in pairs if made.value is not None]
    if not used:
        first = f", such as {unread[0]}" if unread else ": no clip has a class of this protocol"
        raise InputError(f"none of {sum(len(d.clips) for d in databases)} clips can be used{first}")
    counted = Counter(clip.dataset for clip, _, _ in used)
    rendered = {d.name: d.rendered for d in databases if d.rendered and counted[d.name]}
    differing = compare_with_published(
        class_map, [(clip, label) for clip, label, _ in used if clip.dataset not in rendered]
    )
    notes = [rendered_note(rendered)] if rendered else []
    notes += [
        _counted(database, kept, left_out, counted[database.name])
        for database, (kept, left_out) in zip(databases, labelled, strict=True)
    ]
    notes += differing + _deep([clip for clip, _, _ in used])
    if unread:
        clips = f"{len(unread)} clip{'s' * (len(unread) > 1)} could not be read"
        notes.append(f"{clips}: {'; '.join(unread[:3])}{' ...' * (len(unread) > 3)}")
    samples = Samples(
        np.stack([value for _, _, value in used if value is not None]),
        np.array([label for _, label, _ in used], np.int64),
        np.array([clip.dataset for clip, _, _ in used]),
        np.array([clip.subject for clip, _, _ in used]),
        np.array([clip.name for clip, _, _ in used]),
        class_map.classes,
        tuple(notes),
        class_map.name,
        rendered,
        measured_by(databases, INPUTS[wanted], how, [clip for clip, _, _ in used]),
    )
    damaged = tuple(entry for made in inputs.made for entry in made.damaged)
    return FromVideo(samples, tuple(unread), inputs.summary(), damaged)


def measured_by(
    databases: Sequence[VideoDatabase], wanted: Input, how: Preparation, clips: Sequence[Clip]
) -> dict[str, Any]:
    """What was measured of clips, for results.json; None for what the input does not follow from."""
    spotted = Counter(clip.dataset for clip in clips if clip.apex is None)
    needs = wanted.needs
    return {
        "input": wanted.name,
        "apex_rule": how.apex if "apex" in needs and spotted else None,
        "apexes_spotted": dict(spotted) if "apex" in needs else {},
        "flow": f"TV-L1 {how.flow}" if "flow" in needs else None,
        "magnification": how.magnification if "magnification" in needs else None,
        "crop": f"{CROP_WIDTH}x{CROP_HEIGHT}",
        "alignment": ALIGNMENT,
        "tables": {database.name: database.version for database in databases},
    }


def _deep(clips: Iterable[Clip]) -> list[str]:
    """A line where clips have pictures of more than 8 bits a value, which crops do not have."""
    deep = [clip.title for clip in clips if is_deep(clip.frames[0][1])]
    if not deep:
        return []
    return [
        f"more than 8 bits a value in {len(deep)} clips, such as {deep[0]}: brought to 8 by the largest value of each"
    ]


def rendered_note(names: Iterable[str]) -> str:
    """What is to be said of figures that databases with drawn faces enter."""
    titles = ", ".join(title_of(name) for name in names)
    return f"rendered, not {titles}: faces drawn by apexcam in that layout; no paper's figures stand beside these"


def _counted(database: VideoDatabase, kept: Sequence[Any], left_out: Counter[str], used: int) -> str:
    """How many rows of a database are used, left out and unreadable, which together are all of them."""
    assert len(database.clips) == left_out.total() + len(kept)
    layout = f"{'rendered, ' * bool(database.rendered)}{database.layout}"
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    why = f" ({reasons})" if reasons else ""
    return (
        f"{database.name}, {layout}, table {database.version}: {len(database.clips)} = {used} used + "
        f"{left_out.total()} left out{why} + {len(kept) - used} unreadable"
    )
