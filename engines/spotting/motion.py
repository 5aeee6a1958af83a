"""How far each facial region has moved since a reference crop, to a few hundredths of a pixel, at full frame rate.

Inverse-compositional Lucas-Kanade (Baker & Matthews 2004) on one window a region, translation only, with gain and
offset of the window's brightness fitted away, started where the region was in the frame before. Some 8,000 pixels
a frame instead of a dense field: about a tenth of a millisecond.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from engines.face.geometry import Image, Matrix, to_crop, to_frame
from engines.spotting.regions import EYE_HALF_SIZE, HALF_SIZES, place, place_eyes

# Windows that correlate less with their reference are not where they are thought to be.
SURE = 0.7
_ITERATIONS = 6
_CONVERGED_PX = 0.003


@dataclass(frozen=True)
class Motion:
    """Regions against the reference: ``shift`` float64 (R, 2) pixels of its crop, x right, y down; ``match`` (R,) the
    correlation of each window with its reference, 1 at best; ``eyes`` (2,) the same correlation of the eye windows.
    """

    shift: NDArray[np.float64]
    match: NDArray[np.float64]
    eyes: NDArray[np.float64]


# Crop pixels are frame pixels: for crops that are known to be under one transform.
_SAME: Matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class RegionMotion:
    """Follows all regions from a reference crop. `refer` sets the reference, `measure` compares a crop with it.

    The crops may be under different similarities (``matrix``, crop to frame, float64 2x3): places are kept in pixels of
    the frame, so a reference outlives a step of the stabiliser.
    """

    def __init__(self) -> None:
        count = len(HALF_SIZES)
        self.centres: NDArray[np.int64] = np.zeros((count, 2), dtype=np.int64)
        self.depths: NDArray[np.float64] = np.zeros(count)
        self._eyes: NDArray[np.int64] = np.zeros((2, 2), dtype=np.int64)
        self._eye_looks: NDArray[np.float32] | None = None
        self._reference: NDArray[np.float32] | None = None
        self._matrix: Matrix = _SAME
        self._places: NDArray[np.float64] = np.zeros((count, 2))

    def refer(
        self,
        crop: Image,
        landmarks: NDArray[np.floating[Any]],
        matrix: Matrix = _SAME,
        eyes: bool = True,
    ) -> None:
        """Make ``crop`` (uint8 170x140) the reference, windows placed by ``landmarks`` (478, 3) in its pixels.

        With ``eyes`` false the eyes are still compared with how they looked before: they may be shut now.
        """
        self.centres, self.depths = place(landmarks)
        self._eyes = place_eyes(landmarks)
        self._reference = _smooth(crop)
        self._matrix = matrix
        if eyes or self._eye_looks is None:
            (wide, high), looks = EYE_HALF_SIZE, []
            for x, y in self._eyes:
                looks.append(self._reference[y - high : y + high + 1, x - wide : x + wide + 1])
            self._eye_looks = np.ascontiguousarray(looks)
        self._places = to_frame(matrix, self.centres.astype(np.float64))

    def measure(
        self, crop: Image, matrix: Matrix = _SAME, head_px: NDArray[np.float64] | None = None
    ) -> Motion:
        """Compare ``crop`` (uint8 170x140) with the reference.

        ``head_px`` (2,), pixels of this crop: how far the head is known to have gone since the crop before; windows
        are sought that much farther on.
        """
        assert self._reference is not None, "refer() comes first"
        image = _smooth(crop)
        start = to_crop(matrix, self._places) - self.centres
        if head_px is not None:
            start = start + head_px
        here, match = _follow(self._reference, image, self.centres, HALF_SIZES, start)
        head = np.median(here, axis=0)
        eyes = _correlate(self._eye_looks, image, self._eyes, head)
        # A region that was lost is sought again where the head is.
        found = np.where((match > SURE)[:, None], here, head)
        self._places = to_frame(matrix, self.centres + found)
        shift = to_crop(self._matrix, to_frame(matrix, self.centres + here)) - self.centres
        return Motion(shift, match, eyes)


def _smooth(crop: Image) -> NDArray[np.float32]:
    # Interpolating a smooth image is what makes hundredths of a pixel meaningful.
    return np.asarray(cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 1.0), dtype=np.float32)


@compiled(fastmath={"contract", "reassoc", "nsz", "arcp"})
def _sample(image, x, y):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    height, width = image.shape
    x = min(max(x, 0.0), width - 1.001)
    y = min(max(y, 0.0), height - 1.001)
    ix, iy = int(x), int(y)
    fx, fy = x - ix, y - iy
    top = image[iy, ix] + fx * (image[iy, ix + 1] - image[iy, ix])
    bottom = image[iy + 1, ix] + fx * (image[iy + 1, ix + 1] - image[iy + 1, ix])
    return top + fy * (bottom - top)


@compiled(fastmath={"contract", "reassoc", "nsz", "arcp"})
def _follow(reference, image, centres, half_sizes, start):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    regions = centres.shape[0]
    shift = np.empty((regions, 2))
    match = np.empty(regions)
    for r in range(regions):
        cx, cy = centres[r, 0], centres[r, 1]
        hx, hy = half_sizes[r, 0], half_sizes[r, 1]
        count = (2 * hx + 1) * (2 * hy + 1)
        template = np.empty(count)
        gx = np.empty(count)
        gy = np.empty(count)
        weight = np.empty(count)
        total, mean = 0.0, 0.0
        i = 0
        for dy in range(-hy, hy + 1):
            for dx in range(-hx, hx + 1):
                # A rounded window: what enters at its rim must not jump.
                w = (1 - (dx / (hx + 1.0)) ** 2) * (1 - (dy / (hy + 1.0)) ** 2)
                y, x = cy + dy, cx + dx
                template[i] = reference[y, x]
                gx[i] = 0.5 * (reference[y, x + 1] - reference[y, x - 1])
                gy[i] = 0.5 * (reference[y + 1, x] - reference[y - 1, x])
                weight[i] = w
                total += w
                mean += w * template[i]
                i += 1
        mean /= total
        energy, mgx, mgy = 0.0, 0.0, 0.0
        for i in range(count):
            template[i] -= mean
            energy += weight[i] * template[i] * template[i]
            mgx += weight[i] * gx[i]
            mgy += weight[i] * gy[i]
        mgx /= total
        mgy /= total
        # Gradients orthogonal to brightness offset and gain: a change of light is then no motion.
        pgx, pgy = 0.0, 0.0
        for i in range(count):
            gx[i] -= mgx
            gy[i] -= mgy
            pgx += weight[i] * gx[i] * template[i]
            pgy += weight[i] * gy[i] * template[i]
        floor = energy + 1e-9
        hxx, hxy, hyy = 0.0, 0.0, 0.0
        for i in range(count):
            gx[i] -= pgx / floor * template[i]
            gy[i] -= pgy / floor * template[i]
            hxx += weight[i] * gx[i] * gx[i]
            hxy += weight[i] * gx[i] * gy[i]
            hyy += weight[i] * gy[i] * gy[i]
        # Skin without texture stays put instead of running away along the aperture.
        ridge = 0.02 * total
        hxx += ridge
        hyy += ridge
        determinant = hxx * hyy - hxy * hxy
        sx, sy = start[r, 0], start[r, 1]
        correlation = 0.0
        for _ in range(_ITERATIONS):
            level, square, cross = 0.0, 0.0, 0.0
            bx, by = 0.0, 0.0
            i = 0
            for dy in range(-hy, hy + 1):
                for dx in range(-hx, hx + 1):
                    value = _sample(image, cx + dx + sx, cy + dy + sy)
                    w = weight[i]
                    level += w * value
                    square += w * value * value
                    cross += w * value * template[i]
                    bx += w * value * gx[i]
                    by += w * value * gy[i]
                    i += 1
            variance = square - level * level / total
            correlation = cross / np.sqrt(max(variance, 1e-9) * floor)
            # Gain of this window against the reference; the projected gradients see neither gain nor offset.
            gain = min(max(cross / floor, 0.3), 3.0)
            bx /= gain
            by /= gain
            ux = (hyy * bx - hxy * by) / determinant
            uy = (hxx * by - hxy * bx) / determinant
            step = np.sqrt(ux * ux + uy * uy)
            if step > 1.5:
                ux, uy = 1.5 * ux / step, 1.5 * uy / step
            sx -= ux
            sy -= uy
            if step < _CONVERGED_PX:
                break
        shift[r, 0], shift[r, 1] = sx, sy
        match[r] = correlation
    return shift, match


@compiled(fastmath={"contract", "reassoc", "nsz", "arcp"})
def _correlate(looks, image, centres, shift):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    count, height, width = looks.shape
    out = np.empty(count)
    for e in range(count):
        n, sa, sb, saa, sbb, sab = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(height):
            for i in range(width):
                a = looks[e, j, i]
                x = centres[e, 0] - width // 2 + i + shift[0]
                y = centres[e, 1] - height // 2 + j + shift[1]
                b = _sample(image, x, y)
                n += 1
                sa += a
                sb += b
                saa += a * a
                sbb += b * b
                sab += a * b
        out[e] = (sab - sa * sb / n) / np.sqrt(max((saa - sa * sa / n) * (sbb - sb * sb / n), 1e-9))
    return out
