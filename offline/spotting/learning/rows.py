"""A whole recording as the rows the live spotter makes of it frame by frame, fast enough to be made anew each epoch.

Equal to `engines.spotting.face_motion.FaceMotion` followed by `engines.spotting.features.FeatureRows`, with their own
constants; the tests hold the two together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from engines.spotting.face_motion import FIRST_STEP_S, WINDOW_NOISE_PX
from engines.spotting.features import COLUMNS, FIRST_NOISE_PX, LEAST_NOISE_PX, MOTION, RATE_HZ, REACH
from engines.spotting.head import design_of, fit, trust_in
from engines.spotting.history import DOUBLES_S, FIRST_DOUBLES_S, MEDIAN
from engines.spotting.motion import SURE
from engines.spotting.settings import SpottingSettings
from offline.spotting.learning.recordings import Recording

_SETTLE_S = SpottingSettings().head_settle_s
_HALF_S = 0.5 / RATE_HZ


@dataclass(frozen=True)
class Stretch:
    """One stretch in which the face was seen: ``times_s`` (T,) multiples of 1/30 s, ``rows`` float32 (T, COLUMNS)."""

    times_s: NDArray[np.float64]
    rows: NDArray[np.float32]


def rows_of(recording: Recording, shift: NDArray[np.float64] | None = None) -> list[Stretch]:
    """The rows of every stretch, of the recording as it is or with other shifts (N, R, 2)."""
    motion, pose = without_head(recording, recording.shift if shift is None else shift)
    n = len(motion)
    frames = np.concatenate(
        [motion.reshape(n, -1), pose, recording.eyes, recording.shape, 1 - recording.match], axis=1
    )
    found = []
    for stretch in recording.stretches():
        at, values = resampled(recording.times_s[stretch], frames[stretch])
        found.append(Stretch(at, _with_noise(values)))
    return found


def without_head(
    recording: Recording, shift: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Motion (N, R, 2) of the face and pose (N, 6) of the head, chained over references; NaN where nothing is seen."""
    motion, pose = _chain(
        np.ascontiguousarray(shift),
        trust_in(recording.match, WINDOW_NOISE_PX),
        recording.match > SURE,
        recording.reference,
        recording.begins,
        design_of(recording.centres, recording.depths),
        recording.times_s,
        _SETTLE_S,
        FIRST_STEP_S,
    )
    return motion, pose


# Kept compiled by this file's time alone: whoever changes `fit` must touch this file as well.
@compiled()
def _chain(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    shift, trust, sure, reference, begins, designs, times, settle_s, first_step_s
):
    frames, regions = shift.shape[0], shift.shape[1]
    motion, poses = np.full((frames, regions, 2), np.nan), np.full((frames, 6), np.nan)
    now, carry = np.zeros((regions, 2)), np.zeros((regions, 2))
    pose, pose_carry = np.zeros(6), np.zeros(6)
    used = -1
    for k in range(frames):
        if reference[k] < 0:
            continue
        step_s = times[k] - times[k - 1]
        if begins[k]:
            step_s = first_step_s
            now[:], carry[:], pose[:], pose_carry[:] = 0.0, 0.0, 0.0, 0.0
        elif reference[k] != used:
            carry[:] = now
            pose_carry += pose
            pose[:] = 0.0
        used = reference[k]
        pose = fit(designs[used], shift[k], trust[k], pose, settle_s / max(step_s, 1e-3))
        for r in range(regions):
            if sure[k, r]:
                for axis in range(2):
                    head = 0.0
                    for i in range(6):
                        head += designs[used, r, axis, i] * pose[i]
                    now[r, axis] = shift[k, r, axis] - head + carry[r, axis]
        motion[k] = now
        poses[k] = pose + pose_carry
    return motion, poses


def resampled(
    times_s: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames (N, C) as samples at thirty a second, with their times: what `Grid` gives of them one by one."""
    numbers = np.arange(
        int(np.ceil((times_s[0] + _HALF_S) * RATE_HZ)), int(np.ceil(times_s[-1] * RATE_HZ)) + 1
    )
    at = numbers / RATE_HZ
    at = at[at + _HALF_S <= times_s[-1]]
    steps = np.diff(times_s)
    slopes = np.diff(values, axis=0) / steps[:, None]
    # Means over a sample's time are differences of the line's integral.
    area = np.zeros_like(values)
    np.cumsum(0.5 * (values[1:] + values[:-1]) * steps[:, None], axis=0, out=area[1:])

    def until(moments: NDArray[np.float64]) -> NDArray[np.float64]:
        k = np.clip(np.searchsorted(times_s, moments, side="right") - 1, 0, len(steps) - 1)
        past = (moments - times_s[k])[:, None]
        return np.asarray(area[k] + past * (values[k] + 0.5 * slopes[k] * past))

    return at, (until(at + _HALF_S) - until(at - _HALF_S)) / (2 * _HALF_S)


def _with_noise(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Samples (T, COLUMNS without noise) with the logarithm of each region's noise, as `FeatureRows` adds it."""
    moved = values[:, MOTION]
    sizes = np.full_like(moved, np.nan)
    if len(moved) > 2 * REACH:
        middle, around = moved[REACH:-REACH], moved[: -2 * REACH] + moved[2 * REACH :]
        sizes[2 * REACH :] = np.abs(middle - 0.5 * around)
    noise = _running(
        sizes, 1 / RATE_HZ, FIRST_NOISE_PX * MEDIAN, LEAST_NOISE_PX * MEDIAN, DOUBLES_S, FIRST_DOUBLES_S
    )
    rows: NDArray[Any] = np.concatenate([values, np.log(noise / MEDIAN)], axis=1)
    assert rows.shape[1] == COLUMNS
    return rows.astype(np.float32)


@compiled()
def _running(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    sizes, step_s, first, least, doubles_s, first_doubles_s
):
    count, columns = sizes.shape
    out = np.empty((count, columns))
    median = np.full(columns, first)
    age_s = 0.0
    for k in range(count):
        if not np.isnan(sizes[k, 0]):
            age_s += step_s
            factor = np.exp(np.log(2.0) * step_s / min(doubles_s, first_doubles_s + 0.5 * age_s))
            for i in range(columns):
                if sizes[k, i] > median[i]:
                    median[i] *= factor
                elif sizes[k, i] < median[i]:
                    median[i] /= factor
                median[i] = max(median[i], least)
        out[k] = median
    return out
