"""The flow solvers of others that ours are measured against, all as (onset, apex) -> (u, v)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Its stubs lack the contributed modules.
_cv2: Any = cv2
Picture = NDArray[np.uint8]
Measure = Callable[[Picture, Picture], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class Peer:
    """A solver under test: who computes it, in which variant, and how to call it on uint8 (H, W) images."""

    backend: str
    preset: str
    measure: Measure


def peers() -> list[Peer]:
    """The peers that are installed here, OpenCV's TV-L1 first: it is what all are compared with."""
    tvl1 = _cv2.optflow.DualTVL1OpticalFlow_create()
    found = [Peer("cv2", "DualTVL1", _of_opencv(tvl1))]
    found.append(Peer("skimage", "TV-L1", _skimage))
    for preset, number in (
        ("medium", _cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
        ("fast", _cv2.DISOPTICAL_FLOW_PRESET_FAST),
    ):
        found.append(Peer("cv2", f"DIS {preset}", _of_opencv(_cv2.DISOpticalFlow_create(number))))
    found.append(Peer("cv2", "Farneback", _of_opencv(_cv2.FarnebackOpticalFlow_create())))
    if (
        hasattr(_cv2, "cuda")
        and _cv2.cuda.getCudaEnabledDeviceCount()
        and hasattr(_cv2, "cuda_OpticalFlowDual_TVL1")
    ):
        found.append(Peer("cv2.cuda", "DualTVL1", _of_opencv_cuda(_cv2.cuda_OpticalFlowDual_TVL1.create())))
    return found


def _of_opencv(solver: Any) -> Measure:
    def measure(onset: Picture, apex: Picture) -> Any:
        flow = solver.calc(onset, apex, None)
        return flow[..., 0], flow[..., 1]

    return measure


def _of_opencv_cuda(solver: Any) -> Measure:
    def measure(onset: Picture, apex: Picture) -> Any:
        first, second = _cv2.cuda_GpuMat(onset), _cv2.cuda_GpuMat(apex)
        flow = solver.calc(first, second, None).download()
        return flow[..., 0], flow[..., 1]

    return measure


def _skimage(onset: Picture, apex: Picture) -> Any:
    from skimage.registration import optical_flow_tvl1

    v, u = optical_flow_tvl1(onset, apex)  # type: ignore[no-untyped-call]
    return u, v
