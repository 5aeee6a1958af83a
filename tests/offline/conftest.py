"""A small made-up release in the layout of the real one."""

import csv

import cv2
import numpy as np
import pytest

from offline.datasets.flowmaps import FOLDER, TABLE, load_flowmaps

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
