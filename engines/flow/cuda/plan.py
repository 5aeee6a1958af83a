"""What the GPU does for a batch of pairs: every copy and launch of the whole pyramid, in order, known
beforehand.

A plan knows no GPU. It lays the buffers out in one arena and lists the steps; ``gpu.py`` records them in a
CUDA graph, the tests run the same steps on the host. Iterations that are no longer needed are in the list
too: their kernels look at what the last ones moved and only hand the state on, so that nobody has to ask the
host.
"""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.cuda.machine import Launch
from engines.flow import light
from engines.flow.backend import HALF_TRUST
from engines.flow.maps import SIDE, SMOOTHING
from engines.flow.presets import Preset
from engines.flow.sampling import cubic_weights, level_sizes

# As in kernels.cu.
THREADS: Final = 512
TILE: Final = 22
FUSED: Final = 5
_BYTES: Final = 4
# Buffers begin where a memory transaction begins.
_ALIGNED: Final = 64


# A buffer by its name, or from a number of floats on; a whole number; a real one.
_Argument = str | tuple[str, int] | int | float


class Plan:
    """The buffers and steps for ``pairs`` pairs of ``height`` x ``width`` pixels.

    What goes in: ``pictures`` (2, pairs, H, W), onsets then apexes, in grey levels; ``weights`` and ``taps``,
    see ``constants``. What comes out: ``flow`` (pairs, 2, H, W), u and v; ``quality`` (pairs, 2, H, W),
    residual and confidence; ``done`` (pairs,), iterations; with ``maps`` also ``maps`` and ``scaled`` (pairs,
    3, 28, 28), the flow maps in pixels and as the benchmark scales them. ``done`` is int32, all else float32.
    """

    def __init__(self, height: int, width: int, pairs: int, preset: Preset, *, maps: bool = False):
        self.height, self.width, self.pairs, self.preset = height, width, pairs, preset
        self.constants: dict[str, NDArray[np.float32]] = {
            "weights": cubic_weights(preset.sharpness, preset.fractions),
            "taps": np.asarray(cv2.getGaussianKernel(7, SMOOTHING), np.float32).ravel(),
        }
        self.floats = 0
        self._offsets: dict[str, int] = {}
        self._list: list[tuple[str, tuple[int, int, int], tuple[_Argument, ...]]] = []
        self._sizes = level_sizes(height, width, preset)
        self._lay_out()
        if preset.normalise:
            self._normalise()
        self._shrink_pictures()
        self._add("clear", _cover(pairs), "done", pairs)
        flow = self._climb()
        self._offsets["flow"] = self._offsets[f"flow{flow}"]
        self._add("finish", self._cover(0, pairs), "flow", "constants", "quality", height, width, HALF_TRUST)
        if maps:
            self._make_maps(flow)

    def launches(self, arena: int) -> list[Launch]:
        """The launches in order, with the arena at this address."""
        return [
            Launch(kernel, grid, tuple(self._bind(a, arena) for a in given))
            for kernel, grid, given in self._list
        ]

    def offset(self, name: str) -> int:
        """Where a buffer begins in the arena, in floats."""
        return self._offsets[name]

    def _bind(self, argument: _Argument, arena: int) -> np.generic:
        if isinstance(argument, int):
            return np.int32(argument)
        if isinstance(argument, float):
            return np.float32(argument)
        name, skip = (argument, 0) if isinstance(argument, str) else argument
        return np.uintp(arena + (self._offsets[name] + skip) * _BYTES)

    def _add(self, kernel: str, grid: tuple[int, int, int], *arguments: _Argument) -> None:
        self._list.append((kernel, grid, arguments))

    def _cover(self, level: int, images: int, planes: int = 1) -> tuple[int, int, int]:
        height, width = self._sizes[level]
        return (-(-height * width // THREADS), images, planes)

    def _lay_out(self) -> None:
        pairs, area = self.pairs, self.height * self.width
        sizes = {name: values.size for name, values in self.constants.items()}
        sizes |= {f"pictures{level}": 2 * pairs * h * w for level, (h, w) in enumerate(self._sizes)}
        sizes |= dict.fromkeys(("flow0", "flow1", "quality"), 2 * pairs * area)
        sizes |= dict.fromkeys(("duals0", "duals1", "constants"), 4 * pairs * area)
        sizes |= dict.fromkeys(("moved0", "moved1"), pairs * _tiles(self.height, self.width))
        sizes |= dict.fromkeys(("maps", "scaled"), 3 * pairs * SIDE * SIDE)
        sizes |= {"samples": 3 * pairs * area, "done": pairs, "deviations": 2 * pairs}
        for name, size in sizes.items():
            self._offsets[name] = self.floats
            self.floats += -(-size // _ALIGNED) * _ALIGNED
        # These are needed only before the first warp, or after the last.
        shared = {"pictures": "pictures0", "average0": "duals0", "average1": "duals1", "strains": "samples"}
        self._offsets |= {name: self._offsets[other] for name, other in shared.items()}

    def _normalise(self) -> None:
        """See engines/flow/light.py."""
        cover, reach = self._cover(0, 2 * self.pairs), light.radius(self.height, self.width)
        area = self.height * self.width
        for squared in (0, 1):
            source = "pictures"
            for turn, vertical in enumerate((0, 1, 0, 1)):
                target = f"average{turn % 2}"
                squares = squared if turn == 0 else 0
                self._add("box", cover, source, target, self.height, self.width, reach, vertical, squares)
                source = target
            if not squared:
                self._add("detail", cover, "pictures", "average1", area)
                self._add("deviation", (1, 2 * self.pairs, 1), "pictures", "deviations", area)
        constants = (light.FLOOR, light.LEVEL, light.GAIN_LIMIT)
        self._add("contrast", cover, "pictures", "average1", "deviations", area, self.pairs, *constants)

    def _shrink_pictures(self) -> None:
        step = 1 / self.preset.step
        for level in range(1, len(self._sizes)):
            sizes = (*self._sizes[level - 1], *self._sizes[level])
            source, target = f"pictures{level - 1}", f"pictures{level}"
            self._add("resize", self._cover(level, 2 * self.pairs), source, target, *sizes, step, step, 1.0)

    def _climb(self) -> int:
        """From the coarsest level to the finest. Returns which of the two flow buffers holds the result."""
        flow = 0
        for level in reversed(range(len(self._sizes))):
            height, width = self._sizes[level]
            if level == len(self._sizes) - 1:
                values = 2 * self.pairs * height * width
                self._add("clear", _cover(values), f"flow{flow}", values)
            else:
                h, w = self._sizes[level + 1]
                steps = (h / height, w / width, 1 / self.preset.step)
                cover = self._cover(level, 2 * self.pairs)
                self._add("resize", cover, f"flow{flow}", f"flow{1 - flow}", h, w, height, width, *steps)
                flow = 1 - flow
            values = 4 * self.pairs * height * width
            self._add("clear", _cover(values), "duals0", values)
            apexes = (f"pictures{level}", self.pairs * height * width)
            self._add("derive", self._cover(level, self.pairs), apexes, "samples", height, width)
            duals = 0
            for _ in range(self.preset.warps):
                flow, duals = self._warp(level, flow, duals)
        return flow

    def _warp(self, level: int, flow: int, duals: int) -> tuple[int, int]:
        preset, (height, width) = self.preset, self._sizes[level]
        moved, tiles = 0, _tiles(height, width)
        enough = preset.epsilon**2 * height * width
        shift = int(math.log2(preset.fractions))
        pictures = ("samples", f"pictures{level}", f"flow{flow}", "constants", "weights")
        edges = int(preset.repeat_edges)
        self._add("warp", self._cover(level, self.pairs), *pictures, height, width, shift, edges)
        first = 1
        numbers = (enough, preset.lam * preset.theta, preset.tau / preset.theta, preset.theta)
        for _ in range(preset.outer):
            if preset.median:
                buffers = (f"flow{flow}", f"flow{1 - flow}", f"moved{moved}")
                cover = self._cover(level, self.pairs, 2)
                self._add("median", cover, *buffers, tiles, enough, first, height, width)
                flow = 1 - flow
            for start in range(0, preset.inner, FUSED):
                count = min(FUSED, preset.inner - start)
                unknowns = (f"flow{flow}", f"flow{1 - flow}", f"duals{duals}", f"duals{1 - duals}")
                sums = (f"moved{moved}", f"moved{1 - moved}", "done")
                grid = (tiles, self.pairs, 1)
                self._add(
                    "iterate", grid, *unknowns, "constants", *sums, *numbers, height, width, count, first
                )
                flow, duals, moved, first = 1 - flow, 1 - duals, 1 - moved, 0
        return flow, duals

    def _make_maps(self, flow: int) -> None:
        smooth, cover = f"flow{1 - flow}", self._cover(0, self.pairs)
        self._add("smooth", self._cover(0, self.pairs, 2), "flow", smooth, "taps", self.height, self.width)
        self._add("strain", cover, smooth, "strains", self.height, self.width)
        pixels = SIDE * SIDE
        shape = (self.height, self.width, SIDE)
        self._add("shrink_map", (-(-pixels // THREADS), self.pairs, 3), "flow", "strains", "maps", *shape)
        self._add("benchmark", (1, self.pairs, 3), "maps", "scaled", pixels)


def _cover(values: int) -> tuple[int, int, int]:
    return (-(-values // THREADS), 1, 1)


def _tiles(height: int, width: int) -> int:
    return -(-height // TILE) * -(-width // TILE)
