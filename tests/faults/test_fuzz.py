"""Every parser fed with rubbish and with valid input damaged: an InputError at most; no crash, no hang, memory bounded.

A few hundred inputs a parser; 10 000 with APEXCAM_LONG=1.
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
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import LONG

from engines.errors import InputError
from engines.inference.model_file import read_model
from offline.datasets.flowmaps import COLUMNS, FOLDER, TABLE, load_flowmaps
from offline.spotting.long_videos import load_database
from realtime import config, keys, messages, recorded, ring, segment
from realtime.client import Subscriber
from realtime.processes import wire
from realtime.report import Histogram
from realtime.sources.images import open_images

sys.path.insert(0, str(Path(__file__).parents[1] / "realtime"))
import bus_messages as some

HANG_S = 20.0
ROOM_BYTES = 1 << 31


def fuzz(strategy: st.SearchStrategy[Any], short: int = 200) -> Callable[[Any], Any]:
    """So many inputs of one strategy, given as ``data``."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    how = settings(max_examples=10_000 if LONG else short, deadline=None, suppress_health_check=checks)
    return lambda test: how(given(data=strategy)(test))


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Whoever asks for two gigabytes more than there are now gets a MemoryError, which no parser catches."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


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


@st.composite
def damaged(draw: Any, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes with a few places overwritten, filled in, cut out or repeated; sometimes nothing but rubbish."""
    if draw(st.integers(0, 9)) == 0:
        return bytes(draw(st.binary(max_size=300)))
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 16))
        piece = draw(st.binary(max_size=16))
        match draw(st.sampled_from(("over", "in", "out", "again", "short"))):
            case "over":
                data[at : at + len(piece)] = piece
            case "in":
                data[at:at] = piece
            case "out":
                del data[at : at + length]
            case "again":
                data[at:at] = data[at : at + length] * draw(st.integers(1, 50))
            case _:
                del data[at:]
    return bytes(data)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def put_elsewhere(valid: Any, at: list[int], value: Any) -> Any:
    """A copy of plain data with one place, found by a path of numbers, holding something else."""
    if not at or not isinstance(valid, dict | list) or not valid:
        return value
    keyed = list(valid) if isinstance(valid, dict) else list(range(len(valid)))
    key = keyed[at[0] % len(keyed)]
    copy = dict(valid) if isinstance(valid, dict) else list(valid)
    copy[key] = put_elsewhere(copy[key], at[1:], value)
    return copy


def other_values(valid: Any, values: st.SearchStrategy[Any] = ANY) -> st.SearchStrategy[Any]:
    """Valid plain data with a few values replaced."""
    change = st.tuples(st.lists(st.integers(0, 40), min_size=1, max_size=4), values)

    def changed(changes: list[Any]) -> Any:
        made = valid
        for at, value in changes:
            made = put_elsewhere(made, at, value)
        return made

    return st.lists(change, min_size=1, max_size=3).map(changed)


# --- the bus ----------------------------------------------------------------------------------------------------------

SENT = {"event": some.event(), "state": some.state(), "health": some.health(), "preview": some.preview()}


def _packed(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, ValueError):
        return b"\xc1"


PAYLOADS = st.one_of(
    damaged(st.sampled_from([msgspec.msgpack.encode(message) for message in SENT.values()])),
    *(other_values(msgspec.to_builtins(one, builtin_types=(bytes,))).map(_packed) for one in SENT.values()),
)


@pytest.fixture(scope="module")
def subscriber() -> Iterator[Subscriber]:
    with Subscriber("tcp://127.0.0.1:1", list(messages.SUBJECTS)) as opened:
        yield opened


@fuzz(st.tuples(st.sampled_from([*SENT, "gossip", ""]), st.text(max_size=10), PAYLOADS))
def test_bus_payloads(subscriber: Subscriber, data: tuple[str, str, bytes]) -> None:
    subject, camera, payload = data
    before = subscriber.rejected
    with survived():
        message = subscriber._decode(f"apexcam.v1.{camera}.{subject}", payload)
        assert type(message) is messages.SUBJECTS[subject] if message else subscriber.rejected == before + 1


@fuzz(damaged(st.just(msgspec.msgpack.encode(wire.Beat({"captured": 3}, {"flow": Histogram().pack()})))))
def test_what_processes_tell_main(data: bytes) -> None:
    with survived(), contextlib.suppress(*wire.DAMAGED):
        msgspec.msgpack.decode(data, type=wire.Up)
    with survived(), contextlib.suppress(msgspec.MsgspecError, ValueError):
        Histogram.unpack(data)


@fuzz(
    st.tuples(
        st.floats(),
        st.lists(st.integers(-5, 500), max_size=4),
        st.lists(st.integers(-1, 2**63 - 1), max_size=4),
    )
)
def test_histograms(data: Any) -> None:
    with survived(), contextlib.suppress(ValueError):
        Histogram.unpack(msgspec.msgpack.encode(data)).summary()


# --- configurations and keys ------------------------------------------------------------------------------------------

DEFAULTS = config.defaults_path().read_bytes()
WORDS = st.sampled_from(
    [
        "source",
        "fps",
        "bus",
        "keys",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "&a",
        "*a",
        "<<",
        "\n  ",
        "1e9",
        "-",
        "!!set",
        "'",
        "é",
    ]
)


@fuzz(
    damaged(st.just(DEFAULTS)) | st.lists(WORDS, max_size=20).map(lambda words: "".join(words).encode()),
    short=60,
)
def test_configurations(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(data)
    with survived():
        assert isinstance(config.load(file), config.Config)


@fuzz(
    st.text(max_size=40)
    | st.tuples(st.sampled_from(list(config.every_key())), st.text(max_size=20)).map("=".join),
    short=60,
)
def test_settings(data: str) -> None:
    with survived():
        assert isinstance(config.load(None, [data]), config.Config)


def test_a_configuration_that_multiplies_itself_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, 9):
        inside = ", ".join(f"k{i}: *a{level - 1}" for i in range(9))
        lines.append(f"a{level}: &a{level} {{{inside}}}")
    file = tmp_path / "c.yaml"
    file.write_text("\n".join(lines))
    with survived(), pytest.raises(InputError):
        config.load(file)
    with survived(), pytest.raises(InputError, match="larger than"):
        config.load("/dev/zero" if Path("/dev/zero").exists() else _large(tmp_path))


def _large(folder: Path) -> Path:
    (folder / "large.yaml").write_bytes(bytes(1 << 21))
    return folder / "large.yaml"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return keys.make(tmp_path_factory.mktemp("keys"), []).secret.read_bytes()


@fuzz(st.data())
def test_certificates(tmp_path: Path, certificate: bytes, data: Any) -> None:
    file = tmp_path / "key_secret"
    file.write_bytes(data.draw(damaged(st.just(certificate))))
    file.chmod(0o600)
    with survived():
        public, secret = keys.load_secret(file, "keys")
        assert len(public) == len(secret) == 40


# --- the ring ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shared memory")
@fuzz(
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 70)), max_size=5
    )
)
def test_ring_headers_and_segments(data: list[tuple[int, int]]) -> None:
    name = ring.ring_name("fuzz")
    ring.unlink(name)
    with ring.RingWriter(name, 4, 4, 6) as writer:
        for index in range(6):
            writer.write(ring.Frame(index, index, index, 0, np.full((4, 6, 3), index, np.uint8)))
        for word, value in data:
            if word < 64 or word % 8 == 0:
                writer._ring.header[word] = value  # type: ignore[union-attr]
        with survived(), ring.RingReader(name, "newest") as reader:
            for got in (
                reader.latest(),
                reader.read(0),
                reader.read(0),
                reader.read_at(4),
                reader.read_at(data[0][1] if data else 0),
            ):
                assert not isinstance(got, ring.Frame) or got.image.shape == (4, 6, 3)
        with survived():
            ring.unlink_stale()
        with survived():
            ring._take_over(name)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shared memory")
@fuzz(
    st.binary(min_size=1, max_size=200).flatmap(
        lambda head: st.integers(1, 9000).map(lambda n: (head * n)[:n])
    )
)
def test_segments_of_strangers(data: bytes) -> None:
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


# --- files ------------------------------------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    for name in ("000007.png", "000008.png"):
        (folder / name).write_bytes(png())
    return folder


ABOUTS = damaged(st.just(json.dumps(ABOUT).encode())) | other_values(ABOUT).map(
    lambda about: json.dumps(about).encode()
)


@fuzz(st.tuples(ABOUTS, st.just(TIMES) | damaged(st.just(TIMES))))
def test_recorded_events(recording: Path, data: tuple[bytes, bytes]) -> None:
    about, times = data
    (recording / "event.json").write_bytes(about)
    (recording / "frames.csv").write_bytes(times)
    with survived():
        read, _ = recorded.read(str(recording))
        with survived():
            recorded.settings(read)
        recorded.recognise(str(recording), lambda candidate: (read.event, {}))
    with survived():
        source = open_images(str(recording))
        while source.read() is not None:
            pass


CLIPS = [["casme2", "sub01", "a", 0], ["smic", "s01", "b", 1], ["samm", "006", "c", 2]]


def table(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    (folder / FOLDER).mkdir()
    return folder


CELLS = st.text(max_size=8) | st.integers() | st.sampled_from(["casme2", "../..", "/", "\x00", "x" * 300])


@fuzz(
    st.tuples(
        damaged(st.just(table(CLIPS)))
        | other_values(CLIPS, CELLS)
        .filter(lambda rows: isinstance(rows, list) and all(isinstance(row, list) for row in rows))
        .map(table),
        st.just(png()) | damaged(st.just(png())),
    )
)
def test_flow_map_folders(release: Path, data: tuple[bytes, bytes]) -> None:
    listed, picture = data
    (release / TABLE).write_bytes(listed)
    for _, person, clip, _ in CLIPS:
        (release / FOLDER / f"{person}_{clip} .png").write_bytes(picture)
    with survived():
        samples = load_flowmaps(release)
        assert samples.maps.shape[1:] == (3, 28, 28)


def test_a_picture_that_says_it_is_huge_is_not_decoded(release: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    (release / TABLE).write_bytes(table(CLIPS))
    for _, person, clip, _ in CLIPS:
        (release / FOLDER / f"{person}_{clip} .png").write_bytes(bomb)
    with survived(), pytest.raises(InputError, match="cannot be read"):
        load_flowmaps(release)


# --- networks ---------------------------------------------------------------------------------------------------------

NETWORK = (resources.files("engines.weights") / "ststnet.onnx").read_bytes()


def metadata(key: str, value: str) -> bytes:
    """A protobuf field of ONNX' metadata_props; one more of a key wins over the one before."""

    def field(tag: int, content: bytes) -> bytes:
        length, size = b"", len(content)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([tag]) + length + bytes([size]) + content

    return field(0x72, field(0x0A, key.encode()) + field(0x12, value.encode("utf-8", "replace")))


KEYS = st.sampled_from(["apexcam.schema", "apexcam.classes", "apexcam.name", "apexcam.other"])
CLASSES = ANY.map(json.dumps) | st.text(max_size=30) | st.integers(1, 60_000).map(lambda n: "[" * n)


@fuzz(
    damaged(st.just(NETWORK))
    | st.lists(st.tuples(KEYS, CLASSES), max_size=3).map(
        lambda props: NETWORK + b"".join(metadata(*p) for p in props)
    ),
    short=80,
)
def test_networks(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(data)
    with survived():
        model = read_model(file)
        assert all(isinstance(word, str) for word in model.classes)


# --- annotation sheets ------------------------------------------------------------------------------------------------

HEADER = ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type"]
SAMM = [HEADER, ["006", "006_1_1", 1, 3, 5, 8, 6, "Micro"], ["006", "006_1_2", 1, 9, -1, 0, 3, "Macro"]]
CASME = [
    [[1, "disgust1_1", 3, 5, 8, "4+7", "negative", "macro-expression", "disgust"]],
    [[15, "s15", 1], [16, "s16", 2]],
    [["0101", "disgust1"], ["0502", "happy2"]],
]
SHEET_CELLS = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=12),
    st.sampled_from(["inf", "nan", "1e999", "9" * 5000, "٣", "Micro", "Filename", "Onset"]),
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    for place in ("SAMM_longvideos/006_1", "rawpic/s15/15_0101disgustingteeth"):
        (root / place).mkdir(parents=True)
        (root / place / "006_1_0001.png").write_bytes(png())
    return root


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


SAMM_BOOKS = other_values(SAMM, SHEET_CELLS).map(lambda rows: workbook({"table": rows}))
CASME_BOOKS = other_values(CASME, SHEET_CELLS).map(
    lambda rows: workbook(sheets_of(rows if isinstance(rows, list) else [rows]))
)


@fuzz(
    st.tuples(st.just("sammlv"), SAMM_BOOKS | damaged(st.just(workbook({"table": SAMM}))))
    | st.tuples(st.just("casme2long"), CASME_BOOKS | damaged(st.just(workbook(sheets_of(CASME))))),
    short=60,
)
def test_annotation_sheets(videos: Path, data: tuple[str, bytes]) -> None:
    layout, book = data
    name = {"sammlv": "SAMM_LongVideos_V3.xlsx", "casme2long": "CAS(ME)^2code_final.xlsx"}[layout]
    (videos / name).write_bytes(book)
    with survived():
        load_database(videos, layout)
