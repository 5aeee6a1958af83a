"""Curves: what is still found as displacement, noise, head motion and frame rate change, one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from offline.spotting.rendered import Knobs, RenderedVideo
from offline.spotting.scoring import Watched, score

VALUES: dict[str, tuple[float, ...]] = {
    "amplitude_px": (0.3, 0.5, 0.8, 1.2, 1.8, 3.0),
    "noise": (0.0, 1.5, 3.0, 4.5, 6.0),
    "sway_px": (0.0, 3.0, 6.0, 10.0, 15.0),
    "fps": (200.0, 100.0, 60.0, 30.0, 25.0),
}
TITLES = {
    "amplitude_px": "displacement at the apex, px of a face 200 px wide",
    "noise": "sensor noise, grey levels",
    "sway_px": "sway of the head, px of the frame",
    "fps": "frames a second",
}
# Everything that a curve does not change.
_STEADY = Knobs(noise=(2.0, 2.0), sway_px=(4.0, 4.0), face_px=(200.0, 200.0))


@dataclass(frozen=True)
class Point:
    """One value of one curve, and the videos it is measured on."""

    curve: str
    value: float
    videos: tuple[RenderedVideo, ...]


def plan(seeds: Sequence[int], seconds: float, fps: float) -> list[Point]:
    """All points of all curves; a video that lies on several curves has one name."""
    points = []
    for curve, values in VALUES.items():
        for value in values:
            change: Any = value if curve == "fps" else (value, value)
            knobs = replace(_STEADY, **{"seconds": seconds, "fps": fps, curve: change})
            tag = f"-{_span(knobs.amplitude_px)}px-noise{knobs.noise[0]:g}-sway{knobs.sway_px[0]:g}"
            videos = tuple(RenderedVideo(seed, knobs, tag) for seed in seeds)
            points.append(Point(curve, value, videos))
    return points


def _span(values: tuple[float, float]) -> str:
    return f"{values[0]:g}" if values[0] == values[1] else f"{values[0]:g}to{values[1]:g}"


def row(point: Point, watched: Sequence[Watched]) -> dict[str, Any]:
    """The figures of one point: micro-expressions only, with the 95 % interval of their recall."""
    scored = score(watched)
    micro = scored.get("micro") or {"performed": 0, "spotted": 0, "hits": 0}
    low, high = wilson(micro["hits"], micro["performed"])
    return {
        "curve": point.curve,
        "value": point.value,
        "performed": micro["performed"],
        "recall": micro.get("recall"),
        "recall_ci95": [round(low, 4), round(high, 4)],
        "precision": micro.get("precision"),
        "f1": micro.get("f1"),
        "apex_mae_frames": micro.get("apex_mae_frames"),
        "apex_mae_ms": micro.get("apex_mae_ms"),
        "false_per_minute": round((micro["spotted"] - micro["hits"]) / max(scored["minutes"], 1e-9), 3),
    }


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (0, 1) where there is nothing."""
    if total == 0:
        return 0.0, 1.0
    z = 1.959964
    share, spread = hits / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    reach = z * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)
