"""The head in a frame: where each of its pixels looks on the head at rest.

Sway is an affine motion; the nose moves against the cheeks by its nearness. What real people do, nods and turns
of many degrees, is a rotation of the face's relief before a camera, inverted by fixed point.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.face import Face
from engines.synthesis.scene import Pose

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_BAND_ROWS: Final = 48
# The camera stands so many face widths away: 65 cm.
_CAMERA: Final = 4.5
# Nose over temples in face widths, where a portrait's landmarks have no depth.
_NOSE: Final = 0.65
_ROUNDS: Final = 3
# Widths, 4 px of a face 200 px wide, and weights with which landmarks tell the depth around: the nearest tell most.
_SPREAD: Final = ((1.0, 1.0), (2.5, 3e-2), (6.0, 1e-3), (15.0, 1e-5), (60.0, 1e-8))


class Head:
    """Fills `lattice` and `full`: for a pixel of the box at p the head at rest is seen at p + offset(p), frame px.

    lattice: float32 (h, w, 2), offsets at nodes 4 px apart, in the middle of 4×4 px, where cv2.resize expects
    them. full: float32 (4 h, 4 w, 2), the same at every pixel, bilinear. place: float32
    (4 h, 4 w, 2), the pixels themselves. rows, cols: the size of the box. bands:
    the rows and columns of the box that move. nose: how much nearer the tip of the nose is than the temples, frame
    px. The arrays are reused.
    """

    def __init__(self, face: Face, turns: bool) -> None:
        x0, y0, x1, y1 = face.box
        self.rows, self.cols = y1 - y0, x1 - x0
        nodes = (-(-self.rows // 4), -(-self.cols // 4))
        full = (4 * nodes[0], 4 * nodes[1])
        ys, xs = np.mgrid[: nodes[0], : nodes[1]].astype(np.float32)
        xs, ys = 4 * xs + 1.5 + x0, 4 * ys + 1.5 + y0

        def on_lattice(image: Float32) -> Float32:
            cut = image[y0:y1, x0:x1]
            cut = np.pad(cut, ((0, full[0] - self.rows), (0, full[1] - self.cols)), mode="edge")
            return np.asarray(cv2.resize(cut, nodes[::-1], interpolation=cv2.INTER_AREA), np.float32)

        # heads sway about the top of the neck
        pivot = face.landmarks[152, :2].astype(np.float64)
        follows, near = on_lattice(face.sway), on_lattice(face.depth)
        self._basis = np.stack(
            [
                b.ravel()
                for b in (
                    follows,
                    follows * (xs - np.float32(pivot[0])),
                    follows * (ys - np.float32(pivot[1])),
                    follows * near,
                )
            ],
            1,
        ).astype(np.float32)
        self.lattice = np.empty((*nodes, 2), np.float32)
        self.full = np.empty((*full, 2), np.float32)
        rows, cols = np.mgrid[: full[0], : full[1]].astype(np.float32)
        self.place = np.stack([cols, rows], -1) + np.array([x0, y0], np.float32)
        # a head is no box: rows of it, each as wide as it is there
        self.bands = []
        for top in range(0, self.rows, _BAND_ROWS):
            band = slice(top, min(top + _BAND_ROWS, self.rows))
            wide = np.flatnonzero((face.sway[y0:y1, x0:x1][band] > 1e-3).any(0))
            if wide.size:
                self.bands.append((band, slice(max(int(wide[0]) - 4, 0), min(int(wide[-1]) + 5, self.cols))))
        self.nose = _nose(face)
        self._turns = turns
        if turns:
            self._prepare_turns(face, follows, xs, ys)

    def _prepare_turns(self, face: Face, follows: Float32, xs: Float32, ys: Float32) -> None:
        x0, y0, x1, y1 = face.box
        # turned heads rotate about the middle between the temples, where their motion was measured
        middle = face.landmarks[[234, 454], :2].mean(0)
        self._from_middle = np.stack([xs - middle[0], ys - middle[1]]).astype(np.float32)
        self._look = (np.array([[x0], [y0]], np.float32) - middle[:, None])[..., None]
        self._follows = follows
        self._relief = -np.float32(self.nose) * _nearness(face)[y0:y1, x0:x1]
        self._camera = np.float32(_CAMERA * 200 * face.unit)

    def look(self, pose: Pose) -> None:
        """Fills `lattice` and `full` for a pose."""
        if self._turns:
            self._turn(pose)
        else:
            c, d = np.cos(pose.roll) / pose.scale, np.sin(pose.roll) / pose.scale
            weights = np.array(
                [
                    [-(c * pose.x + d * pose.y), d * pose.x - c * pose.y],
                    [c - 1, -d],
                    [d, c - 1],
                    [-pose.yaw, -pose.pitch],
                ],
                np.float32,
            )
            np.matmul(self._basis, weights, out=self.lattice.reshape(-1, 2))
        cv2.resize(self.lattice, self.full.shape[1::-1], dst=self.full, interpolation=cv2.INTER_LINEAR)

    def cutting(self, box: tuple[int, int, int, int]) -> tuple[tuple[slice, slice], Float32]:
        """The rows and columns of `full` in which x0, y0, x1, y1 of the head at rest (frame px) is seen now, and
        where these pixels look: float32 (h, w, 2), frame px.
        """
        x0, y0, x1, y1 = box
        middle = np.array([x0 + x1, y0 + y1]) / 2 - self.place[0, 0]
        at = middle
        for _ in range(3):
            x, y = np.clip(at, 0, np.array(self.full.shape[1::-1]) - 1).astype(int)
            at = middle - self.full[y, x]
        # heads come nearer and lean: room for both
        wide, high = (x1 - x0) / 2, (y1 - y0) / 2
        wide, high = 1.1 * wide + 0.2 * high + 4, 1.1 * high + 0.2 * wide + 4
        rows = slice(min(max(0, int(at[1] - high)), self.rows), max(0, min(self.rows, int(at[1] + high) + 2)))
        cols = slice(min(max(0, int(at[0] - wide)), self.cols), max(0, min(self.cols, int(at[0] + wide) + 2)))
        return (rows, cols), self.place[rows, cols] + self.full[rows, cols]

    def _turn(self, pose: Pose) -> None:
        """The rotated relief, seen in perspective. A point at q with depth z (away from the camera, 0 at the
        temples) lies at X = (q (1 + z / D), z), turns to X' = R X and is seen at X'_xy / (1 + z' / D).
        """
        turn = rotation(pose, self.nose)
        back = np.linalg.inv(turn[:2, :2])
        shift = back @ (pose.x, pose.y)
        aim = (back / pose.scale).astype(np.float32) @ self._from_middle.reshape(2, -1)
        aim -= (shift / pose.scale).astype(np.float32)[:, None]
        deep = (back @ turn[:2, 2]).astype(np.float32)[:, None]
        forth = (turn[2] / self._camera).astype(np.float32)
        point, closer = aim, np.float32(1)
        for _ in range(_ROUNDS):
            at = (point / closer).reshape(self._from_middle.shape) - self._look
            z = cv2.remap(
                self._relief, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            ).ravel()
            closer = 1 + z / self._camera
            away = forth[:2] @ point
            away += 1 + forth[2] * z
            point = aim * away
            point -= deep * z
        point /= closer
        offset = point.reshape(self._from_middle.shape) - self._from_middle
        offset *= self._follows
        cv2.merge((offset[0], offset[1]), dst=self.lattice)


def rotation(pose: Pose, nose: float) -> Float64:
    """The rotation of a pose: float64 (3, 3), of x right, y down and z away from the camera. It is the one that
    moves the tip of a nose so many px high as `Pose.yaw` and `Pose.pitch` say.
    """
    yaw, pitch = np.arcsin(np.clip(np.array([-pose.yaw, pose.pitch]) / nose, -0.5, 0.5))
    a, b, c = np.cos(pose.roll), np.cos(yaw), np.cos(pitch)
    d, e, f = np.sin(pose.roll), np.sin(yaw), np.sin(pitch)
    about_z = np.array([[a, -d, 0], [d, a, 0], [0, 0, 1]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    about_x = np.array([[1, 0, 0], [0, c, -f], [0, f, c]])
    return np.asarray(about_z @ about_y @ about_x, np.float64)


def _nose(face: Face) -> float:
    z = face.landmarks[:, 2].astype(np.float64)
    high = float(z[[234, 454]].mean() - z[[1, 4]].mean())
    return high if high > 20 * face.unit else _NOSE * 200 * face.unit


def _nearness(face: Face) -> Float32:
    """How near each pixel of the frame is, float32 (H, W), 1 at the tip of the nose and 0 at the temples, from the
    landmarks; continued to hair and neck, where it falls to 0 within half a face's width.
    """
    height, width = face.depth.shape
    marks = face.landmarks[:468]
    rows, cols = (np.clip(marks[:, k], 0, (width, height)[k] - 1).astype(int) for k in (1, 0))
    near = face.depth[rows, cols]
    if marks[:, 2].any():
        near = (marks[[234, 454], 2].mean() - marks[:, 2]) / np.float32(_nose(face))
    small = (-(-height // 4), -(-width // 4))
    known, value = np.zeros(small, np.float32), np.zeros(small, np.float32)
    np.add.at(known, (rows // 4, cols // 4), 1)
    np.add.at(value, (rows // 4, cols // 4), near)
    spread, total = (
        sum(weight * cv2.GaussianBlur(image, (0, 0), wide * face.unit) for wide, weight in _SPREAD)
        for image in (value, known)
    )
    relief = cv2.resize(spread / total, (4 * small[1], 4 * small[0]))[:height, :width]
    inside = np.zeros((height, width), np.uint8)
    hull = cv2.convexHull(np.round(marks[:, :2] * 8).astype(np.int32))
    cv2.fillConvexPoly(inside, hull, 1, shift=3)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    part = np.clip(1 - distance / (100 * face.unit), 0, 1)
    return np.asarray(
        cv2.GaussianBlur(relief * part * part * (3 - 2 * part), (0, 0), 4.5 * face.unit), np.float32
    )
