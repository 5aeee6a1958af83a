"""Every parser of what others give us, as a function of bytes, and valid bytes to begin with, for both ways of fuzzing.

Each lets an InputError pass as an answer; anything else that is raised is a finding.
"""

import contextlib
import csv
import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import openpyxl

from engines import stills
from engines.errors import InputError
from engines.inference.model_file import read_model
from offline.datasets.flowmaps import COLUMNS, FOLDER, TABLE, load_flowmaps
from offline.spotting.long_videos import load_database
from realtime import config, messages, ring
from realtime.bus import keys
from realtime.client import Subscriber
from realtime.processes import wire
from realtime.processes.counts import CaptureCounts
from realtime.processes.histogram import Histogram
from realtime.recording import recorded
from realtime.ring import segment
from realtime.sources.images import open_images

sys.path.insert(0, str(Path(__file__).parents[1] / "realtime"))
import bus_messages as some

HANG_S = 20.0


@contextlib.contextmanager
def survived() -> Iterator[None]:
    """An InputError is an answer; seconds of processor time are a hang."""

    def hangs(*_: object) -> None:
        raise AssertionError(f"still at it after {HANG_S:g} s of processor time")

    if not hasattr(signal, "ITIMER_PROF"):
        with contextlib.suppress(InputError):
            yield
        return
    before = signal.signal(signal.SIGPROF, hangs)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        yield
    except InputError as error:
        assert str(error).strip()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


# --- valid input ------------------------------------------------------------------------------------------------------

SENT = {"event": some.event(), "state": some.state(), "health": some.health(), "preview": some.preview()}
BEAT = msgspec.msgpack.encode(wire.Heartbeat(CaptureCounts(captured=3), {"flow": Histogram().pack()}))
DEFAULTS = config.defaults_path().read_bytes()
NETWORK = (resources.files("engines.weights") / "ststnet.onnx").read_bytes()


def png(height: int = 28, width: int = 28) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".png", image)[1])


ABOUT = {
    "schema": "apexcam.recording/1",
    "event": msgspec.to_builtins(some.event()),
    "crop_to_frame": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    "taken_from": [{"frame": 7, "part": [0, 0, 28, 28]}, {"frame": 7, "part": [0, 0, 28, 28]}],
    "frames": 2,
    "frames_missing": 0,
    "settings": {"recognise": {"preset": "precise"}},
}
TIMES = b"index,t_ns,file\n7,35000000,000007.png\n8,40000000,000008.png\n"


CLIPS = [["casme2", "sub01", "a", 0], ["smic", "s01", "b", 1], ["samm", "006", "c", 2]]


def table(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


HEADER = ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type"]
SAMM = [HEADER, ["006", "006_1_1", 1, 3, 5, 8, 6, "Micro"], ["006", "006_1_2", 1, 9, -1, 0, 3, "Macro"]]
CASME = [
    [[1, "disgust1_1", 3, 5, 8, "4+7", "negative", "macro-expression", "disgust"]],
    [[15, "s15", 1], [16, "s16", 2]],
    [["0101", "disgust1"], ["0502", "happy2"]],
]


def workbook(sheets: dict[str, Any]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows if isinstance(rows, list) else []:
            with contextlib.suppress(ValueError, openpyxl.utils.exceptions.IllegalCharacterError):
                sheet.append(row if isinstance(row, list) else [row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheets_of(rows: list[Any]) -> dict[str, Any]:
    return dict(zip(("CASFEcode_final", "naming rule1", "naming rule2"), rows, strict=False))


# --- the parsers ------------------------------------------------------------------------------------------------------


def bus(subscriber: Subscriber, payload: bytes, subject: str, camera: str = "desk") -> None:
    before = subscriber.rejected
    with survived():
        message = subscriber._decode(f"apexcam.v1.{camera}.{subject}", payload)
        assert type(message) is messages.SUBJECTS[subject] if message else subscriber.rejected == before + 1


def processes(data: bytes) -> None:
    with survived(), contextlib.suppress(*wire.DAMAGED):
        msgspec.msgpack.decode(data, type=wire.Up)
    with survived(), contextlib.suppress(msgspec.MsgspecError, ValueError):
        Histogram.unpack(data)


def configuration(folder: Path, data: bytes) -> None:
    file = folder / "c.yaml"
    file.write_bytes(data)
    with survived():
        assert isinstance(config.load(file), config.Config)


def certificate(folder: Path, data: bytes) -> None:
    file = folder / "key_secret"
    file.write_bytes(data)
    file.chmod(0o600)
    with survived():
        public, secret = keys.load_secret(file, "keys")
        assert len(public) == len(secret) == 40


def stranger(data: bytes) -> None:
    """A segment with the name of a ring."""
    name = ring.ring_name("stranger")
    ring.unlink(name)
    memory = segment.create(name, len(data))
    memory.buffer[:] = data
    memory.close()
    try:
        with survived(), ring.RingReader(name):
            pass
        with survived():
            ring.unlink_stale()
    finally:
        ring.unlink(name)


def recording_folder(folder: Path) -> Path:
    for name in ("000007.png", "000008.png"):
        (folder / name).write_bytes(png())
    return folder


def recording(folder: Path, about: bytes, times: bytes) -> None:
    (folder / "event.json").write_bytes(about)
    (folder / "frames.csv").write_bytes(times)
    with survived():
        read, _ = recorded.read(str(folder))
        with survived():
            recorded.settings(read)
        recorded.recognise(str(folder), lambda candidate: (read.event, {}))
    with survived():
        source = open_images(str(folder))
        while source.read() is not None:
            pass


def release_folder(folder: Path) -> Path:
    (folder / FOLDER).mkdir()
    return folder


def release(folder: Path, listed: bytes, picture: bytes) -> None:
    (folder / TABLE).write_bytes(listed)
    for _, person, clip, _ in CLIPS:
        (folder / FOLDER / f"{person}_{clip} .png").write_bytes(picture)
    with survived():
        samples = load_flowmaps(folder)
        assert samples.maps.shape[1:] == (3, 28, 28)


def network(folder: Path, data: bytes) -> None:
    file = folder / "network.onnx"
    file.write_bytes(data)
    with survived():
        model = read_model(file)
        assert all(isinstance(word, str) for word in model.classes)


def still(folder: Path, data: bytes) -> None:
    """A picture of any format: what the bytes are is told by them, not by the name."""
    file = folder / "still.png"
    file.write_bytes(data)
    with survived():
        stills.size(file)
        depth = stills.depth_of([file])
        for grey in (False, True):
            image = stills.read(file, depth, grey=grey)
            assert image is None or image.dtype == np.uint8


def deep(suffix: str) -> bytes:
    image = np.random.default_rng(0).integers(0, 4096, (28, 28), dtype=np.uint16)
    return bytes(cv2.imencode(suffix, image if suffix in (".png", ".tif") else image.astype(np.uint8))[1])


def videos_folder(folder: Path) -> Path:
    for place in ("SAMM_longvideos/006_1", "rawpic/s15/15_0101disgustingteeth"):
        (folder / place).mkdir(parents=True)
        (folder / place / "006_1_0001.png").write_bytes(png())
    return folder


def sheet(folder: Path, book: bytes, layout: str) -> None:
    name = {"sammlv": "SAMM_LongVideos_V3.xlsx", "casme2long": "CAS(ME)^2code_final.xlsx"}[layout]
    (folder / name).write_bytes(book)
    with survived():
        load_database(folder, layout)


# A parser of bytes alone, made in a folder of its own, and valid bytes for it.
Parser = tuple[Callable[[bytes], None], bytes]


def all_parsers(folder: Path) -> dict[str, Callable[[], Parser]]:
    """By name."""

    def bus_of(subject: str) -> Parser:
        subscriber = Subscriber("tcp://127.0.0.1:1", list(messages.SUBJECTS))
        return lambda data: bus(subscriber, data, subject), msgspec.msgpack.encode(SENT[subject])

    def recording_of(part: int) -> Parser:
        made, valid = recording_folder(folder), [json.dumps(ABOUT).encode(), TIMES]
        return lambda data: recording(made, *valid[:part], data, *valid[part + 1 :]), valid[part]

    def release_of(part: int) -> Parser:
        made, valid = release_folder(folder), [table(CLIPS), png()]
        return lambda data: release(made, *valid[:part], data, *valid[part + 1 :]), valid[part]

    def sheet_of(layout: str, valid: bytes) -> Parser:
        made = videos_folder(folder)
        return lambda data: sheet(made, data, layout), valid

    buses = {f"bus-{subject}": lambda subject=subject: bus_of(subject) for subject in SENT}
    return buses | {
        "processes": lambda: (processes, BEAT),
        "configuration": lambda: (lambda data: configuration(folder, data), DEFAULTS),
        "certificate": lambda: (
            lambda data: certificate(folder, data),
            keys.make(folder / "keys", []).secret.read_bytes(),
        ),
        "segment": lambda: (lambda data: stranger(data or b"0"), bytes(5000)),
        "event": lambda: recording_of(0),
        "times": lambda: recording_of(1),
        "table": lambda: release_of(0),
        "picture": lambda: release_of(1),
        "still-png": lambda: (lambda data: still(folder, data), deep(".png")),
        "still-tif": lambda: (lambda data: still(folder, data), deep(".tif")),
        "network": lambda: (lambda data: network(folder, data), NETWORK),
        "samm-sheet": lambda: sheet_of("sammlv", workbook({"table": SAMM})),
        "casme-sheet": lambda: sheet_of("casme2long", workbook(sheets_of(CASME))),
    }
