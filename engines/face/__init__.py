"""A frame in, a face out: landmarks, its state in words, and the stabilised crop that everything else measures."""

from engines.face.geometry import CROP_HEIGHT, CROP_WIDTH
from engines.face.settings import FaceSettings
from engines.face.tracker import Face, FaceStatus, FaceTracker

__all__ = ["CROP_HEIGHT", "CROP_WIDTH", "Face", "FaceSettings", "FaceStatus", "FaceTracker"]
