"""A folder that ``--record`` made of an event, recognised again: same frames, same transform, same prediction.

Nothing is spotted again. The crops are cut out of the recorded frames as they were then, compared with the recorded
crops byte for byte, and go through flow, flow map and network under the recorded settings.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.files import check_name
from realtime import messages
from realtime.config import Recognise
from realtime.sources.images import TIMES_FILE, Still, listed
from realtime.stages.candidate import Candidate
from realtime.stages.crop_source import CropSource

EVENT_FILE: Final = "event.json"
_SAME: Final = ("label", "probabilities", "abstained")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What event.json says; ``taken_from`` onset's and apex' crop. Other versions may say more."""

    schema: str
    event: messages.Event
    frames: int
    frames_missing: int
    settings: dict[str, Any]
    crop_to_frame: tuple[float, float, float, float, float, float] | None = None
    taken_from: tuple[CropSource, CropSource] | None = None


@dataclass(frozen=True)
class Again:
    """A recorded event recognised again.

    ``same_crops``: the crops are those recorded, bit for bit; ``differs``: what of the prediction is not as recorded,
    in words, empty if all of it is.
    """

    event: messages.Event
    pictures: dict[str, bytes]
    strip: list[tuple[int, int, NDArray[np.uint8]]]
    same_crops: bool
    differs: tuple[str, ...]


def is_recorded(spec: str) -> bool:
    """Whether this is the folder of a recorded event."""
    return (Path(spec).expanduser() / EVENT_FILE).is_file()


def read(spec: str) -> tuple[About, list[Still]]:
    """What a folder holds. Raises InputError if it is damaged or from a version that did not keep how it cropped."""
    check_name(spec)
    folder = Path(spec).expanduser()
    file = folder / EVENT_FILE
    try:
        about = msgspec.json.decode(file.read_bytes(), type=About)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file}: not the event of a recording: {error}") from None
    if about.schema != "apexcam.recording/1":
        raise InputError(f"{file}: schema '{about.schema}' is unknown here; expected apexcam.recording/1")
    if about.crop_to_frame is None or about.taken_from is None:
        raise InputError(
            f"{file}: does not say how its crops were taken; remove the file to analyse the frames"
        )
    if not (folder / TIMES_FILE).is_file():
        raise InputError(f"{folder}: {TIMES_FILE} is missing; copy the folder again")
    return about, listed(folder)


def settings(about: About) -> Recognise:
    """How the event was recognised then; the flow backend that was chosen then. Raises InputError."""
    try:
        then = msgspec.convert(about.settings["recognise"], Recognise)
    except (KeyError, msgspec.ValidationError) as error:
        raise InputError(f"{EVENT_FILE}: settings.recognise is not usable: {error}") from None
    flow = about.event.flow
    return then if flow is None else msgspec.structs.replace(then, backend=flow.backend, preset=flow.preset)


def recognise(spec: str, recogniser: Any, *, strip: int = 7) -> Again:
    """Crop, flow, flow map, class again; ``strip`` crops from onset to offset (index, t_ns, uint8 170x140).

    ``recogniser`` is a `stages.recogniser.Recogniser`. Raises InputError where a frame that is needed is missing.
    """
    import cv2

    from engines import stills
    from engines.face.geometry import crop

    about, frames = read(spec)
    assert about.crop_to_frame is not None
    assert about.taken_from is not None
    folder, event = Path(spec).expanduser(), about.event
    matrix = np.array(about.crop_to_frame, dtype=np.float64).reshape(2, 3)
    by_index = {still.index: still for still in frames}

    def frame(index: int) -> NDArray[np.uint8]:
        still = by_index.get(index)
        image = None if still is None else stills.read(still.path)
        if image is None:
            raise InputError(f"{folder}: frame {index} is missing, the event cannot be recognised again")
        return image

    def cut(source: CropSource) -> NDArray[np.uint8]:
        image = frame(source.frame)
        x0, y0, x1, y1 = source.part
        if not (0 <= x0 < x1 <= image.shape[1] and 0 <= y0 < y1 <= image.shape[0]):
            raise InputError(f"{folder / EVENT_FILE}: taken_from lies outside the frames")
        grey = np.asarray(cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        return crop(grey, matrix, (x0, y0))

    onset, apex = (cut(source) for source in about.taken_from)
    candidate = Candidate(
        **{name: getattr(event, name) for name in ("event_id", "camera", "face", "kind")},
        **{name: getattr(event, name) for name in ("onset", "apex", "offset", "intensity_px", "confidence")},
        **{name: getattr(event, name) for name in ("frames_lost", "fps")},
        # What was said about abstaining is said again.
        reason=event.reason.partition("; no class reaches")[0],
        onset_crop=onset.tobytes(),
        apex_crop=apex.tobytes(),
        crop_to_frame=about.crop_to_frame,
        apex_host_ns=0,
        spotted_ns=0,
        taken_from=about.taken_from,
    )
    again, pictures = recogniser(candidate)
    return Again(
        again,
        pictures,
        [
            (index, by_index[index].t_ns, cut(CropSource(index, about.taken_from[1].part)))
            for index in spread(event.onset.frame, event.apex.frame, event.offset.frame, strip)
            if index in by_index
        ],
        _holds(folder / "pictures" / "onset.png", onset) and _holds(folder / "pictures" / "apex.png", apex),
        tuple(_differences(event, again)),
    )


def _holds(path: Path, crop: NDArray[np.uint8]) -> bool:
    """Whether a recorded picture is this crop."""
    from engines import stills

    try:
        there = stills.read(path, grey=True)
    except OSError:
        return False
    return there is not None and np.array_equal(there, crop)


def _differences(then: messages.Event, now: messages.Event) -> list[str]:
    found = [
        f"{name} was {getattr(then, name)}, is {getattr(now, name)}"
        for name in _SAME
        if getattr(then, name) != getattr(now, name)
    ]
    if then.model != now.model:
        was, now_is = (None if m is None else f"{m.name} {m.sha256[:12]}" for m in (then.model, now.model))
        found.append(f"the network was {was}, is {now_is}")
    if then.flow != now.flow:
        found.append(f"the flow solver was {then.flow}, is {now.flow}")
    return found


def spread(onset: int, apex: int, offset: int, count: int) -> list[int]:
    """So many frames from onset to offset, evenly, but for the one next to the apex: that is the apex."""
    count = min(count, offset - onset + 1)
    if count < 3:
        return list(range(onset, offset + 1))
    frames = [onset + round(i * (offset - onset) / (count - 1)) for i in range(count)]
    if onset < apex < offset:
        frames[min(range(1, count - 1), key=lambda i: abs(frames[i] - apex))] = apex
    return frames


def size(frames: list[Still]) -> tuple[int, int]:
    """Height and width of the frames. Raises InputError if the first cannot be read."""
    from engines import stills

    image = stills.read(frames[0].path)
    if image is None:
        raise InputError(f"{frames[0].path}: not a readable image")
    return image.shape[0], image.shape[1]
