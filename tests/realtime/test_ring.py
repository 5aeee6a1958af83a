"""The ring: what goes in comes out whole, laps are counted, nothing is left behind, nothing foreign is believed."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.errors import InputError
from realtime import ring
from realtime.ring import END, End, Frame, Lapped, Replaced, RingReader, RingWriter, layout, owners, segment

ROOT = Path(__file__).resolve().parents[2]
SPAWN = multiprocessing.get_context("spawn")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows frees shared memory by itself")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev/shm and /proc")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    name = ring.ring_name(f"t{abs(hash(request.node.name)) % 10**8}")
    yield name
    ring.unlink(name)


def frame(index: int, height: int = 4, width: int = 6, gap: int = 0) -> Frame:
    image = np.full((height, width, 3), index % 251, np.uint8)
    return Frame(index, index * 1000, time.monotonic_ns(), gap, image)


def test_frames_come_out_as_they_went_in(name: str) -> None:
    rng = np.random.default_rng(0)
    with RingWriter(name, 8, 5, 7) as writer, RingReader(name) as reader:
        sent = [Frame(i, 10 * i, 100 + i, i % 3, rng.integers(0, 256, (5, 7, 3), np.uint8)) for i in range(8)]
        for one in sent:
            writer.write(one)
        assert (reader.head, reader.lag) == (8, 8)
        for one in sent:
            got = reader.read(0)
            assert isinstance(got, Frame)
            assert (got.index, got.t_ns, got.host_ns, got.gap) == (one.index, one.t_ns, one.host_ns, one.gap)
            np.testing.assert_array_equal(got.image, one.image)
        assert reader.lag == 0
        assert reader.read(0) is None


def test_end_comes_after_the_last_frame_and_stays(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        writer.write(frame(0))
        writer.end()
        assert isinstance(reader.read(0), Frame)
        assert reader.ended
        assert [reader.read(0), reader.read(1)] == [END, END]


def test_a_laggard_is_told_by_how_many_and_goes_on_at_the_newest(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        for i in range(11):
            writer.write(frame(i))
        assert reader.read(0) == Lapped(10)
        got = reader.read(0)
        assert isinstance(got, Frame)
        assert got.index == 10
        assert reader.read(0) is None


def test_a_slot_being_written_is_never_handed_out(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        for i in range(4):
            writer.write(frame(i))
        writer._ring.heads[0][0] = 2 * 4 + 1  # as while frame 4 is being copied over frame 0
        assert reader.read(0) == Lapped(3)
        assert reader.read_at(0) is None
        got = reader.read(0)
        assert isinstance(got, Frame)
        assert got.index == 3


def test_a_slot_overwritten_during_the_copy_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        for i in range(4):
            writer.write(frame(i))
        copy = np.copyto

        def slow_copy(to: np.ndarray, source: np.ndarray) -> None:
            monkeypatch.undo()
            for i in range(4, 9):
                writer.write(frame(i))
            copy(to, source)

        monkeypatch.setattr(np, "copyto", slow_copy)
        assert reader.read(0) == Lapped(8)


def test_read_into_a_buffer_of_the_caller(name: str) -> None:
    out = np.zeros((4, 6, 3), np.uint8)
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        writer.write(frame(7))
        got = reader.read(0, out)
        assert isinstance(got, Frame)
        assert got.image is out
        assert (out == 7).all()
        for bad in (
            np.zeros((6, 4, 3), np.uint8),
            np.zeros((4, 6, 3), np.int8),
            np.zeros((8, 6, 3), np.uint8)[::2],
        ):
            with pytest.raises(ValueError, match="out must be"):
                reader.read(0, bad)


def test_latest_and_read_at_leave_reading_alone(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        assert reader.latest() is None
        for i in range(100, 106):
            writer.write(frame(i))
        latest = reader.latest()
        assert latest is not None
        assert latest.index == 105
        past = reader.read_at(103)
        assert past is not None
        assert past.index == 103
        assert (past.image == 103).all()
        assert reader.read_at(101) is None  # overwritten by 105
        assert reader.read_at(99) is None
        assert reader.read_at(106) is None
        assert reader.read(0) == Lapped(5)


def test_indices_may_pass_over_lost_frames(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        for i, gap in ((10, 0), (11, 0), (15, 3), (16, 0), (20, 3), (21, 0)):
            written = frame(i)
            written.gap = gap
            writer.write(written)
        kept = {index: got.index for index in range(25) if (got := reader.read_at(index)) is not None}
        assert kept == {index: index for index in (15, 16, 20, 21)}
        written = frame(30)
        written.gap = 2
        with pytest.raises(InputError, match="frame 30 after 21"):
            writer.write(written)


def test_where_reading_starts(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer:
        with RingReader(name) as early:
            for i in range(3):
                writer.write(frame(i))
            assert [early.read(0).index for _ in range(3)] == [0, 1, 2]
        for i in range(3, 10):
            writer.write(frame(i))
        for start, first in (("oldest", 7), ("newest", 9), (8, 8)):
            with RingReader(name, start) as reader:
                got = reader.read(0)
                assert isinstance(got, Frame)
                assert got.index == first
        with RingReader(name, 2) as again:  # one that was restarted still counts what it missed
            assert again.read(0) == Lapped(7)
            assert again.position == 9


@pytest.mark.parametrize("futex", [True, False])
def test_a_waiting_reader_is_woken(name: str, futex: bool) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name, futex=futex) as reader:
        got: list[object] = []
        thread = threading.Thread(target=lambda: got.extend([reader.read(20), reader.read(20)]))
        thread.start()
        time.sleep(0.05)
        writer.write(frame(0))
        time.sleep(0.05)
        writer.end()
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(got[0], Frame)
        assert isinstance(got[1], End)


def test_heartbeat(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer, RingReader(name) as reader:
        writer._ring.header[layout.BEAT] -= 5 * 10**9
        assert reader.heartbeat_age_s >= 5
        writer.beat()
        assert reader.heartbeat_age_s < 5
        assert reader.read(0) is None


def test_wrong_frames_are_refused(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer:
        with pytest.raises(InputError, match="made for uint8"):
            writer.write(frame(0, height=5))
        writer.write(frame(0))
        with pytest.raises(InputError, match="rise by 1"):
            writer.write(frame(2))
        assert writer.count == 1


@pytest.mark.parametrize("slots, height, width", [(1, 4, 6), (70000, 4, 6), (4, 0, 6), (4, 4, 100_000)])
def test_senseless_rings_are_refused(name: str, slots: int, height: int, width: int) -> None:
    with pytest.raises(InputError):
        RingWriter(name, slots, height, width)


def test_senseless_names_are_refused() -> None:
    for bad in ("", "psm_1234", "apexcam-x-cam", "apexcam-1-../../etc/x", "apexcam-1-A"):
        with pytest.raises(InputError, match="segment name"):
            RingWriter(bad, 4, 4, 6)
        with pytest.raises(InputError, match="segment name"):
            RingReader(bad)


def test_long_camera_names_stay_apart() -> None:
    names = {ring.ring_name("a" * 40 + end, 4_000_000) for end in "xyz"}
    assert len(names) == 3
    assert all(len(n) <= 30 and segment.owner(n) == 4_000_000 for n in names)


def test_closing_twice_and_using_what_is_closed(name: str) -> None:
    writer = RingWriter(name, 4, 4, 6)
    reader = RingReader(name)
    for end in (writer, reader):
        end.close()
        end.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(frame(0))
    with pytest.raises(ValueError, match="closed"):
        reader.read(0)
    with pytest.raises(InputError, match="there is none"):
        RingReader(name)


def test_a_reader_waits_for_the_ring_to_appear(name: str) -> None:
    made: list[RingWriter] = []
    timer = threading.Timer(0.1, lambda: made.append(RingWriter(name, 4, 4, 6)))
    timer.start()
    with RingReader(name, timeout_s=10) as reader:
        assert (reader.slots, reader.height, reader.width) == (4, 4, 6)
    timer.join()
    made[0].close()


# --- processes -------------------------------------------------------------------------------------------------------


def _write_uniform(name: str, count: int) -> None:
    writer = RingWriter(name, 3, 120, 160)
    _wait_for_file(name)
    for i in range(count):
        writer.write(Frame(i, i, i, 0, np.full((120, 160, 3), i % 251, np.uint8)))
    writer.end()
    writer.close(unlink=False)


def _wait_for_file(name: str) -> None:
    with RingReader(f"{name}go", timeout_s=30):
        return


def test_readers_of_a_writer_at_full_speed_see_no_torn_frame_and_lose_none_uncounted(name: str) -> None:
    count = 4000
    process = SPAWN.Process(target=_write_uniform, args=(name, count))
    process.start()
    readers = [RingReader(name, timeout_s=60) for _ in range(2)]
    with RingWriter(f"{name}go", 2, 1, 1):
        read, lost, last = [0, 0], [0, 0], [-1, -1]
        out = np.empty((120, 160, 3), np.uint8)
        open_ = {0, 1}
        while open_:
            for i in tuple(open_):
                got = readers[i].read(10, out)
                assert got is not None
                if isinstance(got, End):
                    open_.remove(i)
                elif isinstance(got, Lapped):
                    assert got.count > 0
                    lost[i] += got.count
                else:
                    assert got.index == got.t_ns == got.host_ns == read[i] + lost[i] > last[i]
                    assert out.min() == out.max() == got.index % 251
                    read[i] += 1
                    last[i] = got.index
    for i in (0, 1):
        assert read[i] + lost[i] == count
        assert last[i] == count - 1
        readers[i].close()
    process.join(30)
    assert process.exitcode == 0


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@POSIX
def test_a_reader_process_ends_without_taking_the_ring_along_or_complaining(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer:
        writer.write(frame(3))
        done = _run(f"from realtime.ring import RingReader; print(RingReader('{name}').read(1).index)")
        assert (done.stdout, done.stderr) == ("3\n", "")
        with RingReader(name) as reader:
            assert isinstance(reader.read(0), Frame)


@POSIX
def test_unlinked_by_creator_and_main_alike_without_a_word() -> None:
    done = _run(
        "from realtime import ring; n = ring.ring_name('twice'); w = ring.RingWriter(n, 4, 4, 6)\n"
        "print(ring.unlink(n), ring.unlink(n)); w.close(); print(ring.unlink(n))"
    )
    assert (done.stdout, done.stderr) == ("True False\nFalse\n", "")


@POSIX
def test_the_segment_of_a_killed_process_is_cleaned_and_a_live_one_kept(name: str) -> None:
    code = (
        "import os, signal; from realtime import ring; n = ring.ring_name('dead'); ring.RingWriter(n, 4, 4, 6)\n"
        "print(n, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = _run(code)
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == ""
    left = done.stdout.strip()
    with RingWriter(name, 4, 4, 6):
        assert left in segment.names()
        removed = ring.unlink_stale()
        assert left in removed
        assert name not in removed
        assert left not in segment.names()
        assert name in segment.names()


@LINUX
def test_a_name_whose_process_id_was_given_to_another_process_is_stale(name: str) -> None:
    writer = RingWriter(name, 4, 4, 6)
    header = writer._ring.header
    header[layout.OWNER_BORN] -= 1
    assert not owners.is_stale(name)  # its writer lives
    header[layout.WRITER_BORN] -= 1
    assert owners.is_stale(name)
    header[layout.NAMESPACE] += 1  # of another container: not for us to judge
    assert not owners.is_stale(name)
    writer.close()


@POSIX
def test_a_dead_writers_ring_is_taken_over_and_its_readers_are_told(name: str) -> None:
    code = f"import os; from realtime.ring import *; RingWriter('{name}', 4, 4, 6); os._exit(9)"
    assert _run(code).returncode == 9
    old = RingReader(name)
    assert old.read(0) is None
    with RingWriter(name, 8, 5, 7) as writer:
        assert isinstance(old.read(0), Replaced)
        with RingReader(name) as new:
            assert (new.slots, new.height, new.width) == (8, 5, 7)
            assert new.generation == writer.generation == old.generation + 1
    old.close()


def test_a_container_with_the_same_process_id_keeps_its_ring(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = name.rpartition("-")[2]
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(segment, "pid_namespace", lambda: 7)
        writer = ring.RingWriter(name, 4, 4, 6)
    with writer, ring.RingReader(name) as reader:
        mine = ring.free_name(camera, os.getpid())
        assert mine != name
        assert segment.owner(mine) == os.getpid()
        with ring.RingWriter(mine, 4, 4, 6):
            pass
        ring.unlink_of(os.getpid())
        ring.unlink_stale()
        assert name in segment.names()
        assert reader.is_open
    assert ring.free_name(camera, os.getpid()) == name


@LINUX
def test_a_ring_that_is_just_being_made_is_left_alone_whoever_makes_it() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    name = ring.ring_name("unfinished", gone.pid)
    segment.create(name, 8192).close()
    try:
        ring.unlink_stale()
        assert name in segment.names()
        os.utime(Path("/dev/shm", name), (0, 0))
        ring.unlink_stale()
        assert name not in segment.names()
    finally:
        ring.unlink(name)


def test_two_writers_are_one_too_many(name: str) -> None:
    with RingWriter(name, 4, 4, 6), pytest.raises(InputError, match=f"written by process {os.getpid()}"):
        RingWriter(name, 4, 4, 6)


@LINUX
def test_too_little_shared_memory_is_said_before_anything_breaks(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "free_bytes", lambda: 10 * 2**20)
    assert ring.free_slots(480, 640) == 11
    with pytest.raises(InputError, match=r"64 slots of 640x480 need 56 MiB .* 11 would fit"):
        RingWriter(name, 64, 480, 640)
    assert name not in segment.names()
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)  # another program was quicker
    with pytest.raises(InputError, match="would fit"):
        RingWriter(name, 4, 480, 640)
    assert name not in segment.names()


@LINUX
def test_nothing_stays_open() -> None:
    name = ring.ring_name("handles")

    def once() -> None:
        with RingWriter(name, 4, 4, 6), RingReader(name) as reader:
            reader.latest()

    once()
    before = len(list(Path("/proc/self/fd").iterdir()))
    maps = Path("/proc/self/maps").read_text().count(segment.PREFIX)
    for _ in range(20):
        once()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert Path("/proc/self/maps").read_text().count(segment.PREFIX) == maps


@POSIX
def test_segments_are_known_where_shared_memory_cannot_be_listed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "_SHM", tmp_path / "none")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    dead = f"apexcam-{2**22 + 1}-cam"  # no process has such a number
    segment.create(dead, 8192).close()
    with RingWriter(name, 4, 4, 6):
        assert sorted(segment.names()) == sorted((dead, name))
        assert ring.unlink_stale() == [dead]
        assert list(segment.names()) == [name]
    assert list(segment.names()) == []
    assert ring.free_slots(4, 6) is None


# --- foreign and damaged headers -------------------------------------------------------------------------------------


def foreign(name: str, content: bytes) -> None:
    memory = segment.create(name, len(content))
    memory.buffer[:] = content
    memory.close()


@POSIX
@pytest.mark.parametrize("size", [1, 8, 4095])
def test_too_short_for_a_ring(name: str, size: int) -> None:
    foreign(name, b"\1" * size)
    with pytest.raises(InputError, match="too few"):
        RingReader(name)


@POSIX
def test_foreign_and_future_headers(name: str) -> None:
    foreign(name, b"\1" * 8192)
    with pytest.raises(InputError, match="not a ring"):
        RingReader(name)
    ring.unlink(name)
    with RingWriter(name, 4, 4, 6) as writer:
        writer._ring.header[layout.VERSION] = 99
        with pytest.raises(InputError, match="version 99"):
            RingReader(name)


@POSIX
def test_a_header_not_finished_is_waited_for(name: str) -> None:
    with RingWriter(name, 4, 4, 6) as writer:
        writer._ring.header[layout.MAGIC] = 0
        with pytest.raises(InputError, match="there is none"):
            RingReader(name, timeout_s=0.02)


@POSIX
@pytest.mark.parametrize(
    "word", [layout.SIZE, layout.SLOTS, layout.HEIGHT, layout.WIDTH, layout.CHANNELS, layout.STRIDE]
)
@pytest.mark.parametrize("value", [-1, 0, 1, 9, 2**40, 2**63 - 1])
def test_damaged_geometry(name: str, word: int, value: int) -> None:
    with RingWriter(name, 4, 4, 6) as writer:
        writer._ring.header[word] = value
        with pytest.raises(InputError, match="damaged"):
            RingReader(name)


@POSIX
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4096 + 4 * 192 - 9), st.binary(min_size=1, max_size=8)), max_size=6))
def test_no_damage_crashes_hangs_or_yields_a_bad_frame(name: str, damage: list[tuple[int, bytes]]) -> None:
    ring.unlink(name)
    with RingWriter(name, 4, 4, 6) as writer:
        for i in range(6):
            writer.write(frame(i))
        for at, content in damage:
            writer._ring.memory.buffer[at : at + len(content)] = content
        try:
            with RingReader(name, "newest") as reader:
                for got in (reader.latest(), reader.read(0), reader.read(0), reader.read_at(4)):
                    assert got is None or isinstance(got, Lapped | End) or got.image.shape == (4, 6, 3)
        except InputError:
            pass
