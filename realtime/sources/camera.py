"""A real camera through OpenCV: asked in the order drivers need, its frames stamped, its losses estimated.

What is asked is rarely what is granted, and what is granted rarely what is delivered: see
``realtime.sources.cameras``.
"""

import math
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from realtime.ring import Image
from realtime.sources import v4l2
from realtime.sources.base import PacedSource, Shot, SourceInfo, camera_word, quiet_opencv
from realtime.sources.v4l2 import Device, Exposure

_BUFFERS = 8  # one loses frames at high rates, four is the least; OpenCV's V4L2 takes ten
_STALL_S = 2.0  # as long as OpenCV is told to wait for a frame
_FIRST_FRAME_S = 5.0
_JUMP_NS = 10**9  # driver and host disagree by more about the time between two frames: a clock was set


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:  # noqa: N802
        """Whether there is a device behind it."""

    def set(self, prop: int, value: float, /) -> bool:
        """Ask for a property."""

    def get(self, prop: int, /) -> float:
        """The property as the driver has it."""

    def grab(self) -> bool:
        """Take the next frame off the driver."""

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """Decode it."""

    def release(self) -> None:
        """Let go of the device."""


OpenCapture = Callable[[int | str, int], Capture]
Find = Callable[[str], Device]


@dataclass(frozen=True)
class Granted:
    """What the driver settled on: pixels of a real frame, its rate (0 if it does not say), its pixel format."""

    width: int
    height: int
    fps: float
    fourcc: str
    driver_clock: bool
    exposure: Exposure = field(default_factory=Exposure)


class LossCounter:
    """Frames lost before each frame, from the times of the frames.

    Times are held against a grid whose period is the median of the last intervals, each divided by the frames it
    spans, so that jitter makes no losses and regular losses do not pass for a slower camera. Four long intervals
    alike are a slower camera, such as one that exposes longer; that takes three or four false losses to see.
    ``buffers`` frames may have queued where times are those of arrival: so many are not lost after a pause.
    """

    def __init__(self, fps: float, buffers: int = 1) -> None:
        self._periods: deque[float] = deque([1e9 / fps] * 8 if fps else [], maxlen=32)
        self._recent: deque[float] = deque(maxlen=4)
        self._spare = buffers - 1
        self._last: int | None = None
        self._grid = 0.0  # where the last frame was due

    def lost_before(self, t_ns: int) -> int:
        """How many frames are missing between the last time given and this one."""
        last, self._last = self._last, t_ns
        if last is None:
            self._grid = t_ns
            return 0
        interval = float(t_ns - last)
        self._recent.append(interval)
        period = float(np.median(self._periods)) if len(self._periods) >= 8 else 0.0
        if not period:
            self._periods.append(interval)
            self._grid = t_ns
            return 0
        if len(self._recent) == 4 and min(self._recent) > max(1.5 * period, 0.75 * max(self._recent)):
            self._periods = deque([float(np.median(self._recent))] * 8, maxlen=32)
            self._grid = t_ns
            return 0
        steps = (t_ns - self._grid) / period
        if interval <= 1.5 * period:
            lost = 0
        elif self._spare:
            lost = max(0, math.floor(steps) - 1 - self._spare)
        else:
            lost = max(0, round(steps) - 1)
        self._periods.append(interval / (1 + lost))
        due = self._grid + (1 + lost) * period
        off = t_ns - due
        self._grid = t_ns if abs(off) > 0.75 * period else due + 0.2 * off
        return lost


class CameraSource(PacedSource):
    """An opened camera. ``t_ns`` is the driver's stamp where it has one, else the host's monotonic clock at arrival.

    A driver's clock that jumps is followed from where it was. Ends ``lost`` when it goes away, falls silent for two
    seconds or changes its frame size.
    """

    def __init__(
        self, capture: Capture, device: Device, info: SourceInfo, granted: Granted, clock: Callable[[], int]
    ) -> None:
        super().__init__(info)
        self.device = device
        self.granted = granted
        self.corrupt = 0  # frames that arrived and could not be decoded
        self._capture = capture
        self._clock = clock
        self._losses = LossCounter(granted.fps, 1 if granted.driver_clock else _BUFFERS)
        self._skipped = 0
        self._shift_ns = 0
        self._newest: tuple[int, int] | None = None  # t_ns and arrival

    def _shoot(self) -> Shot | None:
        import cv2

        asked = self._clock()
        while True:
            if self._capture.grab():
                arrived = self._clock()
                stamp_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC) if self.granted.driver_clock else 0.0
                t_ns = self._steady(round(stamp_ms * 1e6), arrived) if stamp_ms > 0 else arrived
                gap = self._losses.lost_before(t_ns)
                done, image = self._capture.retrieve()
                if not done or image is None or not image.size:
                    self.corrupt += 1
                    self._skipped += gap + 1
                    self._problem = (
                        f"camera {self.info.spec}: {self.corrupt} frames arrived damaged; check cable and hub"
                    )
                    continue
                image = _colour(image)
                if image.shape[:2] != (self.info.height, self.info.width):
                    height, width = image.shape[:2]
                    self._lose(f"its frames changed to {width}x{height}")
                    return None
                gap, self._skipped = gap + self._skipped, 0
                return Shot(t_ns, image, gap, arrived)
            if self.device.path and not Path(self.device.path).exists():
                self._lose("it was unplugged")
                return None
            if self._clock() - asked >= _STALL_S * 1e9:
                self._lose(f"no frame for {_STALL_S:g} s")
                return None
            time.sleep(0.005)

    def _steady(self, stamp_ns: int, arrived: int) -> int:
        t_ns = stamp_ns + self._shift_ns
        if self._newest is not None:
            jump = (t_ns - self._newest[0]) - (arrived - self._newest[1])
            if abs(jump) > _JUMP_NS:
                self._shift_ns -= jump
                t_ns -= jump
        self._newest = (t_ns, arrived)
        return t_ns

    def _lose(self, why: str) -> None:
        self._problem = f"camera {self.info.spec}: {why}"
        self._lost = True

    def _release(self) -> None:
        self._capture.release()


def open_camera(
    spec: str,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    open_capture: OpenCapture | None = None,
    find: Find | None = None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> CameraSource:
    """Open a camera by index, device path or (part of its) name, and ask it for a size and rate.

    640x480 and, where the driver lists its modes, its fastest rate are asked if nothing is said. Raises
    InputError if there is no such camera, it is in use (by whom, if that can be seen), not permitted, or
    delivers nothing.
    """
    device = (find or find_device)(spec)
    width, height = width or 640, height or 480
    fps = (
        fps
        or max((m.fps for m in device.modes if (m.width, m.height) == (width, height)), default=0.0)
        or None
    )
    capture = (open_capture or _cv2_capture)(device.index if device.index >= 0 else device.path, backend())
    try:
        if not capture.isOpened():
            raise InputError(_why_closed(spec, device))
        _ask(capture, fps, width, height)
        granted, image = _granted(spec, capture, device, clock)
        height_granted, width_granted = image.shape[:2]
        said = _advice(spec, (width, height, fps), granted)
        info = SourceInfo(
            _camera_name(spec, device), spec, "camera", width_granted, height_granted, granted.fps, None, said
        )
        return CameraSource(capture, device, info, granted, clock)
    except BaseException:
        capture.release()
        raise


def find_device(spec: str) -> Device:
    """The device a spec means. Raises InputError if there is none, naming those there are."""
    if sys.platform != "linux":
        if not spec.isdecimal():
            raise InputError(
                f"camera {spec!r}: there is no such file or folder, and cameras go by their index here: 0, 1 …"
            )
        return Device(int(spec), "", f"camera {spec}")
    there = v4l2.devices()
    if spec.isdecimal() or spec.startswith("/dev/"):
        path = Path(f"/dev/video{spec}" if spec.isdecimal() else spec).resolve()
        chosen = [d for d in there if d.path == str(path)]
        if not chosen and path.exists():
            raise InputError(f"camera {spec}: {path} captures no video; {_those(there)}")
    else:
        chosen = [d for d in there if d.name.lower() == spec.lower()] or [
            d for d in there if spec.lower() in d.name.lower()
        ]
        if len(chosen) > 1:
            raise InputError(f"camera {spec!r} fits several; {_those(chosen)}, give an index")
    if not chosen:
        what = (
            f"camera {spec}: there is none"
            if spec[0] in "/0123456789"
            else f"{spec}: no such file, folder or camera"
        )
        raise InputError(f"{what}; {_those(there)}")
    return chosen[0]


def backend() -> int:
    """OpenCV's number of the platform's own camera interface."""
    import cv2

    if sys.platform == "linux":
        return int(cv2.CAP_V4L2)
    if sys.platform == "darwin":
        return int(cv2.CAP_AVFOUNDATION)
    return int(cv2.CAP_DSHOW)


def exposure_limit(fps: float) -> int:
    """The longest exposure that leaves ``fps`` possible, in the drivers' units of 100 microseconds."""
    return math.floor(10_000 / fps)


def _cv2_capture(index: int | str, api: int) -> Capture:
    import cv2

    with quiet_opencv():
        capture: Capture = cv2.VideoCapture(index, api)
    return capture


def _ask(capture: Capture, fps: float | None, width: int, height: int) -> None:
    import cv2

    # V4L2 tries raw YUYV first, whose size on the cable caps the rate; DirectShow forgets a format set before a size
    compressed = (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    wishes: list[tuple[int, float]] = [(cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height)]
    if fps:
        wishes.append((cv2.CAP_PROP_FPS, fps))
    wishes = [*wishes, compressed] if backend() == cv2.CAP_DSHOW else [compressed, *wishes]
    for prop, value in (*wishes, (cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)):
        capture.set(prop, value)


def _granted(spec: str, capture: Capture, device: Device, clock: Callable[[], int]) -> tuple[Granted, Image]:
    """What the first frames show. They are not delivered: drivers start with dark or torn ones."""
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
                image = _colour(decoded)
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


def _advice(spec: str, asked: tuple[int, int, float | None], granted: Granted) -> str:
    width, height, fps = asked
    said = []
    if (granted.width, granted.height) != (width, height):
        said.append(f"gives {granted.width}x{granted.height} where {width}x{height} was asked")
    if fps and granted.fps and granted.fps < 0.95 * fps:
        said.append(f"grants {granted.fps:g} fps of {fps:g}")
    if granted.fourcc and granted.fourcc != "MJPG":
        said.append(f"sends {granted.fourcc}, not MJPG")
    rate = fps or granted.fps
    units = granted.exposure.units
    if rate and units is not None and units > exposure_limit(rate):
        said.append(f"exposes {units / 10:g} ms: {rate:g} fps need at most {exposure_limit(rate) / 10:g} ms")
    return f"camera {spec} {'; '.join(said)}" if said else ""


def _why_closed(spec: str, device: Device) -> str:
    path = Path(device.path)
    if device.holders:
        return f"camera {spec} is in use by {', '.join(device.holders)}; close that program"
    if sys.platform == "linux" and device.path:
        if not path.exists():
            return f"camera {spec}: there is no {path}; apexcam cameras lists those there are"
        import os

        if not os.access(path, os.R_OK | os.W_OK):
            return (
                f"camera {spec}: no permission for {path}; add yourself to the group video and log in again"
            )
        return f"camera {spec} cannot be opened: in use by another program? (sudo fuser {path} names it)"
    return (
        f"camera {spec} cannot be opened: there is none, another program uses it, or this program may not use cameras "
        "(see the system's privacy settings)"
    )


def _those(there: Sequence[Device]) -> str:
    if not there:
        return "no camera is plugged in; try a video, an image folder, a URL or demo"
    return "there are " + ", ".join(f"{d.index} ({d.name})" for d in there)


def _camera_name(spec: str, device: Device) -> str:
    return f"camera{device.index}" if device.index >= 0 else camera_word(Path(spec).name)


def _fourcc(value: float) -> str:
    if not math.isfinite(value) or value <= 0:
        return ""
    text = int(value).to_bytes(8, "little")[:4].decode("ascii", "replace").strip("\0 ")
    return text if re.fullmatch(r"[A-Za-z0-9 ]+", text) else ""


def _colour(image: NDArray[np.uint8]) -> Image:
    return (
        image
        if image.ndim == 3 and image.shape[2] == 3
        else np.repeat(image.reshape(*image.shape[:2], -1)[:, :, :1], 3, axis=2)
    )
