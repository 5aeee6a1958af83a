"""Where a crop was cut out, so that it can be reproduced bit for bit."""

import msgspec


class CropSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The index of a frame, and the part of it (left, top, right, bottom, frame pixels) that the crop was made from."""

    frame: int
    part: tuple[int, int, int, int]
