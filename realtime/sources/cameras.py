"""The cameras that are plugged in, what they really deliver, and one line on why that is less than requested."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.errors import InputError
from realtime.ring import Frame
from realtime.sources import v4l2
from realtime.sources.base import Source
from realtime.sources.camera import open_camera
from realtime.sources.granted import Granted, OpenCapture, backend, cv2_capture, exposure_limit
from realtime.sources.v4l2 import Device, Mode

__all__ = [
    "Delivered",
    "Device",
    "Measured",
    "Meter",
    "Mode",
    "advice",
    "diagnose",
    "exposure_limit",
    "list_cameras",
    "measure",
    "measure_size",
    "sizes",
]
Clock = Callable[[], int]

_USB2_BYTES = 35e6  # bytes a second that isochronous transfers leave of 480 Mbit/s
_BYTES_A_PIXEL = {
    "YUYV": 2.0,
    "UYVY": 2.0,
    "YUY2": 2.0,
    "NV12": 1.5,
    "I420": 1.5,
    "BGR3": 3.0,
    "RGB3": 3.0,
    "GREY": 1.0,
}
_SHORTEST_S, _SHORT_S = 0.04, 0.1  # the briefest micro-expressions


@dataclass(frozen=True)
class Measured:
    """What arrived: ``fps`` by the host's clock; jitter is the deviation of intervals from their median, ms."""

    frames: int
    seconds: float
    fps: float
    jitter_p50_ms: float
    jitter_p99_ms: float
    gaps: int
    ended: bool = False


class Meter:
    """Accumulates ``Measured`` from frames that are read anyway, as in a running capture."""

    def __init__(self) -> None:
        self._host: list[int] = []
        self._times: list[int] = []
        self._gaps = 0

    def add(self, frame: Frame) -> None:
        """Counts one frame."""
        if self._host:
            self._gaps += frame.gap
        self._host.append(frame.host_ns)
        self._times.append(frame.t_ns)

    def measured(self, *, ended: bool = False) -> Measured:
        """The figures so far; rates are 0 before the second frame."""
        if len(self._host) < 2:
            return Measured(len(self._host), 0.0, 0.0, 0.0, 0.0, self._gaps, ended)
        seconds = (self._host[-1] - self._host[0]) / 1e9
        intervals = np.diff(np.array(self._times)) / 1e6
        p50, p99 = np.percentile(np.abs(intervals - np.median(intervals)), (50, 99))
        fps = (len(self._host) - 1) / seconds if seconds > 0 else math.inf
        return Measured(len(self._host), seconds, fps, float(p50), float(p99), self._gaps, ended)


def measure(source: Source, seconds: float, *, clock: Callable[[], int] = time.monotonic_ns) -> Measured:
    """Reads ``source`` for ``seconds``, or to its end, and returns what arrived. The frames are discarded."""
    meter = Meter()
    until = clock() + round(seconds * 1e9)
    while clock() < until:
        frame = source.read()
        if frame is None:
            return meter.measured(ended=True)
        meter.add(frame)
    return meter.measured()


@dataclass(frozen=True)
class Delivered:
    """A frame size of a camera: the rate promised (0 unknown), what was granted and what arrived, or the problem."""

    width: int
    height: int
    promised: float
    granted: Granted | None = None
    measured: Measured | None = None
    problem: str = ""

    @property
    def advice(self) -> str:
        """Why it delivers less than promised, and what that rate misses; empty if all is well."""
        if self.granted is None or self.measured is None:
            return self.problem
        lines = (diagnose(self.promised or None, self.granted, self.measured), advice(self.measured.fps))
        return ". ".join(line for line in lines if line)


def sizes(device: Device) -> list[tuple[int, int, float]]:
    """Width, height and highest promised rate of each frame size, the fastest first."""
    best: dict[tuple[int, int], float] = {}
    for mode in device.modes:
        size = (mode.width, mode.height)
        best[size] = max(best.get(size, 0.0), mode.fps)
    return sorted(((w, h, fps) for (w, h), fps in best.items()), key=lambda one: (-one[2], -one[0] * one[1]))


def measure_size(
    device: Device,
    size: tuple[int, int, float],
    seconds: float,
    *,
    clock: Clock = time.monotonic_ns,
    **options: Any,
) -> Delivered:
    """Opens a camera at a size (width, height, rate to request; 0 for its own) and reads it for ``seconds``.

    ``options`` are passed to `open_camera`. A camera that cannot be opened that way is a ``problem``, not an error.
    """
    width, height, fps = size
    try:
        source = open_camera(
            device.path or str(device.index),
            fps=fps or None,
            width=width,
            height=height,
            clock=clock,
            **options,
        )
    except InputError as error:
        return Delivered(width, height, fps, problem=str(error))
    try:
        measured = measure(source, seconds, clock=clock)
        return Delivered(width, height, fps, source.granted, measured, source.problem)
    finally:
        source.close()


def diagnose(requested_fps: float | None, granted: Granted, measured: Measured) -> str:
    """One line on why fewer frames arrive than requested (or granted), and the remedy; empty if they do arrive."""
    requested = requested_fps or granted.fps
    if not requested or measured.fps >= 0.95 * requested:
        return ""
    head = f"{measured.fps:.0f} fps of {requested:g}: "
    size = f"{granted.width}x{granted.height}"
    raw = _BYTES_A_PIXEL.get(granted.fourcc)
    needed = (raw or 0.0) * granted.width * granted.height * requested
    if raw and needed > _USB2_BYTES:
        fits = _USB2_BYTES / (raw * granted.width * granted.height)
        return (
            f"{head}the camera sends {granted.fourcc} uncompressed, {needed / 1e6:.0f} MB/s where USB 2 carries "
            f"{_USB2_BYTES / 1e6:.0f} (about {fits:.0f} fps at {size}); use a mode with MJPG, or a smaller size"
        )
    limit = exposure_limit(requested)
    units, exposing = granted.exposure.units, granted.exposure
    if units is not None and units > limit:
        return (
            f"{head}it exposes for {units / 10:g} ms and {requested:g} fps leave {limit / 10:g}; give more light or "
            f"set the exposure to {limit} or less (v4l2-ctl -c auto_exposure=1 -c exposure_time_absolute={limit})"
        )
    if granted.fps and granted.fps < 0.95 * requested and measured.fps >= 0.9 * granted.fps:
        return f"{head}the driver grants {granted.fps:g} fps at {size} {granted.fourcc}".rstrip() + (
            "; apexcam cameras lists the modes, a smaller size is often faster"
        )
    if exposing.slows:
        return (
            f"{head}the camera lowers its rate in dim light; give more light, or "
            "v4l2-ctl -c exposure_dynamic_framerate=0"
        )
    if measured.gaps > 0.02 * measured.frames:
        return (
            f"{head}{measured.gaps} frames were lost on the way; give the camera a USB port of its own, without a hub, "
            "and this machine less other work"
        )
    if exposing.auto is not False and _is_fraction(measured.fps, granted.fps or requested):
        return (
            f"{head}automatic exposure has probably lengthened in dim light; give more light or fix the exposure "
            f"at {limit} (units of 0.1 ms)"
        )
    return (
        f"{head}the camera promises {granted.fps or requested:g} and delivers less, evenly: its own limit at {size}; "
        "try a smaller size"
    )


def advice(fps: float) -> str:
    """One line on what this frame rate misses; empty from 150 fps on, and if the rate is unknown."""
    if not fps or fps >= 150:
        return ""
    fewest, most = max(1, math.floor(_SHORTEST_S * fps)), max(1, math.floor(_SHORT_S * fps + 1e-9))
    span = f"{fewest} frame{'s' if fewest > 1 else ''}" if fewest == most else f"{fewest} to {most} frames"
    start = f"at {fps:.0f} fps a movement of 40 to 100 ms spans {span}"
    if fps < 20:
        return f"{start}: too few for micro-expressions; blinks and longer expressions are still reported"
    if fps < 90:
        off = f"an apex is off by up to {500 / fps:.0f} ms"
        return f"{start}: the briefest are missed and {off}; 100 fps and more see them"
    return f"{start}: enough to find it, the apex is right to {500 / fps:.0f} ms"


def list_cameras(open_capture: OpenCapture | None = None) -> list[Device]:
    """All cameras: on Linux as the kernel describes them, with modes and holders; elsewhere found by trying 0 to 9."""
    if sys.platform == "linux" and open_capture is None:
        return v4l2.devices()
    return _probe(open_capture)


def _probe(open_capture: OpenCapture | None) -> list[Device]:
    import cv2

    found, missing = [], 0
    for index in range(10):
        capture = (open_capture or cv2_capture)(index, backend())
        try:
            if capture.isOpened():
                missing = 0
                width, height = (
                    round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
                )
                mode = Mode("", width, height, max(0.0, capture.get(cv2.CAP_PROP_FPS)))
                found.append(Device(index, "", f"camera {index}", modes=(mode,)))
                continue
        finally:
            capture.release()
        missing += 1
        if missing == 2:  # trying indices without a camera is slow on some systems
            break
    return found


def _is_fraction(delivered: float, promised: float) -> bool:
    return any(abs(delivered * n / promised - 1) < 0.06 for n in (2, 3, 4))
