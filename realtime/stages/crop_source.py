"""Where a crop was taken from, so that it can be taken again bit for bit."""

import msgspec


class CropSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame by its index, and the part of it (left, top, right, bottom, frame pixels) the crop was made of."""

    frame: int
    part: tuple[int, int, int, int]
