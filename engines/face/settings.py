"""What a user may set about faces: the section `faces` of a configuration."""

import msgspec


class FaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times in seconds, lengths in pixels of the frame, angles in degrees.

    ``min_width_px`` is measured across the cheekbones; below it a movement of one crop pixel is too small a part of
    a camera pixel. ``drift_px`` (crop pixels) is how far the head may move before the crop follows it.
    """

    max: int = 1
    landmarks_every_s: float = 0.033
    search_every_s: float = 0.2
    detect_every_s: float = 1.0
    min_width_px: float = 90.0
    max_yaw_deg: float = 30.0
    max_pitch_deg: float = 30.0
    drift_px: float = 3.0
    filter_s: float = 0.25

    def __post_init__(self) -> None:
        if self.max < 1:
            raise ValueError("faces.max must be at least 1")
        for name in (
            "landmarks_every_s",
            "search_every_s",
            "detect_every_s",
            "min_width_px",
            "drift_px",
            "filter_s",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"faces.{name} must be greater than 0")
