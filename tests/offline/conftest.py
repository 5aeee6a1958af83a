"""A small made-up release in the layout of the real one."""

import csv

import cv2
import numpy as np
import pytest

from offline.datasets.flowmaps import FOLDER, TABLE, load_flowmaps
from offline.preparation.clip import PreparedClip

PEOPLE = {"casme2": ("sub01", "sub02", "sub03"), "smic": ("s01", "s02"), "samm": ("006", "007")}


def picture(label, seed):
    """Class-dependent blobs in u and v, strain dark on the whole; stretched to 0..255 like the real maps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28]
    centre = ((8, 8), (20, 14), (8, 20))[label]
    blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 20)
    planes = [blob * sign + 0.15 * rng.standard_normal((28, 28)) for sign in (1, -1)]
    planes.append(blob**2 + 0.05 * np.abs(rng.standard_normal((28, 28))))
    stretched = [255 * (p - p.min()) / (p.max() - p.min()) for p in planes]
    return np.stack(stretched, -1).astype(np.uint8)


@pytest.fixture
def write_release():
    """Writes (dataset, subject, clip, label) rows and a picture for each into a folder, in the released layout."""

    def write(folder, rows):
        (folder / FOLDER).mkdir(parents=True)
        for seed, (_, person, clip, label) in enumerate(rows):
            cv2.imwrite(str(folder / FOLDER / f"{person}_{clip} .png"), picture(label, seed)[:, :, ::-1])
        with (folder / TABLE).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["dataset", "sub", "filename_o", "label", "apex", "imagename", "sub_filename"])
            writer.writerows([*row, "", "", ""] for row in rows)
        return folder

    return write


@pytest.fixture
def release(tmp_path, write_release):
    """The folder of a release: 7 people of three databases, 4 clips each."""
    rows = [
        (dataset, person, f"{person}_c{k}", (k + p) % 3)
        for dataset, people in PEOPLE.items()
        for p, person in enumerate(people)
        for k in range(4)
    ]
    return write_release(tmp_path / "flowmaps", rows)


@pytest.fixture
def samples(release):
    return load_flowmaps(release)


MOVES = (
    (30, 40, 0.0, -3.0),
    (125, 42, -2.2, -2.0),
    (60, 110, 0.0, 3.0),
)  # where (y, x) and how far (u, v), by class


def moving_clip(label, seed, frames=20, fps=200.0):
    """A textured clip in which one place moves and comes back; the place and the direction are the class."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.standard_normal((170, 140)).astype(np.float32), (0, 0), 2.5)
    texture = 128 + 40 * texture / texture.std()
    y, x = np.mgrid[:170, :140].astype(np.float32)
    cy, cx, u, v = MOVES[label]
    bump = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 14**2))
    strength = rng.uniform(0.7, 1.2)
    apex = frames // 2 + int(rng.integers(-2, 3))
    course = np.interp(np.arange(frames), [0, apex, frames - 1], [0, strength, 0.2])
    crops = []
    for amount in course:
        picture = cv2.remap(
            texture,
            x - amount * u * bump,
            y - amount * v * bump,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        crops.append(np.clip(picture + rng.normal(0, 1.0, picture.shape), 0, 255).astype(np.uint8))
    crops = np.stack(crops)
    colour = np.repeat(crops[apex][:, :, None], 3, 2)
    return PreparedClip(crops, colour, 0, apex, frames - 1, fps)


@pytest.fixture(scope="session")
def moving():
    """30 clips and labels; the first 18 to train on, the last 12, of other faces, to score."""
    labels = np.array([i % 3 for i in range(30)])
    return [moving_clip(label, seed) for seed, label in enumerate(labels)], labels
