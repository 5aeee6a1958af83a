"""Requesting a size and rate from a camera through OpenCV, what its driver grants, and advice on the difference."""

import math
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from realtime.ring import Image
from realtime.sources import v4l2
from realtime.sources.base import quiet_opencv
from realtime.sources.v4l2 import Device, Exposure

BUFFERS = 8  # one loses frames at high rates, four is the minimum; OpenCV's V4L2 allows ten
_FIRST_FRAME_S = 5.0


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used."""

    def isOpened(self) -> bool:  # noqa: N802
        """Whether a device is open."""

    def set(self, prop: int, value: float, /) -> bool:
        """Requests a value of a property."""

    def get(self, prop: int, /) -> float:
        """The driver's value of a property."""

    def grab(self) -> bool:
        """Fetches the next frame from the driver."""

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """Decodes the fetched frame."""

    def release(self) -> None:
        """Releases the device."""


OpenCapture = Callable[[int | str, int], Capture]


@dataclass(frozen=True)
class Granted:
    """What the driver granted: the size of a real frame, the rate (0 if unknown), the pixel format.

    ``driver_clock``: the driver stamps its frames.
    """

    width: int
    height: int
    fps: float
    fourcc: str
    driver_clock: bool
    exposure: Exposure = field(default_factory=Exposure)


def backend() -> int:
    """OpenCV's number for the platform's native camera interface."""
    import cv2

    if sys.platform == "linux":
        return int(cv2.CAP_V4L2)
    if sys.platform == "darwin":
        return int(cv2.CAP_AVFOUNDATION)
    return int(cv2.CAP_DSHOW)


def exposure_limit(fps: float) -> int:
    """The longest exposure that leaves ``fps`` possible, in the drivers' units of 100 microseconds."""
    return math.floor(10_000 / fps)


def cv2_capture(index: int | str, api: int) -> Capture:
    """Opens a ``cv2.VideoCapture`` without letting OpenCV print."""
    import cv2

    with quiet_opencv():
        capture: Capture = cv2.VideoCapture(index, api)
    return capture


def ask(capture: Capture, fps: float | None, width: int, height: int) -> None:
    """Requests format, size and rate in the order that drivers need."""
    import cv2

    # V4L2 prefers raw YUYV, whose bandwidth limits the rate; DirectShow forgets a format that is set before the size.
    compressed = (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    properties: list[tuple[int, float]] = [
        (cv2.CAP_PROP_FRAME_WIDTH, width),
        (cv2.CAP_PROP_FRAME_HEIGHT, height),
    ]
    if fps:
        properties.append((cv2.CAP_PROP_FPS, fps))
    properties = [*properties, compressed] if backend() == cv2.CAP_DSHOW else [compressed, *properties]
    for prop, value in (*properties, (cv2.CAP_PROP_BUFFERSIZE, BUFFERS)):
        capture.set(prop, value)


def first_frames(
    spec: str, capture: Capture, device: Device, clock: Callable[[], int]
) -> tuple[Granted, Image]:
    """What the first frames show of the granted mode, and the last of them.

    They are not delivered, because drivers start with dark or torn frames. Raises InputError if none comes.
    """
    import cv2

    stamps: list[float] = []
    image: Image | None = None
    started = clock()
    while len(stamps) < 3:
        if capture.grab():
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC)
            done, decoded = capture.retrieve()
            if done and decoded is not None and decoded.size:
                stamps.append(stamp)
                image = in_colour(decoded)
                continue
        if clock() - started > _FIRST_FRAME_S * 1e9:
            break
        time.sleep(0.005)
    if image is None:
        held = f"; held by {', '.join(device.holders)}" if device.holders else ""
        raise InputError(
            f"camera {spec}: opened, but no frame within {_FIRST_FRAME_S:g} s{held}; close other programs that use it, "
            "plug it into another port, or ask for a smaller size"
        )
    fps = capture.get(cv2.CAP_PROP_FPS)
    rising = len(stamps) == 3 and 0 < stamps[0] < stamps[1] < stamps[2]
    path = Path(device.path)
    return Granted(
        width=image.shape[1],
        height=image.shape[0],
        fps=fps if math.isfinite(fps) and 0 < fps <= 10_000 else 0.0,
        fourcc=_fourcc(capture.get(cv2.CAP_PROP_FOURCC)),
        driver_clock=rising,
        exposure=v4l2.exposure(path) if sys.platform == "linux" and device.path else Exposure(),
    ), image


def advise(spec: str, requested: tuple[int, int, float | None], granted: Granted) -> str:
    """One line on what was requested (width, height, fps) and not granted; else empty."""
    width, height, fps = requested
    notes = []
    if (granted.width, granted.height) != (width, height):
        notes.append(f"gives {granted.width}x{granted.height} where {width}x{height} was requested")
    if fps and granted.fps and granted.fps < 0.95 * fps:
        notes.append(f"grants {granted.fps:g} fps of {fps:g}")
    if granted.fourcc and granted.fourcc != "MJPG":
        notes.append(f"sends {granted.fourcc}, not MJPG")
    rate = fps or granted.fps
    units = granted.exposure.units
    if rate and units is not None and units > exposure_limit(rate):
        notes.append(f"exposes {units / 10:g} ms: {rate:g} fps need at most {exposure_limit(rate) / 10:g} ms")
    return f"camera {spec} {'; '.join(notes)}" if notes else ""


def _fourcc(value: float) -> str:
    if not math.isfinite(value) or value <= 0:
        return ""
    text = int(value).to_bytes(8, "little")[:4].decode("ascii", "replace").strip("\0 ")
    return text if re.fullmatch(r"[A-Za-z0-9 ]+", text) else ""


def in_colour(image: NDArray[np.uint8]) -> Image:
    """The image with three channels; a grey one is repeated."""
    return (
        image
        if image.ndim == 3 and image.shape[2] == 3
        else np.repeat(image.reshape(*image.shape[:2], -1)[:, :, :1], 3, axis=2)
    )
