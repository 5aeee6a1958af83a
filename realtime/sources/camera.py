"""A real camera through OpenCV: configured in the order drivers need, its frames stamped, its losses estimated.

Drivers rarely grant what is requested, and cameras rarely deliver what is granted: see ``realtime.sources.cameras``.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.errors import InputError
from realtime.sources import v4l2
from realtime.sources.base import PacedSource, Shot, SourceInfo, camera_word
from realtime.sources.granted import (
    BUFFERS,
    Capture,
    Granted,
    OpenCapture,
    advise,
    ask,
    backend,
    cv2_capture,
    first_frames,
    in_colour,
)
from realtime.sources.losses import LossCounter
from realtime.sources.v4l2 import Device

_STALL_S = 2.0  # the time that OpenCV is set to wait for a frame
_JUMP_NS = (
    10**9
)  # a larger difference between driver and host in the time between two frames: a clock was set
Find = Callable[[str], Device]


class CameraSource(PacedSource):
    """An open camera. ``t_ns`` is the driver's time stamp if it has one, else the host's monotonic clock at arrival.

    Jumps of the driver's clock are compensated. The source is ``lost`` when the camera goes away, delivers nothing
    for two seconds or changes its frame size.
    """

    def __init__(
        self, capture: Capture, device: Device, info: SourceInfo, granted: Granted, clock: Callable[[], int]
    ) -> None:
        super().__init__(info)
        self.device = device
        self.granted = granted
        self.corrupt = 0  # frames that arrived but could not be decoded
        self._capture = capture
        self._clock = clock
        self._losses = LossCounter(granted.fps, 1 if granted.driver_clock else BUFFERS)
        self._skipped = 0
        self._shift_ns = 0
        self._newest: tuple[int, int] | None = None  # t_ns and arrival

    def _shoot(self) -> Shot | None:
        import cv2

        began = self._clock()
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
                image = in_colour(image)
                if image.shape[:2] != (self.info.height, self.info.width):
                    height, width = image.shape[:2]
                    self._lose(f"its frames changed to {width}x{height}")
                    return None
                gap, self._skipped = gap + self._skipped, 0
                return Shot(t_ns, image, gap, arrived)
            if self.device.path and not Path(self.device.path).exists():
                self._lose("it was unplugged")
                return None
            if self._clock() - began >= _STALL_S * 1e9:
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

    def _lose(self, reason: str) -> None:
        self._problem = f"camera {self.info.spec}: {reason}"
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
    """Opens a camera by index, device path or (part of) its name, and requests a size and rate.

    The defaults are 640x480 and, if the driver lists its modes, the fastest rate. Raises InputError if there is no
    such camera, it is in use (naming the process, if visible), not permitted, or delivers nothing.
    """
    device = (find or find_device)(spec)
    width, height = width or 640, height or 480
    fps = (
        fps
        or max((m.fps for m in device.modes if (m.width, m.height) == (width, height)), default=0.0)
        or None
    )
    capture = (open_capture or cv2_capture)(device.index if device.index >= 0 else device.path, backend())
    try:
        if not capture.isOpened():
            raise InputError(_open_error(spec, device))
        ask(capture, fps, width, height)
        granted, image = first_frames(spec, capture, device, clock)
        height_granted, width_granted = image.shape[:2]
        advice = advise(spec, (width, height, fps), granted)
        info = SourceInfo(
            _camera_name(spec, device),
            spec,
            "camera",
            width_granted,
            height_granted,
            granted.fps,
            None,
            advice,
        )
        return CameraSource(capture, device, info, granted, clock)
    except BaseException:
        capture.release()
        raise


def find_device(spec: str) -> Device:
    """The device that a spec names. Raises InputError, listing the devices present, if there is none."""
    if sys.platform != "linux":
        if not spec.isdecimal():
            raise InputError(
                f"camera {spec!r}: there is no such file or folder, and cameras go by their index here: 0, 1 …"
            )
        return Device(int(spec), "", f"camera {spec}")
    devices = v4l2.devices()
    if spec.isdecimal() or spec.startswith("/dev/"):
        path = Path(f"/dev/video{spec}" if spec.isdecimal() else spec).resolve()
        chosen = [d for d in devices if d.path == str(path)]
        if not chosen and path.exists():
            raise InputError(f"camera {spec}: {path} captures no video; {_present(devices)}")
    else:
        chosen = [d for d in devices if d.name.lower() == spec.lower()] or [
            d for d in devices if spec.lower() in d.name.lower()
        ]
        if len(chosen) > 1:
            raise InputError(f"camera {spec!r} matches several; {_present(chosen)}, give an index")
    if not chosen:
        what = (
            f"camera {spec}: there is none"
            if spec[0] in "/0123456789"
            else f"{spec}: no such file, folder or camera"
        )
        raise InputError(f"{what}; {_present(devices)}")
    return chosen[0]


def _open_error(spec: str, device: Device) -> str:
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


def _present(devices: Sequence[Device]) -> str:
    if not devices:
        return "no camera is plugged in; try a video, an image folder, a URL or demo"
    return "there are " + ", ".join(f"{d.index} ({d.name})" for d in devices)


def _camera_name(spec: str, device: Device) -> str:
    return f"camera{device.index}" if device.index >= 0 else camera_word(Path(spec).name)
