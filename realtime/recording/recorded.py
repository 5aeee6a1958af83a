"""Recognising the folder of a recorded event again: same frames, same transform, same prediction.

Nothing is spotted again. The crops are cut from the recorded frames as they were in the run, compared with the
recorded crops bit for bit, and pass through flow, flow map and network under the recorded settings.
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


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """The content of event.json, to which other versions may add fields.

    ``taken_from``: where the crops of onset and apex were cut out.
    """

    schema: str
    event: messages.Event
    frames: int
    frames_missing: int
    settings: dict[str, Any]
    crop_to_frame: tuple[float, float, float, float, float, float] | None = None
    taken_from: tuple[CropSource, CropSource] | None = None


@dataclass(frozen=True)
class Rerun:
    """A recorded event recognised again.

    ``strip`` has crops from onset to offset (index, t_ns, uint8 170x140). ``same_crops``: the crops equal the
    recorded ones bit for bit; ``differs``: each difference from the recorded prediction, in words.
    """

    event: messages.Event
    pictures: dict[str, bytes]
    strip: list[tuple[int, int, NDArray[np.uint8]]]
    same_crops: bool
    differs: tuple[str, ...]


def is_recorded(spec: str) -> bool:
    """Whether ``spec`` is the folder of a recorded event."""
    return (Path(spec).expanduser() / EVENT_FILE).is_file()


def read(spec: str) -> tuple[Description, list[Still]]:
    """The content of a folder: event.json and the frames.

    Raises InputError if it is damaged, or from a version that did not record how its crops were taken.
    """
    check_name(spec)
    folder = Path(spec).expanduser()
    file = folder / EVENT_FILE
    try:
        description = msgspec.json.decode(file.read_bytes(), type=Description)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file}: not the event of a recording: {error}") from None
    if description.schema != "apexcam.recording/1":
        raise InputError(f"{file}: schema '{description.schema}' is unknown; expected apexcam.recording/1")
    if description.crop_to_frame is None or description.taken_from is None:
        raise InputError(
            f"{file}: does not say how its crops were taken; remove the file to analyse the frames"
        )
    if not (folder / TIMES_FILE).is_file():
        raise InputError(f"{folder}: {TIMES_FILE} is missing; copy the folder again")
    return description, listed(folder)


def settings(description: Description) -> Recognise:
    """The settings with which the event was recognised, and the flow backend that was used. Raises InputError."""
    try:
        used = msgspec.convert(description.settings["recognise"], Recognise)
    except (KeyError, msgspec.ValidationError) as error:
        raise InputError(f"{EVENT_FILE}: settings.recognise is not usable: {error}") from None
    flow = description.event.flow
    return used if flow is None else msgspec.structs.replace(used, backend=flow.backend, preset=flow.preset)


def recognise(spec: str, recogniser: Any, *, strip: int = 7) -> Rerun:
    """Crops, flow, flow map and class again, with ``strip`` crops from onset to offset.

    ``recogniser`` is a `stages.recogniser.Recogniser`. Raises InputError if a required frame is missing.
    """
    import cv2

    from engines import stills
    from engines.face.geometry import crop

    description, frames = read(spec)
    assert description.crop_to_frame is not None
    assert description.taken_from is not None
    folder, event = Path(spec).expanduser(), description.event
    matrix = np.array(description.crop_to_frame, dtype=np.float64).reshape(2, 3)
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

    onset, apex = (cut(source) for source in description.taken_from)
    candidate = Candidate(
        **{name: getattr(event, name) for name in ("event_id", "camera", "face", "kind")},
        **{name: getattr(event, name) for name in ("onset", "apex", "offset", "intensity_px", "confidence")},
        **{name: getattr(event, name) for name in ("frames_lost", "fps")},
        # The recogniser adds the reason for an abstention again.
        reason=event.reason.partition("; no class reaches")[0],
        onset_crop=onset.tobytes(),
        apex_crop=apex.tobytes(),
        crop_to_frame=description.crop_to_frame,
        apex_host_ns=0,
        spotted_ns=0,
        taken_from=description.taken_from,
    )
    recognised, pictures = recogniser(candidate)
    return Rerun(
        recognised,
        pictures,
        [
            (index, by_index[index].t_ns, cut(CropSource(index, description.taken_from[1].part)))
            for index in spread(event.onset.frame, event.apex.frame, event.offset.frame, strip)
            if index in by_index
        ],
        _shows(folder / "pictures" / "onset.png", onset) and _shows(folder / "pictures" / "apex.png", apex),
        tuple(_differences(event, recognised)),
    )


def _shows(path: Path, crop: NDArray[np.uint8]) -> bool:
    """Whether a recorded picture equals this crop."""
    from engines import stills

    try:
        picture = stills.read(path, grey=True)
    except OSError:
        return False
    return picture is not None and np.array_equal(picture, crop)


def _differences(before: messages.Event, now: messages.Event) -> list[str]:
    differences = [
        f"{name} was {getattr(before, name)}, is {getattr(now, name)}"
        for name in _SAME
        if getattr(before, name) != getattr(now, name)
    ]
    if before.model != now.model:
        was, now_is = (None if m is None else f"{m.name} {m.sha256[:12]}" for m in (before.model, now.model))
        differences.append(f"the network was {was}, is {now_is}")
    if before.flow != now.flow:
        differences.append(f"the flow solver was {before.flow}, is {now.flow}")
    return differences


def spread(onset: int, apex: int, offset: int, count: int) -> list[int]:
    """The indices of ``count`` frames spread evenly from onset to offset, the one nearest to the apex moved onto it."""
    count = min(count, offset - onset + 1)
    if count < 3:
        return list(range(onset, offset + 1))
    frames = [onset + round(i * (offset - onset) / (count - 1)) for i in range(count)]
    if onset < apex < offset:
        frames[min(range(1, count - 1), key=lambda i: abs(frames[i] - apex))] = apex
    return frames


def size(frames: list[Still]) -> tuple[int, int]:
    """The height and width of the frames, pixels. Raises InputError if the first cannot be read."""
    from engines import stills

    image = stills.read(frames[0].path)
    if image is None:
        raise InputError(f"{frames[0].path}: not a readable image")
    return image.shape[0], image.shape[1]
