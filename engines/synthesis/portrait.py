"""A portrait with its landmarks and masks: what every synthetic face is made from.

The default is the public-domain NASA portrait shipped with scikit-image. What was measured on it once
(FaceMesh landmarks, person, skin and hair masks) lies beside this file in ``astronaut.npz``, so that
rendering needs no face detector; ``measure(image)`` makes the same measurements on any other portrait, and
``python -m engines.synthesis.portrait`` renews the file.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import InputError

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]

_MEASURED = Path(__file__).with_name("astronaut.npz")
_CHEEKS = (234, 454)  # the landmarks between which a face's width is measured


@dataclass(frozen=True, eq=False)
class Portrait:
    """A photograph of one face, looking at the camera.

    image: uint8 (H, W, 3), RGB.  landmarks: float32 (478, 3), MediaPipe FaceMesh order, px of the image, z as
    wide as x. person, skin, hair: uint8 (H, W) masks 0..255; None where they were not measured, and then
    background, skin and hair keep the colours they have.
    """

    image: UInt8
    landmarks: Float32
    person: UInt8 | None = None
    skin: UInt8 | None = None
    hair: UInt8 | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise InputError(
                f"portrait: image is {self.image.dtype} {self.image.shape}; give uint8 (H, W, 3) in RGB order"
            )
        if (
            self.landmarks.ndim != 2
            or self.landmarks.shape[0] != 478
            or self.landmarks.shape[1] not in (2, 3)
        ):
            raise InputError(
                f"portrait: landmarks are {self.landmarks.shape}; give the 478 points of FaceMesh in px, "
                "(478, 2) or (478, 3)"
            )
        if not np.isfinite(self.landmarks).all() or self.face_width < 20:
            raise InputError("portrait: the landmarks span no face; give them in px of the image")
        for name in ("person", "skin", "hair"):
            mask = getattr(self, name)
            if mask is not None and (mask.dtype != np.uint8 or mask.shape != self.image.shape[:2]):
                raise InputError(
                    f"portrait: the {name} mask must be uint8 with the height and width of the image"
                )

    @property
    def face_width(self) -> float:
        """Distance of the landmarks 234 and 454 (the sides of the face), px."""
        a, b = self.landmarks[list(_CHEEKS), :2]
        return float(np.hypot(*(a - b)))


@functools.cache
def mirror_pairs() -> Int16:
    """int16 (478,): the index of the landmark on the other side of the face, for each FaceMesh landmark."""
    with np.load(_MEASURED, allow_pickle=False) as stored:
        pairs: Int16 = stored["mirror"].astype(np.int16)
    return pairs


@functools.cache
def astronaut() -> Portrait:
    """The default portrait (Eileen Collins, NASA, public domain), 512×512, face 92 px wide."""
    from skimage import data

    with np.load(_MEASURED, allow_pickle=False) as stored:
        return Portrait(
            image=np.ascontiguousarray(data.astronaut()),  # type: ignore[no-untyped-call]
            landmarks=stored["landmarks"].astype(np.float32),
            person=stored["person"],
            skin=stored["skin"],
            hair=stored["hair"],
        )


def find_landmarks(image: UInt8) -> Float32:
    """FaceMesh landmarks of the largest face: float32 (478, 3), px of the image. Needs MediaPipe; InputError
    without a face.
    """
    import mediapipe as mp

    height, width = image.shape[:2]
    with mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=4
    ) as mesh:
        faces = mesh.process(np.ascontiguousarray(image)).multi_face_landmarks
    if not faces:
        raise InputError(
            "portrait: no face found in the image; give a frontal portrait with a face of at least 80 px"
        )
    points = [
        np.array([(p.x * width, p.y * height, p.z * width) for p in f.landmark], np.float32) for f in faces
    ]
    return max(points, key=lambda p: float(np.ptp(p[:, 0])))


def measure(image: UInt8) -> Portrait:
    """Landmarks and masks of a portrait: uint8 (H, W, 3), RGB. Needs MediaPipe; InputError where no face is
    found.

    person: MediaPipe selfie segmentation, edges by GrabCut. skin: the person in the colours of the cheeks,
    around face and neck. hair: what else belongs to the head.
    """
    import mediapipe as mp

    found = find_landmarks(image)
    # a face of a few hundred px is measured best: look again at an enlarged cutting around it
    width = float(np.ptp(found[:, 0]))
    middle = found[:, :2].mean(0)
    low = np.maximum(middle - 1.7 * width, 0).astype(int)
    high = np.minimum(middle + 1.7 * width + 1, image.shape[1::-1]).astype(int)
    zoom = max(1.0, 300 / width)
    cutting = cv2.resize(
        image[low[1] : high[1], low[0] : high[0]], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC
    )
    landmarks = find_landmarks(cutting) / np.float32(zoom)
    landmarks[:, :2] += low
    with mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        likely = segmentation.process(image).segmentation_mask.astype(np.float32)
        near = segmentation.process(cutting).segmentation_mask.astype(np.float32)
    likely[low[1] : high[1], low[0] : high[0]] = cv2.resize(
        near, tuple(high - low), interpolation=cv2.INTER_AREA
    )
    state = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[cv2.erode((likely > 0.9).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0] = cv2.GC_FGD
    state[cv2.dilate((likely > 0.1).astype(np.uint8), np.ones((15, 15), np.uint8)) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(image, state, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    person = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)

    flat = landmarks[:, :2]
    oval = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(np.round(flat).astype(np.int32)), 1)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    cheeks = [lab[int(y), int(x)] for x, y in flat[[50, 280, 205, 425, 101, 330, 199, 9]]]
    tone = np.median(cheeks, axis=0)
    rows, cols = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    face_w = float(np.hypot(*(flat[234] - flat[454])))
    chin, middle_x = flat[152], flat[:, 0].mean()
    # the neck lies in the chin's shadow: there brightness says little
    shadow = np.where(rows > chin[1] - 0.1 * face_w, 2.0, 1.0)[..., None]
    distance = np.sqrt((((lab - tone) / (shadow * np.array([55, 9, 13], np.float32))) ** 2).sum(-1))
    reach = np.where(rows > chin[1] - 0.1 * face_w, 0.44, 0.75) * face_w
    around = (rows < chin[1] + 0.3 * face_w) & (np.abs(cols - middle_x) < reach)
    coloured = (distance < 1.6) & around & (rows > flat[:, 1].min() - 0.1 * face_w)
    skin = ((coloured | (oval > 0)) & (person > 0)).astype(np.uint8)
    # a fringe lies over the oval: what is not of the skin's colour above the brows is hair
    fringe = (oval > 0) & (distance > 1.2) & (rows < flat[[105, 334], 1].mean() - 0.04 * face_w)
    skin[fringe] = 0
    skin = _largest_part(cv2.morphologyEx(skin, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    hair = ((person > 0) & (skin == 0) & (rows < chin[1] - 0.12 * face_w)).astype(np.uint8)
    hair = _largest_part(cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))

    def soft(mask: Any, sigma: float) -> UInt8:
        blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
        return np.asarray(np.round(255 * np.clip(blurred, 0, 1)), np.uint8)

    tight = np.clip((cv2.GaussianBlur(person, (0, 0), 1.0) - 0.35) / 0.5, 0, 1)
    return Portrait(
        image, landmarks, np.round(255 * tight).astype(np.uint8), soft(skin, 1.2), soft(hair, 1.2)
    )


def _largest_part(mask: UInt8) -> UInt8:
    """The largest connected part of a mask, its holes filled."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(mask)
    if contours:
        cv2.drawContours(whole, [max(contours, key=cv2.contourArea)], -1, 1, -1)
    return whole


def _find_mirror_pairs(image: UInt8, landmarks: Float32) -> Int16:
    """FaceMesh on the mirrored image gives the same mesh with its sides changed: match the two."""
    from scipy.optimize import linear_sum_assignment

    flipped = find_landmarks(np.ascontiguousarray(image[:, ::-1]))
    flipped[:, 0] = image.shape[1] - flipped[:, 0]
    cost = np.linalg.norm(landmarks[:, None] - flipped[None], axis=-1)
    _, pairs = linear_sum_assignment(cost)
    return np.asarray(pairs, np.int16)


def _store() -> None:
    from skimage import data

    image = np.ascontiguousarray(data.astronaut())  # type: ignore[no-untyped-call]
    portrait = measure(image)
    cutting = cv2.resize(image[10:290, 80:370], None, fx=3.5, fy=3.5, interpolation=cv2.INTER_CUBIC)
    pairs = _find_mirror_pairs(cutting, find_landmarks(cutting))
    assert portrait.person is not None and portrait.skin is not None and portrait.hair is not None
    content = io.BytesIO()
    np.savez_compressed(
        content,
        landmarks=portrait.landmarks,
        mirror=pairs,
        person=portrait.person,
        skin=portrait.skin,
        hair=portrait.hair,
    )
    partial = _MEASURED.with_suffix(".partial")
    partial.write_bytes(content.getvalue())
    partial.replace(_MEASURED)


if __name__ == "__main__":
    _store()
