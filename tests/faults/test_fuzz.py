"""Every parser fed with rubbish and with valid input damaged: an InputError at most; no crash, no hang, memory bounded.

A few hundred inputs a parser; 10 000 with APEXCAM_LONG=1.
"""

import contextlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import parsers
import pytest
from config_keys import every_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parsers import (
    ABOUT,
    BEAT,
    CASME,
    CLIPS,
    DEFAULTS,
    NETWORK,
    SAMM,
    SENT,
    TIMES,
    png,
    sheets_of,
    survived,
    table,
    workbook,
)
from running import LONG

from engines.errors import InputError
from engines.inference.model_file import read_model
from offline.datasets.flowmaps import FOLDER, TABLE, load_flowmaps
from offline.spotting.long_videos import load_database
from realtime import config, messages, ring
from realtime.bus import keys
from realtime.client import Subscriber
from realtime.processes.histogram import Histogram
from realtime.ring.writer import take_over

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
    parsers.bus(subscriber, payload, subject, camera)


@fuzz(damaged(st.just(BEAT)))
def test_what_processes_tell_main(data: bytes) -> None:
    parsers.processes(data)


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
    parsers.configuration(tmp_path, data)


@fuzz(
    st.text(max_size=40) | st.tuples(st.sampled_from(list(every_key())), st.text(max_size=20)).map("=".join),
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
    parsers.certificate(tmp_path, data.draw(damaged(st.just(certificate))))


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
            take_over(name)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shared memory")
@fuzz(
    st.binary(min_size=1, max_size=200).flatmap(
        lambda head: st.integers(1, 9000).map(lambda n: (head * n)[:n])
    )
)
def test_segments_of_strangers(data: bytes) -> None:
    parsers.stranger(data)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parsers.recording_folder(tmp_path_factory.mktemp("recording"))


ABOUTS = damaged(st.just(json.dumps(ABOUT).encode())) | other_values(ABOUT).map(
    lambda about: json.dumps(about).encode()
)


@fuzz(st.tuples(ABOUTS, st.just(TIMES) | damaged(st.just(TIMES))))
def test_recorded_events(recording: Path, data: tuple[bytes, bytes]) -> None:
    parsers.recording(recording, *data)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parsers.release_folder(tmp_path_factory.mktemp("release"))


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
    parsers.release(release, *data)


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


def test_a_chunk_that_says_it_is_longer_than_its_file_is_not_read(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = png()
    at = picture.index(b"IDAT") - 4
    monkeypatch.setattr("cv2.imread", lambda *_: pytest.fail("OpenCV takes as many gigabytes as it says"))
    with pytest.raises(InputError, match="cannot be read"):
        parsers.release(release, table(CLIPS), picture[:at] + b"\x80\0\0\0" + picture[at + 4 :])
        load_flowmaps(release)


# --- networks ---------------------------------------------------------------------------------------------------------


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
    parsers.network(tmp_path, data)


@fuzz(damaged(st.sampled_from([parsers.deep(suffix) for suffix in (".png", ".tif", ".bmp", ".jpg")])))
def test_pictures(tmp_path: Path, data: bytes) -> None:
    parsers.still(tmp_path, data)


def test_a_network_whose_metadata_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(NETWORK + metadata("apexcam.name", "name").replace(b"name", b"na\xff\xff"))
    with pytest.raises(InputError, match="no UTF-8"):
        read_model(file)


# --- annotation sheets ------------------------------------------------------------------------------------------------

SHEET_CELLS = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=12),
    st.sampled_from(["inf", "nan", "1e999", "9" * 5000, "٣", "Micro", "Filename", "Onset"]),
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parsers.videos_folder(tmp_path_factory.mktemp("videos"))


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
    parsers.sheet(videos, book, layout)


def test_a_workbook_that_names_no_sheet_is_refused(videos: Path) -> None:
    packed = io.BytesIO(workbook({"table": SAMM}))
    emptied = io.BytesIO()
    with zipfile.ZipFile(packed) as before, zipfile.ZipFile(emptied, "w") as after:
        for name in before.namelist():
            after.writestr(name, re.sub(rb"<sheets>.*</sheets>", b"<sheets/>", before.read(name)))
    (videos / "SAMM_LongVideos_V3.xlsx").write_bytes(emptied.getvalue())
    with pytest.raises(InputError, match="no sheet"):
        load_database(videos, "sammlv")
