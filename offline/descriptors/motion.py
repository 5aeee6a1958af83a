"""How a clip moves from frame to frame: what descriptors of motion share."""

from engines.flow import Flow
from offline.descriptors.texture import frames
from offline.preparation.clip import PreparedClip
from offline.systems.inputs import solver


def motions(clip: PreparedClip, count: int) -> list[Flow]:
    """The ``count - 1`` flows between neighbouring frames of the clip resampled to ``count`` frames."""
    volume = list(frames(clip, count))
    return solver().batch(volume[:-1], volume[1:])
