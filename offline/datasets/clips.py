"""The one table every video database is read into."""

from dataclasses import dataclass, replace
from pathlib import Path

from offline.datasets.images import same_name

_SPELLINGS = {"other": "others", "sad": "sadness", "happy": "happiness", "comtempt": "contempt"}
# An annotated frame that is not on the disk is replaced by one at most so many frames away.
NEAR_FRAMES = 3


@dataclass(frozen=True)
class Clip:
    """An annotated expression.

    ``frames``: (number, file) in ascending order of the numbers in the files' names; empty where there is no folder.
    ``onset``, ``apex`` (None where none is annotated) and ``offset`` are such numbers. ``emotion`` in lower case as the
    table has it, "other" as "others"; ``action_units`` as the table has them; ``kind`` micro or macro. ``row``: where
    the table has it; ``fault``: why it cannot be used, else empty; ``notes``: what else is odd about it.
    """

    dataset: str
    subject: str
    name: str
    frames: tuple[tuple[int, Path], ...]
    fps: float
    onset: int
    apex: int | None
    offset: int
    emotion: str
    action_units: str = ""
    kind: str = "micro"
    row: str = ""
    fault: str = ""
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call it: "casme2 sub01 EP02_01f"."""
        return f"{self.dataset} {self.subject} {self.name}"


@dataclass(frozen=True)
class Fault:
    """A clip that cannot be used, and why."""

    clip: Clip
    reason: str


@dataclass(frozen=True)
class VideoDatabase:
    """A database as unpacked.

    ``clips``: every expression of its table, once; ``faults``: those that cannot be used; ``notes``: lines for people
    about what was mended or does not fit. ``layout`` and ``version`` in words. ``rendered``: what its people were
    drawn from, such as "seed 7"; empty where people were recorded.
    """

    name: str
    layout: str
    version: str
    clips: tuple[Clip, ...]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    rendered: str = ""

    @property
    def usable(self) -> tuple[Clip, ...]:
        """The clips without a fault."""
        broken = {fault.clip for fault in self.faults}
        return tuple(clip for clip in self.clips if clip not in broken)


def emotion_of(cell: object) -> str:
    """A table's emotion in one spelling."""
    word = str(cell or "").strip().lower()
    return _SPELLINGS.get(word, word)


def once(clips: list[Clip], *, several: bool = False) -> tuple[list[Clip], list[str]]:
    """The clips without those that their table lists a second time, and a line for each of these.

    The first counts, unless it cannot be used. ``several``: a folder may hold several expressions, told apart by
    their marks.
    """
    kept: dict[tuple[object, ...], Clip] = {}
    notes = []
    for clip in clips:
        name = clip.name.partition("#")[0] if several else clip.name
        marks = (clip.onset, clip.offset, clip.kind) if several else ()
        key = (same_name(clip.subject), same_name(name), *marks)
        first = kept.setdefault(key, clip)
        if first is clip:
            continue
        if first.fault and not clip.fault:
            kept[key] = clip
        labels = "" if first.emotion == clip.emotion else f", as {first.emotion} and as {clip.emotion}"
        table = first.row.rpartition(", ")[0]
        second, used = (each.row.removeprefix(f"{table}, ") for each in (clip, kept[key]))
        notes.append(
            f"{clip.title}: listed twice ({first.row} and {second}){labels}: counted once, as in {used}"
        )
    return list(kept.values()), notes


def settled(clips: list[Clip]) -> tuple[tuple[Clip, ...], tuple[Fault, ...], tuple[str, ...]]:
    """Clips whose annotated frames are there, faults of those whose are not, and notes about what was moved or lacks.

    A mark without a file moves to the nearest one, at most `NEAR_FRAMES` away.
    """
    kept: list[Clip] = []
    faults: list[Fault] = []
    notes: list[str] = []
    for clip in clips:
        placed, reason = _placed(clip)
        kept.append(placed)
        notes += [f"{clip.title}: {note}" for note in clip.notes]
        if reason:
            faults.append(Fault(placed, reason))
        elif placed != clip:
            notes.append(
                f"{clip.title}: {_marks(clip)} are not all among its files: {_marks(placed)} instead"
            )
        inside = sum(placed.onset <= number <= placed.offset for number, _ in placed.frames)
        missing = placed.offset - placed.onset + 1 - inside
        if not reason and missing:
            notes.append(
                f"{clip.title}: {missing} of the frames {placed.onset} to {placed.offset} are missing"
            )
    return tuple(kept), tuple(faults), tuple(notes)


def _marks(clip: Clip) -> str:
    return f"onset {clip.onset}, apex {clip.apex or 'none'}, offset {clip.offset}"


def _placed(clip: Clip) -> tuple[Clip, str]:
    """The clip with its marks on frames that are there, or itself and why that cannot be."""
    if clip.fault:
        return clip, clip.fault
    if not clip.frames:
        return clip, "its folder is missing or holds no image"
    numbers = [number for number, _ in clip.frames]
    moved: dict[str, int] = {}
    for mark in ("onset", "apex", "offset"):
        at = getattr(clip, mark)
        if at is None:
            continue
        nearest = min(numbers, key=lambda number: abs(number - at))
        if abs(nearest - at) > NEAR_FRAMES:
            return clip, f"{mark} {at} is not among its frames {numbers[0]} to {numbers[-1]}"
        moved[mark] = nearest
    placed = replace(clip, onset=moved["onset"], apex=moved.get("apex"), offset=moved["offset"])
    if sum(placed.onset <= number <= placed.offset for number in numbers) < 2:
        return clip, f"fewer than two frames from onset {placed.onset} to offset {placed.offset}"
    if placed.apex is not None and not placed.onset < placed.apex <= placed.offset:
        return clip, f"apex {placed.apex} is not after onset {placed.onset} and up to offset {placed.offset}"
    return placed, ""
