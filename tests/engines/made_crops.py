"""Crops made of smooth noise, and landmarks that put every region somewhere in them."""

import cv2
import numpy as np

from engines.face.geometry import CROP_HEIGHT, CROP_WIDTH
from engines.spotting.regions import REGIONS


def texture(seed=0, margin=20):
    """A crop with so many pixels to spare on each side, grey levels, float."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (CROP_HEIGHT + 2 * margin, CROP_WIDTH + 2 * margin)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return 128 + 35 * smooth / smooth.std()


def landmarks():
    """478 points spread so that every region lies inside the crop."""
    points = np.zeros((478, 3))
    rng = np.random.default_rng(5)
    for region in REGIONS:
        points[list(region.landmarks), :2] = rng.uniform((25, 25), (115, 145))
        points[list(region.landmarks), 2] = rng.uniform(-30, 30)
    points[[33, 133, 159, 145], :2] = (35, 48)
    points[[263, 362, 386, 374], :2] = (105, 48)
    return points
