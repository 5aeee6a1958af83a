"""Backend ``opencv``: OpenCV's own DualTVL1, the solver that the papers used."""

import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.flow.backend import Solve, Solved
from engines.flow.light import normalise
from engines.flow.presets import Preset


def solver(preset: Preset) -> Solve:
    """A function that solves a pair with OpenCV.

    Of a preset other than "opencv" it takes the parameters; kernel and borders stay OpenCV's.
    """
    own = threading.local()

    def solve_pair(onset: NDArray[np.float32], apex: NDArray[np.float32]) -> Solved:
        if not hasattr(own, "tvl1"):
            own.tvl1 = _create(preset)
        if preset.normalise:
            onset, apex = normalise(onset, apex)
        # OpenCV scales float images by 255 itself.
        flow = own.tvl1.calc(onset / np.float32(255), apex / np.float32(255), None)
        u, v = np.ascontiguousarray(flow[..., 0]), np.ascontiguousarray(flow[..., 1])
        return Solved(u, v)

    def solve(onsets: NDArray[np.float32], apexes: NDArray[np.float32]) -> list[Solved]:
        return [solve_pair(onset, apex) for onset, apex in zip(onsets, apexes, strict=True)]

    return solve


def _create(preset: Preset) -> Any:
    tvl1 = cv2.optflow.DualTVL1OpticalFlow_create()  # type: ignore[attr-defined]
    tvl1.setTau(preset.tau)
    tvl1.setLambda(preset.lam)
    tvl1.setTheta(preset.theta)
    tvl1.setEpsilon(preset.epsilon)
    tvl1.setScalesNumber(preset.scales)
    tvl1.setScaleStep(preset.step)
    tvl1.setWarpingsNumber(preset.warps)
    tvl1.setOuterIterations(preset.outer)
    tvl1.setInnerIterations(preset.inner)
    tvl1.setMedianFiltering(5 if preset.median else 1)
    return tvl1
