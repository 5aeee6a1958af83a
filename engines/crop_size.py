"""The size of a stabilised face crop, in pixels. Apart from `engines.face`, so that measuring crops needs no face."""

from typing import Final

CROP_HEIGHT: Final = 170
CROP_WIDTH: Final = 140
