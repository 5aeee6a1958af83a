"""One contract, every source; then what is special to files, folders and streams."""

import functools
import http.server
import os
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fake_camera import Clock, FakeCapture

from engines.errors import InputError
from realtime.ring import Frame
from realtime.sources import Source, check_requests, kind_of, open_source
from realtime.sources.base import PacedSource, Pacer, SourceInfo, camera_word
from realtime.sources.camera import open_camera
from realtime.sources.demo import RenderedSource
from realtime.sources.v4l2 import Device
from realtime.sources.video import open_url

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "video"
N, W, H = 30, 64, 48


def picture(i: int, width: int = W, height: int = H) -> np.ndarray:
    image = np.full((height, width, 3), 8 * i % 256, np.uint8)
    image[: height // 4, : width // 4] = 255  # a bright corner, top left
    return image


def write_video(path: Path, fourcc: str, count: int = N) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), 25, (W, H))
    assert writer.isOpened()
    for i in range(count):
        writer.write(picture(i))
    writer.release()
    return path


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the MP4 boxes in a range."""
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], start, start + size
        start += size


def locate(data: bytes, *path: bytes) -> tuple[int, int]:
    start, end = 0, len(data)
    for i, kind in enumerate(path):
        start, end = next((s, e) for k, s, e in boxes(data, start, end) if k == kind)
        if i < len(path) - 1:
            start += 8
    return start, end


def rotated(data: bytes) -> bytes:
    """The same film with a phone's note that it must be turned clockwise."""
    at = locate(data, b"moov", b"trak", b"tkhd")[0] + 8 + 40
    return data[:at] + struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, H * 65536, 0, 1 << 30) + data[at + 36 :]


def uneven(data: bytes, groups: list[tuple[int, int]]) -> bytes:
    """The same film with other durations: (frames, multiple of 1/25 s)."""
    path = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts")
    start, end = locate(data, *path)
    unit = struct.unpack_from(">I", data, start + 20)[0]
    body = struct.pack(">II", 0, len(groups)) + b"".join(struct.pack(">II", n, unit * k) for n, k in groups)
    box = struct.pack(">I", len(body) + 8) + b"stts" + body
    out = bytearray(data[:start] + box + data[end:])
    out = out.replace(b"edts", b"free")  # its edit list would end the film at the old duration
    for depth in range(1, len(path)):  # the index stands at the end: no offset into the pictures changes
        at = locate(data, *path[:depth])[0]
        struct.pack_into(">I", out, at, struct.unpack_from(">I", data, at)[0] + len(box) - (end - start))
    return bytes(out)


def index_first(data: bytes) -> bytes:
    """The same film with its index before the pictures, as for streaming."""
    start, end = locate(data, b"moov")
    moov = bytearray(data[start:end])
    at = moov.index(b"stco") + 8
    for i in range(struct.unpack_from(">I", moov, at)[0]):
        (offset,) = struct.unpack_from(">I", moov, at + 4 + 4 * i)
        struct.pack_into(">I", moov, at + 4 + 4 * i, offset + len(moov))
    head = locate(data, b"ftyp")[1]
    return data[:head] + bytes(moov) + data[head:start] + data[end:]


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    mp4 = write_video(folder / "plain.mp4", "mp4v").read_bytes()
    write_video(folder / "motion.avi", "MJPG")
    (folder / "rotated.mp4").write_bytes(rotated(mp4))
    (folder / "uneven.mp4").write_bytes(uneven(mp4, [(10, 1), (1, 5), (N - 11, 2)]))
    first = index_first(mp4)
    (folder / "index first.mp4").write_bytes(first)
    (folder / "cut.mp4").write_bytes(first[: len(first) * 3 // 5])
    (folder / "no_index.mp4").write_bytes(mp4[: len(mp4) * 3 // 5])
    avi = (folder / "motion.avi").read_bytes()
    (folder / "cut.avi").write_bytes(avi[: len(avi) * 3 // 5])
    stills = folder / "stills"
    stills.mkdir()
    for i in range(12):
        cv2.imwrite(str(stills / f"img{i + 1}.{('png', 'jpg', 'bmp')[i % 3]}"), picture(i))
    recorded = folder / "recorded"
    recorded.mkdir()
    rows = ["index,t_ns,file"]
    for i, index in enumerate((100, 101, 102, 105, 106)):
        cv2.imwrite(str(recorded / f"f{index}.png"), picture(i))
        rows.append(f"{index},{5_000_000 * index + 12345},f{index}.png")
    (recorded / "frames.csv").write_text("\n".join(rows) + "\n")
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def website(films: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(films))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Painter:
    def frame(self, i: int) -> np.ndarray:
        return picture(i)


def fake(**how: object) -> Source:
    clock = Clock()
    capture = FakeCapture(clock, **how)
    return open_camera("0", fps=200, open_capture=capture, find=lambda _: Device(0, "", "fake"), clock=clock)


Make = Callable[[Path, str], Source]
SOURCES: dict[str, Make] = {
    "mp4": lambda films, _: open_source(str(films / "plain.mp4")),
    "avi": lambda films, _: open_source(str(films / "motion.avi")),
    "rotated": lambda films, _: open_source(str(films / "rotated.mp4")),
    "uneven": lambda films, _: open_source(str(films / "uneven.mp4")),
    "cut": lambda films, _: open_source(str(films / "cut.avi")),
    "re-rated": lambda films, _: open_source(str(films / "plain.mp4"), rate=200),
    "paced": lambda films, _: open_source(str(films / "plain.mp4"), pace=2000),
    "url": lambda _, site: open_source(f"{site}/plain.mp4"),
    "stills": lambda films, _: open_source(str(films / "stills"), rate=100),
    "recorded": lambda films, _: open_source(str(films / "recorded")),
    "recorded own pace": lambda films, _: open_source(str(films / "recorded"), pace="own"),
    "rendered": lambda *_: RenderedSource(Painter(), SourceInfo("r", "r", "demo", W, H, 200.0, 20), None),
    "demo": lambda *_: open_source("demo:3", fps=100, width=320, height=240),
    "camera": lambda *_: fake(),
    "camera, arrival times": lambda *_: fake(stamped=False),
    "camera, troubled": lambda *_: fake(
        jitter_ms=1.5,
        missing=frozenset({9, 10, 20}),
        damaged=frozenset({15}),
        grants=(320, 240, 120.0),
        stops_at=60,
    ),
    "camera, leaving": lambda *_: fake(stops_at=20),
}


@pytest.fixture(params=SOURCES)
def make(request: pytest.FixtureRequest, films: Path, website: str) -> Callable[[], Source]:
    return lambda: SOURCES[request.param](films, website)


def some(source: Source, most: int = 40) -> list[Frame]:
    frames = []
    while len(frames) < most and (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_what_is_promised_is_delivered(make: Callable[[], Source]) -> None:
    source = make()
    info = source.info
    assert info.name == camera_word(info.name) and info.width > 0 and info.height > 0 and info.fps >= 0
    assert "\n" not in info.advice
    frames = some(source)
    assert frames
    for frame in frames:
        assert frame.image.shape == (info.height, info.width, 3)
        assert frame.image.dtype == np.uint8
        assert frame.gap >= 0
    if info.frames is not None and info.frames < 40 and not source.problem:
        assert len(frames) == info.frames
    assert source.info == info
    source.close()


def test_indices_and_times_rise(make: Callable[[], Source]) -> None:
    source = make()
    frames = some(source)
    recorded = source.info.kind == "images"  # counts the frames that are missing, too
    steps = [b.index - a.index - b.gap * recorded for a, b in pairwise(frames)]
    assert frames[0].index == 0 and steps == [1] * (len(frames) - 1)
    assert all(a.t_ns < b.t_ns and a.host_ns <= b.host_ns for a, b in pairwise(frames))
    assert all(isinstance(v, int) for f in frames for v in (f.t_ns, f.host_ns, f.gap))
    source.close()


def test_images_are_the_callers_to_keep(make: Callable[[], Source]) -> None:
    source = make()
    frames = some(source, 4)
    kept = [f.image.copy() for f in frames]
    some(source, 4)
    assert all((f.image == k).all() for f, k in zip(frames, kept, strict=True))
    source.close()


def test_the_end_is_the_end(make: Callable[[], Source]) -> None:
    source = make()
    if source.info.frames is not None:
        some(source, 1000)
        assert [source.read(), source.read()] == [None, None]
    source.close()
    source.close()
    assert source.read() is None
    assert "\n" not in source.problem


@pytest.mark.skipif(sys.platform == "win32", reason="counts file descriptors")
def test_nothing_stays_open(make: Callable[[], Source]) -> None:
    def once() -> None:
        source = make()
        source.read()
        source.close()

    once()
    before = psutil.Process().num_fds()
    for _ in range(5):
        once()
    assert psutil.Process().num_fds() <= before + 1  # the web server may be about to close one


# --- what a spec means, and what is none -----------------------------------------------------------------------------


def test_kinds(films: Path) -> None:
    for spec, kind in {
        "demo": "demo", "demo:7": "demo", "0": "camera", "/dev/video3": "camera", "Logitech C920": "camera",
        "rtsp://u:p@cam/1": "url", "http://h/x.mp4": "url", str(films): "images", str(films / "plain.mp4"): "file",
        "gone.mp4": "file", "./some/where": "file",
    }.items():  # fmt: skip
        assert kind_of(spec) == kind, spec


@pytest.mark.parametrize(
    "name",
    ["USB 2.0 Camera", "USB2.0 PC CAMERA: USB2.0 PC CAM", "See3CAM v1.2", "DroidCam/OBS", "mmal service 16.1",
     "Logitech Inc. Webcam", "UVC Camera (046d:0825)", "/dev/v4l/by-id/usb-cam", "/dev/null"],
)  # fmt: skip
def test_names_of_cameras_are_no_files(name: str) -> None:
    assert kind_of(name) == "camera"


def test_what_exists_is_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("USB 2.0 Camera", "film", "See3CAM v1.2"):
        Path(name).write_bytes(b"x")
        assert kind_of(name) == "file"
    Path("DroidCam").mkdir()
    assert kind_of("DroidCam") == "images"
    assert kind_of("DroidCam/gone") == "file"
    assert kind_of("/dev/shm/gone.mkv") == "file"
    if Path("/dev/shm").is_dir():
        assert kind_of("/dev/shm") == "images"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kind_of("~/film") == "file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_and_a_name_that_is_no_text_are_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = str(tmp_path / "pipe")
    for spec, says in ((pipe, "neither a file nor a camera"), ("gesicht-\udce4.mkv", "not UTF-8")):
        with pytest.raises(InputError, match=says):
            kind_of(spec)


def test_camera_words() -> None:
    assert camera_word("My Clip") == "my-clip"
    assert camera_word("Müller Straße") == "muller-strasse"
    words = {camera_word(name) for name in ("面部 (1)", "面部 (2)", "видео", "лицо", "clip ø", "名" * 90)}
    assert len(words) == 6
    assert all(re.fullmatch(r"[a-z0-9_-]{1,32}", word) for word in (*words, camera_word("...")))
    assert camera_word("видео") == camera_word("видео")


@pytest.mark.parametrize(
    "spec, says",
    [
        ("", "no source given"),
        ("gone.mp4", "no such file"),
        ("{}/words.txt", "not a video"),
        ("{}/words.mp4", "not a video"),
        ("{}/empty.mp4", "empty"),
        ("{}/no_index.mp4", "cut off before its index"),
        ("{}/stills/img1.png", "single image"),
        ("{}/stills", "--pace"),
        ("{}/nothing", "no png, jpg, bmp or tif"),
        ("{}/sizes", r"b2\.png: 32x48 pixels among images of 64x48"),
        ("{}/rubbish", "none of its 2 images"),
        ("rtsp:///stream", "no host"),
        ("http://127.0.0.1:9/none", "no stream answers"),
        ("987", "there is none"),
        ("/dev/video987", "there is none"),
        ("no such webcam", "no such file, folder or camera"),
        ("demo:x", "no such file, folder or camera"),
    ],
)
def test_unusable_input_is_one_line_that_says_what_to_do(
    spec: str, says: str, films: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (films / "words.txt").write_text("no film " * 100)
    (films / "words.mp4").write_text("no film " * 100)
    (films / "empty.mp4").touch()
    for folder in ("nothing", "sizes", "rubbish"):
        (films / folder).mkdir(exist_ok=True)
    cv2.imwrite(str(films / "sizes" / "b1.png"), picture(0))
    cv2.imwrite(str(films / "sizes" / "b2.png"), picture(0, width=32))
    for name in ("a.png", "b.jpg"):
        (films / "rubbish" / name).write_bytes(b"rubbish")
    if sys.platform != "linux" and "987" in spec:
        pytest.skip("cameras are not looked up before they are opened here")
    pace = None if spec.endswith("stills") else 25
    with pytest.raises(InputError, match=says) as error:
        open_source(spec.format(films), pace=pace)
    assert "\n" not in str(error.value)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize(
    "how", [{"pace": 0}, {"pace": -5}, {"fps": 0}, {"rate": 1e9}, {"pace": float("nan")}]
)
def test_senseless_rates(films: Path, how: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        open_source(str(films / "plain.mp4"), **how)


@pytest.mark.parametrize(
    "wish, says",
    [
        ({"specs": ["{}/plain.mp4"], "settings": ["source.fps=200"]}, "source.fps=200: .*--fps"),
        ({"specs": ["{}"], "settings": ["source.width=320"]}, "a recording has its own"),
        ({"specs": ["0", "demo"], "rate": 50.0}, "--fps 50: only for recordings"),
        ({"specs": ["0"], "pace": 50.0}, "--pace 50: a camera has its own pace"),
    ],
)
def test_what_no_source_can_obey_is_refused(wish: dict[str, Any], says: str, films: Path) -> None:
    with pytest.raises(InputError, match=says):
        check_requests([spec.format(films) for spec in wish.pop("specs")], wish.pop("settings", ()), **wish)


def test_what_one_of_several_sources_can_obey_is_not() -> None:
    check_requests(
        ["0", "gone.mp4"], ["source.fps=200", "spotting.alarms_per_minute=1"], pace=50.0, rate=100.0
    )
    check_requests(["demo"], ["source.fps=200"], pace=50.0)


# --- video files -----------------------------------------------------------------------------------------------------


def test_every_frame_in_order(films: Path) -> None:
    for name in ("plain.mp4", "motion.avi", "index first.mp4"):
        source = open_source(str(films / name))
        assert (source.info.fps, source.info.frames) == (25.0, N)
        frames = some(source)
        assert [round(float(f.image[H // 2 :].mean()) / 8) for f in frames] == list(range(N))
        assert [f.t_ns for f in frames] == [40_000_000 * i for i in range(N)]
        assert source.problem == ""
        assert not source.lost


def test_true_times_of_a_variable_rate(films: Path) -> None:
    units = [1] * 10 + [5] + [2] * (N - 11)
    expected = [40_000_000 * int(x) for x in np.cumsum([0, *units[:-1]])]
    assert [f.t_ns for f in some(open_source(str(films / "uneven.mp4")))] == expected


def test_a_rate_that_the_file_says_wrongly(films: Path) -> None:
    source = open_source(str(films / "uneven.mp4"), rate=200)
    assert source.info.fps == 200
    assert [f.t_ns for f in some(source)] == [5_000_000 * i for i in range(N)]


def test_rotation_is_applied(films: Path) -> None:
    source = open_source(str(films / "rotated.mp4"))
    assert (source.info.width, source.info.height) == (H, W)
    image = source.read().image
    assert image[: W // 8, -H // 8 :].mean() > 200  # the bright corner went from top left to top right
    assert image[: W // 8, : H // 8].mean() < 50


@pytest.mark.parametrize("name", ["cut.mp4", "cut.avi"])
def test_a_truncated_file_gives_what_it_has_and_says_the_rest(films: Path, name: str) -> None:
    source = open_source(str(films / name))
    frames = some(source)
    assert 2 < len(frames) < N
    assert f"{len(frames)} of {N} promised frames" in source.problem
    assert not source.lost


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the measuring videos are not beside the checkout")
@pytest.mark.parametrize("name, count", [("expressive_face_24fps.mp4", 472), ("face_leaves_26fps.mov", 169)])
def test_real_videos_to_their_last_frame(name: str, count: int) -> None:
    source = open_source(str(SHARED / name))
    frames = 0
    while source.read() is not None:
        frames += 1
    assert (frames, source.info.frames, source.problem) == (count, count, "")


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_that_falls_silent_is_lost_and_does_not_hang(films: Path) -> None:
    content = (films / "index first.mp4").read_bytes()
    asked = threading.Event()

    class Stalling(_Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) * 4 // 5])
            self.wfile.flush()
            asked.wait(30)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = open_url(
        f"http://user:secret@127.0.0.1:{server.server_port}/live.mp4", open_timeout_s=5, read_timeout_s=0.5
    )
    assert 0 < len(some(source)) < N
    assert source.lost
    assert source.problem
    assert "secret" not in source.problem + source.info.spec
    asked.set()
    server.shutdown()
    server.server_close()


def test_a_file_behind_a_url_is_like_any_other_file(films: Path, website: str) -> None:
    source = open_source(f"{website}/index first.mp4".replace(" ", "%20"), pace="own")
    time = Time()
    source._pacer._clock, source._pacer.sleep = time, time.sleep
    frames = some(source)
    assert (source.info.kind, source.info.frames, len(frames)) == ("file", N, N)
    assert time.now == 40_000_000 * (N - 1)
    assert (source.problem, source.lost) == ("", False)


def test_a_file_behind_a_url_that_was_cut_off_is_damaged(films: Path, website: str) -> None:
    source = open_source(f"{website}/cut.mp4")
    frames = some(source)
    assert f"{len(frames)} of {N} promised frames" in source.problem
    assert source.damaged
    assert not source.lost


def test_a_live_stream_has_its_own_pace(films: Path) -> None:
    """No length and no end: pictures as a camera serves them."""
    jpegs = [cv2.imencode(".jpg", picture(i))[1].tobytes() for i in range(40)]

    class Camera(_Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for jpeg in jpegs:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = open_url(f"http://127.0.0.1:{server.server_port}/video", pace=5.0)
    assert source.info.kind == "url"
    assert source.info.frames is None
    assert "own pace" in source.info.advice
    assert 30 < len(some(source, 100)) <= 40
    assert source.lost
    assert "the stream ended after" in source.problem
    server.shutdown()
    server.server_close()


# --- folders ---------------------------------------------------------------------------------------------------------


def test_natural_order_and_given_rate(films: Path) -> None:
    source = open_source(str(films / "stills"), pace=2000)
    frames = some(source)
    assert (source.info.fps, source.info.frames, len(frames)) == (2000, 12, 12)
    assert [round(float(f.image[H // 2 :].mean()) / 8) for f in frames] == list(range(12))
    assert [f.t_ns for f in frames] == [500_000 * i for i in range(12)]


def test_a_recording_keeps_its_times_and_its_gaps(films: Path) -> None:
    source = open_source(str(films / "recorded"))
    frames = some(source)
    assert source.info.fps == 200
    assert [f.t_ns for f in frames] == [5_000_000 * i + 12345 for i in (100, 101, 102, 105, 106)]
    assert [f.gap for f in frames] == [0, 0, 0, 2, 0]
    assert [f.index for f in frames] == [0, 1, 2, 5, 6]


def test_an_undecodable_image_counts_as_lost(films: Path, tmp_path: Path) -> None:
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(i))
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:60])
    source = open_source(str(tmp_path), rate=100)
    frames = some(source)
    assert [(f.index, f.gap, f.t_ns) for f in frames][-1] == (4, 1, 40_000_000)
    assert "1 of 5 images are damaged or could not be decoded, the first 3.png" in source.problem
    (tmp_path / "0.png").write_bytes(b"")
    frames = some(open_source(str(tmp_path), rate=100))
    assert (frames[0].index, frames[0].gap, frames[0].t_ns) == (1, 1, 10_000_000)


def test_a_damaged_jpeg_counts_as_lost(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"{i}.jpg"), noise)
    whole = (tmp_path / "2.jpg").read_bytes()
    (tmp_path / "2.jpg").write_bytes(whole[:-800] + bytes(400) + whole[-400:])
    source = open_source(str(tmp_path), rate=100)
    assert [(f.index, f.gap) for f in some(source)] == [(0, 0), (1, 0), (3, 1), (4, 0)]
    assert "1 of 5 images are damaged" in source.problem and "2.jpg" in source.problem


def test_holes_in_the_numbers_are_lost_frames_and_times_stay_right(tmp_path: Path) -> None:
    for i in (3, 4, 7, 8, 10):
        cv2.imwrite(str(tmp_path / f"img{i}.png"), picture(i))
    source = open_source(str(tmp_path), rate=100)
    frames = some(source)
    assert [(f.index, f.gap) for f in frames] == [(0, 0), (1, 0), (4, 2), (5, 0), (7, 1)]
    assert [f.t_ns for f in frames] == [10_000_000 * f.index for f in frames]
    assert (
        source.problem == "" and "3 images between img3.png and img10.png are missing" in source.info.advice
    )
    again = open_source(str(tmp_path), rate=100)
    assert isinstance(again, PacedSource)
    again.skip(2)  # where a capture goes on that had read img4.png
    assert [f.index for f in some(again)] == [4, 5, 7]


def test_copies_and_strays_are_no_frames_and_are_named(tmp_path: Path) -> None:
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"img{i}.png"), picture(i))
    for name in ("img2 (1).png", "cover.png"):
        cv2.imwrite(str(tmp_path / name), picture(9))
    (tmp_path / "._img3.png").write_bytes(b"\0\5\26\7Mac OS X")
    (tmp_path / "Thumbs.db").touch()
    source = open_source(str(tmp_path), rate=100)
    assert [f.index for f in some(source)] == list(range(5)) and source.problem == ""
    assert "1 copy left out: img2 (1).png" in source.info.advice and "cover.png" in source.info.advice
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"cam2_{i}.png"), picture(i))
    with pytest.raises(InputError, match="2 series of images"):
        open_source(str(tmp_path), rate=100)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_deep_pictures_are_seen_as_bright_as_they_are(tmp_path: Path, suffix: str) -> None:
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.{suffix}"), picture(i).astype(np.uint16) << 2)
    source = open_source(str(tmp_path), rate=100)
    assert all((f.image == picture(i)).all() for i, f in enumerate(some(source)))
    assert "taken as 10 bits" in source.info.advice


def test_one_deep_picture_brighter_than_the_others_is_used_whole_or_said(tmp_path: Path) -> None:
    for i in range(200):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(0).astype(np.uint16) << (4 if i == 100 else 2))
    source = open_source(str(tmp_path), rate=100)
    assert "the largest is 4080: taken as 12 bits" in source.info.advice
    assert (some(source, 200)[100].image == picture(0)).all() and source.problem == ""
    paced = open_source(str(tmp_path), pace=10_000)
    assert "taken as 10 bits" in paced.info.advice
    assert some(paced, 200)[100].image.max() == 255
    assert "1 of 200 images exceed the 10 bits" in paced.problem and "the first 100.png" in paced.problem
    assert isinstance(paced, PacedSource) and not paced.damaged


def test_pictures_of_a_phone_stand_upright(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x112] = 6
    for i in range(3):
        lying = np.rot90(picture(i)[..., ::-1])
        Image.fromarray(lying).save(tmp_path / f"{i}.jpg", quality=100, exif=exif.tobytes())
    source = open_source(str(tmp_path), rate=100)
    frames = some(source)
    assert (source.info.width, source.info.height, len(frames)) == (W, H, 3) and source.problem == ""
    for i, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - picture(i)).mean() < 4


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_times_may_come_from_a_spreadsheet(tmp_path: Path, separator: str) -> None:
    rows = [("index", "t_ns", "file"), *((i, 5_000_000 * i, f"{i}.png") for i in range(3))]
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(i))
    table = "".join(separator.join(map(str, row)) + "\r\n" for row in rows)
    (tmp_path / "frames.csv").write_bytes(table.encode("utf-8-sig"))
    assert [f.t_ns for f in some(open_source(str(tmp_path)))] == [0, 5_000_000, 10_000_000]


@pytest.mark.parametrize(
    "table, says",
    [
        ("a,b\n1,2\n", ":1: expected the columns"),
        ("index,t_ns,file\n", "no frame is listed"),
        ("index,t_ns,file\n0,x,0.png\n", ":2: .* whole numbers"),
        ("index,t_ns,file\n0,0,0.png\n1,0,1.png\n", ":3: .* must rise"),
        ("index,t_ns,file\n0,0,0.png\n1,1,gone.png\n", ":3: gone.png is missing"),
        ("index,t_ns,file\n0,0,../0.png\n", ":2: .* not the name"),
        ("index,t_ns,file\n0,0\n", ":2: .* not the name"),
        (f"index,t_ns,file\n0,{1 << 70},0.png\n", ":2: .* out of range"),
        ("\xff\xfe\x00", "cannot be read|expected the columns"),
    ],
)
def test_a_wrong_table_of_times_is_refused_with_its_line(tmp_path: Path, table: str, says: str) -> None:
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(i))
    (tmp_path / "frames.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(InputError, match=says):
        open_source(str(tmp_path))


# --- pacing ----------------------------------------------------------------------------------------------------------


class Time:
    """A clock that only sleeping moves."""

    now = 0

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


def test_deadlines_do_not_drift() -> None:
    time = Time()
    pacer = Pacer(200.0, clock=time, sleep=time.sleep)
    arrived = []
    for i in range(1000):
        time.now += 1_234_567  # the work of a frame
        pacer.wait(i, 0)
        arrived.append(time.now)
    assert {b - a for a, b in pairwise(arrived)} == {5_000_000}
    assert pacer.behind_s == 0


def test_own_times_are_kept() -> None:
    time = Time()
    pacer = Pacer("own", clock=time, sleep=time.sleep)
    arrived = []
    for i, t in enumerate((70, 110, 310, 390)):
        pacer.wait(i, t * 10**6)
        arrived.append(time.now // 10**6)
    assert arrived == [0, 40, 240, 320]


def test_a_pause_is_waited_for_in_a_way_that_may_be_chosen_and_an_endless_one_is_not(films: Path) -> None:
    time = Time()
    pacer = Pacer("own", clock=time)
    waited: list[float] = []
    pacer.sleep = lambda seconds: (waited.append(seconds), time.sleep(seconds))
    for i, t_s in enumerate((0, 1, 15, 100_000, 100_001)):
        pacer.wait(i, t_s * 10**9)
    assert waited == [1, 14, 1]
    assert pacer.skipped_s == 100_000 - 15
    asked = Pacer(0.01, clock=time, sleep=time.sleep)
    for i in range(3):
        asked.wait(i, 0)
    assert asked.skipped_s == 0


def test_a_short_hiccup_is_caught_up_and_a_long_one_makes_no_burst() -> None:
    time = Time()
    pacer = Pacer(100.0, clock=time, sleep=time.sleep)
    arrived = []
    for i in range(40):
        if i == 10:
            time.now += 40_000_000
        if i == 20:
            time.now += 500_000_000
        pacer.wait(i, 0)
        arrived.append(time.now // 10**6)
    assert arrived[10] == 130 and arrived[13] == 130 and arrived[14] == 140  # caught up with
    steps = [b - a for a, b in pairwise(arrived[20:])]
    assert set(steps) == {10}
    assert pacer.behind_s == pytest.approx(0.49)


def test_a_pace_that_cannot_be_kept_is_said_and_no_frame_dropped(films: Path) -> None:
    source = open_source(str(films / "plain.mp4"), pace=50)
    pacer = source._pacer
    time = Time()
    pacer._clock, pacer.sleep = time, time.sleep
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
        time.now += 70_000_000
    assert len(frames) == N
    assert "could not keep 50 fps" in source.problem


def test_the_names_of_cameras() -> None:
    assert camera_word("My Clip (2).MOV") == "my-clip-2-mov"
    assert camera_word("///") == "camera"
    assert len(camera_word("x" * 99)) == 32


def test_the_settings_opencv_reads_when_loaded_are_made_first() -> None:
    assert os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] == "2"
