"""Cameras: how they are asked, what their frames say about losses, what is said about them."""

import errno
import struct
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import cv2
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fake_camera import Clock, FakeCapture

from engines.errors import InputError
from realtime.ring import Frame
from realtime.sources import camera, cameras, v4l2
from realtime.sources.camera import CameraSource, open_camera
from realtime.sources.cameras import Measured, advice, diagnose, exposure_limit, list_cameras, measure
from realtime.sources.granted import Granted
from realtime.sources.losses import LossCounter
from realtime.sources.v4l2 import Device, Exposure, Mode

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is Linux")


def opened(
    fps: float | None = 200, device: Device | None = None, **how: object
) -> tuple[CameraSource, FakeCapture]:
    clock = Clock()
    capture = FakeCapture(clock, **how)
    device = device or Device(0, "", "fake")
    return open_camera("0", fps=fps, open_capture=capture, find=lambda _: device, clock=clock), capture


def read(source: CameraSource, most: int = 1000) -> list[Frame]:
    frames = []
    while len(frames) < most and (frame := source.read()) is not None:
        frames.append(frame)
    return frames


# --- asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api, fourcc_at", [(cv2.CAP_V4L2, 0), (cv2.CAP_AVFOUNDATION, 0), (cv2.CAP_DSHOW, 3)])
def test_format_size_and_rate_are_asked_in_the_order_drivers_need(
    monkeypatch: pytest.MonkeyPatch, api: int, fourcc_at: int
) -> None:
    monkeypatch.setattr(camera, "backend", lambda: api)
    monkeypatch.setattr("realtime.sources.granted.backend", lambda: api)
    _, capture = opened()
    assert capture.opened == (0, api)
    order = [prop for prop, _ in capture.asked]
    sizes = [cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS]
    sizes.insert(fourcc_at, cv2.CAP_PROP_FOURCC)
    assert order == [*sizes, cv2.CAP_PROP_BUFFERSIZE]
    asked = dict(capture.asked)
    assert asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert (asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (640, 480)
    assert asked[cv2.CAP_PROP_FPS] == 200
    assert asked[cv2.CAP_PROP_BUFFERSIZE] >= 4


def test_the_fastest_mode_is_asked_when_no_rate_is_given() -> None:
    modes = (Mode("YUYV", 640, 480, 30), Mode("MJPG", 640, 480, 120), Mode("MJPG", 320, 240, 260))
    _, capture = opened(None, Device(0, "", "fake", modes=modes))
    assert dict(capture.asked)[cv2.CAP_PROP_FPS] == 120


def test_what_is_granted_is_what_frames_show() -> None:
    source, _ = opened(grants=(1280, 720, 60.0), fourcc="YUYV")
    info = source.info
    assert (info.name, info.kind, info.width, info.height, info.fps, info.frames) == (
        "camera0", "camera", 1280, 720, 60.0, None,
    )  # fmt: skip
    for part in ("1280x720 where 640x480 was requested", "grants 60 fps of 200", "sends YUYV"):
        assert part in info.advice
    assert opened()[0].info.advice == ""


def test_driver_stamps_are_the_times_when_there_are_any() -> None:
    frames = read(opened()[0], 10)
    assert {b.t_ns - a.t_ns for a, b in pairwise(frames)} <= {
        4_999_999,
        5_000_000,
        5_000_001,
    }
    assert all(f.host_ns - f.t_ns == 10**6 for f in frames)
    frames = read(opened(stamped=False)[0], 10)
    assert all(f.host_ns == f.t_ns for f in frames)


def test_a_camera_that_does_not_open() -> None:
    with pytest.raises(InputError, match=r"in use by zoom \(77\), cheese \(78\); close"):
        opened(device=Device(0, "/dev/video0", "fake", holders=("zoom (77)", "cheese (78)")), opens=False)
    with pytest.raises(InputError, match="cannot be opened"):
        opened(opens=False)


def test_a_camera_that_opens_and_delivers_nothing() -> None:
    clock = Clock()
    capture = FakeCapture(clock, stops_at=0)
    with pytest.raises(InputError, match="no frame within 5 s"):
        open_camera("0", open_capture=capture, find=lambda _: Device(0, "", "fake"), clock=clock)
    assert capture.released == 1


@LINUX
def test_a_device_that_is_not_permitted_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*video9; apexcam cameras"):
        opened(device=Device(9, str(tmp_path / "video9"), "fake"), opens=False)


def test_opencv_itself_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="camera 63"):
        open_camera("63", find=lambda _: Device(63, "", "fake"))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


# --- losing ----------------------------------------------------------------------------------------------------------


def test_lost_and_damaged_frames_are_counted_before_the_next() -> None:
    source, _ = opened(jitter_ms=1.0, missing=frozenset({40, 41, 60}), damaged=frozenset({70, 71, 80}))
    frames = read(source, 120)
    gaps = {f.image[0, 0, 0]: f.gap for f in frames if f.gap}
    assert gaps == {42: 2, 61: 1, 72: 2, 81: 1}
    assert source.corrupt == 3
    assert "3 frames arrived damaged" in source.problem
    assert not source.lost


def test_it_goes_silent() -> None:
    source, capture = opened(stops_at=20)
    assert len(read(source)) == 17  # three were taken to see what is granted
    assert source.lost
    assert "no frame for 2 s" in source.problem
    assert capture.released == 1


def test_it_changes_its_size() -> None:
    source, _ = opened(turns_into=(30, 320, 240))
    assert len(read(source)) == 27
    assert source.lost
    assert "changed to 320x240" in source.problem


def test_it_is_unplugged(tmp_path: Path) -> None:
    plug = tmp_path / "video0"
    plug.touch()
    source, capture = opened(device=Device(0, str(plug), "fake"))
    assert source.read() is not None
    plug.unlink()
    capture.stops_at = 0
    assert source.read() is None
    assert source.lost
    assert "unplugged" in source.problem


def losses(times_ms: list[float], fps: float = 200.0, buffers: int = 1) -> list[int]:
    counter = LossCounter(fps, buffers)
    return [counter.lost_before(round(t * 1e6)) for t in times_ms]


def test_a_camera_that_slows_down_does_not_lose_frames_for_ever() -> None:
    times = [5.0 * i for i in range(100)] + [500 + 10.0 * i for i in range(100)]
    assert sum(losses(times)) <= 4
    assert sum(losses([*times, *(1500 + 5.0 * i for i in range(100))])) <= 4  # and back
    assert sum(losses([7.0 * i for i in range(100)])) == 0  # a driver that promised 200 and delivers 143


def test_regular_losses_do_not_pass_for_a_slower_camera() -> None:
    times = [5.0 * i for i in range(400) if i < 50 or i % 3]
    missing = 400 - len(times)
    assert abs(sum(losses(times)) - missing) <= 1


def test_arrival_times_bunched_by_the_queue_are_no_losses() -> None:
    held = [5.0 * i for i in range(50)] + [250 + 38] * 8 + [290 + 5.0 * i for i in range(50)]
    assert sum(losses(held, buffers=8)) == 0
    away = [5.0 * i for i in range(50)] + [250 + 100.0]
    assert losses(away, buffers=8)[-1] == 21 - 8


# --- measuring and explaining ----------------------------------------------------------------------------------------


def test_measure() -> None:
    source, capture = opened(jitter_ms=1.0, missing=frozenset({90, 91}), grants=(640, 480, 125.0))
    measured = measure(source, 2.0, clock=capture.clock)
    assert measured.fps == pytest.approx(125 * (1 - 2 / 250), rel=0.01)
    assert measured.seconds == pytest.approx(2, rel=0.02)
    assert measured.gaps == 2
    assert 0.3 < measured.jitter_p50_ms < 2
    assert measured.jitter_p50_ms < measured.jitter_p99_ms < 20
    assert not measured.ended


def test_measure_ends_with_the_source() -> None:
    source, capture = opened(stops_at=13)
    measured = measure(source, 60, clock=capture.clock)
    assert (measured.frames, measured.ended) == (10, True)
    assert measure(source, 60, clock=capture.clock) == Measured(0, 0.0, 0.0, 0.0, 0.0, 0, True)


def granted(fps: float = 200.0, fourcc: str = "MJPG", width: int = 640, **exposure: object) -> Granted:
    return Granted(width, width * 3 // 4, fps, fourcc, True, Exposure(**exposure))


def delivered(fps: float, gaps: int = 0) -> Measured:
    return Measured(round(2 * fps), 2.0, fps, 0.1, 0.5, gaps)


@pytest.mark.parametrize(
    "asked, grant, got, says",
    [
        (200, granted(), delivered(199), ""),
        (None, granted(60), delivered(60), ""),
        (200, granted(fourcc="YUYV"), delivered(57), "YUYV uncompressed, 123 MB/s .* MJPG"),
        (200, granted(units=156), delivered(64), "exposes for 15.6 ms and 200 fps leave 5; .* 50 or less"),
        (200, granted(60), delivered(60), "driver grants 60 fps at 640x480 MJPG"),
        (
            60,
            granted(60, slows=True),
            delivered(20),
            "lowers its rate in dim light; .*exposure_dynamic_framerate=0",
        ),
        (200, granted(), delivered(150, gaps=90), "90 frames were lost on the way; .*USB port"),
        (30, granted(30), delivered(15), "exposure has probably lengthened"),
        (100, granted(100, auto=False), delivered(60), "promises 100 and delivers less, evenly"),
    ],
)
def test_why_it_is_less_than_asked(asked: float | None, grant: Granted, got: Measured, says: str) -> None:
    import re

    line = diagnose(asked, grant, got)
    assert re.search(says, line)
    assert bool(line) == bool(says)
    assert "\n" not in line


@pytest.mark.parametrize(
    "fps, says",
    [
        (0, ""),
        (200, ""),
        (150, ""),
        (30, "spans 1 to 3 frames"),
        (25, "spans 1 to 2 frames"),
        (60, "spans 2 to 6 frames"),
        (100, "spans 4 to 10 frames"),
        (15, "too few"),
    ],
)
def test_what_a_low_rate_loses(fps: float, says: str) -> None:
    assert says in advice(fps)
    assert bool(says) == bool(advice(fps))


def test_exposure_limit() -> None:
    assert (exposure_limit(200), exposure_limit(30)) == (50, 333)


# --- what is plugged in ----------------------------------------------------------------------------------------------


class Driver:
    """The kernel's side of the ioctls of a webcam: two formats, fixed sizes; and one format of any size."""

    FORMATS = (b"MJPG", b"YUYV", b"GREY")
    SIZES = ((640, 480), (1280, 720))
    RATES: ClassVar = {
        (b"MJPG", 640): ((1, 30), (1, 120)),
        (b"MJPG", 1280): ((1, 60),),
        (b"YUYV", 640): ((1, 30),),
    }

    def __init__(self, caps: int = 0x85200001, device_caps: int = 0x04200001) -> None:
        self.caps = (caps, device_caps)

    def __call__(self, fd: int, request: int, data: bytearray) -> int:
        number, *rest = struct.unpack_from(f"={min(4, len(data) // 4)}I", data)
        if request == v4l2.QUERYCAP:
            struct.pack_into(
                "=16s32s32s3I", data, 0, b"uvcvideo", b"HD Webcam", b"usb-1", 0x60000, *self.caps
            )
        elif request == v4l2.ENUM_FMT and number < 3:
            assert rest[0] == 1
            data[44:48] = self.FORMATS[number]
        elif request == v4l2.ENUM_SIZES:
            if rest[0].to_bytes(4, "little") == b"GREY":
                if number:
                    raise OSError(errno.EINVAL, "")
                struct.pack_into("=7I", data, 8, 3, 16, 1920, 2, 16, 1080, 2)
            elif number < 2:
                struct.pack_into("=3I", data, 8, 1, *self.SIZES[number])
            else:
                raise OSError(errno.EINVAL, "")
        elif request == v4l2.ENUM_INTERVALS:
            rates = self.RATES.get((rest[0].to_bytes(4, "little"), rest[1]), ())
            if number >= len(rates):
                raise OSError(errno.EINVAL, "")
            struct.pack_into("=3I", data, 16, 1, *rates[number])
        elif request == v4l2.GET_CONTROL and number in (v4l2.EXPOSURE_AUTO, v4l2.EXPOSURE_ABSOLUTE):
            struct.pack_into(
                "=Ii", data, 0, number, {v4l2.EXPOSURE_AUTO: 3, v4l2.EXPOSURE_ABSOLUTE: 157}[number]
            )
        else:
            raise OSError(errno.EINVAL, "")
        return 0


@LINUX
def test_devices_and_their_modes(tmp_path: Path) -> None:
    for name in ("video0", "video10", "video2", "videodev"):
        (tmp_path / name).touch()
    found = v4l2.devices(tmp_path, Driver())
    assert [d.index for d in found] == [0, 2, 10]
    device = found[0]
    assert (device.name, device.driver, device.bus) == ("HD Webcam", "uvcvideo", "usb-1")
    assert device.modes == (
        Mode("MJPG", 640, 480, 120.0),
        Mode("MJPG", 1280, 720, 60.0),
        Mode("YUYV", 640, 480, 30.0),
        Mode("YUYV", 1280, 720, 0.0),
        Mode("GREY", 640, 480, 0.0),
        Mode("GREY", 1280, 720, 0.0),
        Mode("GREY", 1920, 1080, 0.0),
    )
    assert v4l2.exposure(tmp_path / "video0", Driver()) == Exposure(units=157, auto=True, slows=None)


@LINUX
def test_metadata_nodes_and_other_files_are_no_cameras(tmp_path: Path) -> None:
    (tmp_path / "video1").touch()
    assert v4l2.devices(tmp_path, Driver(device_caps=0x04A00000)) == []
    assert v4l2.devices(tmp_path) == []  # a real ioctl on a plain file
    assert v4l2.exposure(tmp_path / "video1") == Exposure()


@LINUX
def test_a_driver_that_answers_for_ever_does_not_hang_us(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()

    def endless(fd: int, request: int, data: bytearray) -> int:
        if request == v4l2.QUERYCAP:
            return Driver()(fd, request, data)
        if request == v4l2.ENUM_SIZES and data[0] > 3:
            raise OSError(errno.EINVAL, "")
        if request == v4l2.ENUM_SIZES:
            struct.pack_into("=3I", data, 8, 1, 640, 480)
        return 0

    assert len(v4l2.devices(tmp_path, endless)[0].modes) > 0


@LINUX
def test_who_holds_a_device(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    assert v4l2.holders(device) == ()
    hold = "import sys, time; f = open(sys.argv[1]); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", hold, str(device)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        (holder,) = v4l2.holders(device)
        assert holder.endswith(f"({process.pid})")
    finally:
        process.kill()
        process.communicate()


@LINUX
def test_cameras_by_index_path_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [
        Device(0, "/dev/video0", "HD Webcam"),
        Device(2, "/dev/video2", "HD Webcam Pro"),
        Device(4, "/dev/video4", "Cam"),
    ]
    monkeypatch.setattr(v4l2, "devices", lambda: there)
    for spec, index in {"0": 0, "/dev/video2": 2, "hd webcam": 0, "pro": 2, "Cam": 4}.items():
        assert camera.find_device(spec).index == index
    with pytest.raises(InputError, match=r"matches several; there are 0 \(HD Webcam\), 2"):
        camera.find_device("webca")
    with pytest.raises(InputError, match=r"camera 1: there is none; there are 0"):
        camera.find_device("1")
    with pytest.raises(InputError, match="captures no video"):
        camera.find_device("/dev/null")
    monkeypatch.setattr(v4l2, "devices", list)
    with pytest.raises(InputError, match="no camera is plugged in; try a video"):
        camera.find_device("0")


def test_where_there_is_no_list_indices_are_tried() -> None:
    tried: list[FakeCapture] = []

    def open_capture(index: int | str, api: int) -> FakeCapture:
        tried.append(FakeCapture(Clock(), grants=(640, 480, 60.0), opens=index in (0, 2)))
        return tried[-1]

    found = list_cameras(open_capture)
    assert [(d.index, d.modes) for d in found] == [(i, (Mode("", 640, 480, 60.0),)) for i in (0, 2)]
    assert len(tried) == 5
    assert all(c.released == 1 for c in tried)


def test_listing_here_does_not_fail() -> None:
    started = time.monotonic()
    assert isinstance(cameras.list_cameras(), list)
    assert time.monotonic() - started < 60


def test_each_size_is_measured_against_its_promise() -> None:
    from realtime.cli.cameras import camera_row, camera_table
    from realtime.config import Source as Wish

    clock = Clock()
    delivers = {(640, 480): 200.0, (1280, 720): 31.0, (320, 240): 200.0}
    opened: list[FakeCapture] = []

    class ByMode(FakeCapture):
        """Promises as its modes say; delivers what its electronics can."""

        def set(self, prop: int, value: float) -> bool:
            width, height, fps = self.grants
            if prop == cv2.CAP_PROP_FRAME_WIDTH:
                width = int(value)
            if prop == cv2.CAP_PROP_FRAME_HEIGHT:
                height = int(value)
            self.grants = (width, height, value if prop == cv2.CAP_PROP_FPS else fps)
            self.slower_from = (0, delivers.get((width, height), 30.0))
            return super().set(prop, value)

    def open_capture(index: int | str, api: int) -> FakeCapture:
        opened.append(ByMode(clock))
        return opened[-1]

    modes = (Mode("MJPG", 640, 480, 200.0), Mode("MJPG", 1280, 720, 60.0), Mode("YUYV", 1280, 720, 10.0))
    device = Device(0, "", "bench camera", modes=(*modes, Mode("MJPG", 320, 240, 200.0)))
    row = camera_row(
        device, Wish(fps=200), 1.0, open_capture=open_capture, find=lambda spec: device, clock=clock
    )
    told = [
        (m["width"], m["height"], m["promised_fps"], round(m["delivered_fps"])) for m in row["measured_modes"]
    ]
    assert told == [(640, 480, 200, 200), (320, 240, 200, 200), (1280, 720, 60, 31)]
    assert row["measured_modes"][0]["advice"] == ""
    assert row["measured_modes"][2]["advice"].startswith("31 fps of 60")
    assert row["delivered_fps"] == row["measured_modes"][0]["delivered_fps"]
    assert all(capture.released == 1 for capture in opened)
    table = camera_table([row])
    assert table.row_count == 3
    assert list(table.columns[3].cells)[2].plain == "60 fps"


def test_a_camera_in_use_is_asked_once() -> None:
    from realtime.cli.cameras import camera_row, camera_table
    from realtime.config import Source as Wish

    tried: list[int | str] = []

    def open_capture(index: int | str, api: int) -> FakeCapture:
        tried.append(index)
        return FakeCapture(Clock(), opens=False)

    device = Device(0, "", "desk", modes=(Mode("MJPG", 640, 480, 30.0), Mode("MJPG", 320, 240, 30.0)))
    row = camera_row(device, Wish(), 1.0, open_capture=open_capture, find=lambda spec: device)
    assert len(tried) == 1
    assert row["advice"]
    assert row["delivered_fps"] is None
    assert camera_table([row]).row_count == 1
