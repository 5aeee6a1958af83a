"""The GPU itself, with cuda.core's own objects replaced: what is done in which order."""

import ctypes

import numpy as np
import pytest

pytest.importorskip("cuda.core", reason="cuda-core is not installed")

from engines import cuda
from engines.cuda import gpu
from engines.cuda.machine import Launch


class Log(list):
    def note(self, *words):
        self.append(" ".join(map(str, words)))


@pytest.fixture
def log(monkeypatch):
    log = Log()

    class Graph:
        def upload(self, stream):
            log.note("upload")

        def launch(self, stream):
            log.note("launch graph on", stream.handle)

    class Builder:
        def __init__(self, stream):
            self.stream = stream

        def begin_building(self):
            log.note("begin")

        def end_building(self):
            log.note("end")
            return self

        def complete(self):
            return Graph()

    class Stream:
        handle = 42

        def sync(self):
            log.note("sync")

        def create_graph_builder(self):
            return Builder(self)

    class Device:
        name, compute_capability, arch = "Pretend", (8, 9), "89"

        def set_current(self):
            pass

        def create_stream(self):
            return Stream()

        def allocate(self, size, stream):
            return Buffer(4096, size)

    class Buffer:
        def __init__(self, handle, size):
            self.handle, self.size = handle, size

        @staticmethod
        def from_handle(handle, size, owner=None):
            return Buffer(handle, size)

        def copy_from(self, other, stream):
            log.note("copy", other.size, "on", type(stream).__name__)

    class Pinned:
        def allocate(self, size, stream):
            self.kept = ctypes.create_string_buffer(size)
            buffer = Buffer(ctypes.addressof(self.kept), size)
            buffer.kept = self.kept
            return buffer

    monkeypatch.setattr(gpu, "Device", Device)
    monkeypatch.setattr(gpu, "Buffer", Buffer)
    monkeypatch.setattr(gpu, "LegacyPinnedMemoryResource", Pinned)
    monkeypatch.setattr(gpu, "LaunchConfig", lambda grid, block: f"{grid} of {block}")
    monkeypatch.setattr(
        gpu, "launch", lambda builder, config, kernel, *arguments: log.note("launch", kernel, config)
    )
    return log


def test_a_network_runs_once_outside_then_everything_is_captured_on_one_stream(log):
    machine = gpu.Gpu()

    class Code:
        def get_kernel(self, name):
            return f"kernel {name}"

    machine.load(Code(), ["warp"], 512)
    here = machine.reserve_here(6)
    here[:] = 1
    steps = [Launch("warp", (3, 1, 1), (np.int32(1),)), lambda stream: log.note("network on", stream)]
    run = machine.record([(8192, here)], steps, [(here, 8192)])
    assert log == [
        "network on 42",
        "sync",
        "begin",
        "copy 24 on Builder",
        "launch kernel warp (3, 1, 1) of 512",
        "network on 42",
        "copy 24 on Builder",
        "end",
        "upload",
    ]
    log.clear()
    run()
    run()
    assert log == ["launch graph on 42", "sync"] * 2


def test_what_a_compiled_network_depends_on(log):
    identity = gpu.Gpu().identity
    assert (identity["gpu"], identity["capability"]) == ("Pretend", "8.9")
    assert set(identity) == {"gpu", "capability", "driver"}


def test_there_is_one_for_the_process(log):
    cuda.current.cache_clear()
    try:
        assert cuda.current() is cuda.current()
    finally:
        cuda.current.cache_clear()
