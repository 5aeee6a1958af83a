"""What a ring holds, and what a reader returns."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(eq=False, slots=True)
class Frame:
    """One image of a source.

    ``index`` counts from 0; ``t_ns`` is the source's clock and ``host_ns`` is ``time.monotonic_ns`` at arrival.
    ``gap`` frames were lost by the driver just before it, or are missing in a recording, whose indices skip them.
    ``image`` is uint8 (height, width, 3) BGR. A ``damaged`` frame does not show what was filmed: nothing may be
    measured in it, or across it.
    """

    index: int
    t_ns: int
    host_ns: int
    gap: int
    image: Image
    damaged: bool = False


@dataclass(frozen=True)
class Lapped:
    """The writer overtook the reader: ``count`` frames are lost, and reading continues at the newest."""

    count: int


@dataclass(frozen=True)
class End:
    """The source has ended, and each of its frames was read or counted as lapped."""


@dataclass(frozen=True)
class Replaced(End):
    """The writer died and another one took over the name: attach again."""


END: Final = End()
REPLACED_END: Final = Replaced()
