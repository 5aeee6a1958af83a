"""The image pair of TV-L1's reference implementation (Sánchez, Meinhardt-Llopis, Facciolo, IPOL 2013)."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.flow import open_solver
from offline.verify.check import Artefacts, Check, skipped

_EDGE = 8  # pixels in which solvers answer the border differently
_EQUAL = 0.01  # px by which the two solvers' mean differences may lie apart


def reference_pair(artefacts: Artefacts) -> list[Check]:
    """How far the `opencv` preset is from the reference flow, beside how far OpenCV's own solver is."""
    name, folder = "TV-L1, reference pair, mean difference in px", artefacts.folder / "tvl1"
    files = [folder / file for file in ("I0.png", "I1.png", "flow.flo")]
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        return [skipped(name, missing)]
    first, second = (_grey(path) for path in files[:2])
    flow = read_flo(files[2])
    if flow.shape[:2] != first.shape or first.shape != second.shape:
        raise InputError(f"{folder}: the pictures and flow.flo differ in size; copy them again")
    theirs, ours = (_difference(flow, first, second, backend) for backend in ("opencv", "cpu"))
    why = (
        f"expected: what OpenCV's own solver differs by, {_EDGE} px of border left out; neither can equal the file, "
        "whose parameters nobody recorded and whose solver has another cubic kernel and no median filter"
    )
    return [Check(name, round(theirs, 3), round(ours, 3), abs(ours - theirs) <= _EQUAL, why)]


def _difference(
    flow: NDArray[np.float32], first: NDArray[np.uint8], second: NDArray[np.uint8], backend: str
) -> float:
    solved = open_solver(backend, "opencv")(first, second)
    off = np.hypot(solved.u - flow[..., 0], solved.v - flow[..., 1])
    return float(off[_EDGE:-_EDGE, _EDGE:-_EDGE].mean())


def _grey(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InputError(f"{path} cannot be read as a picture; copy it again")
    return np.asarray(picture, np.uint8)


def read_flo(path: Path) -> NDArray[np.float32]:
    """A Middlebury .flo file: float32 (H, W, 2), u and v in pixels. InputError where it is none."""
    content = path.read_bytes()
    if content[:4] == b"PIEH" and len(content) >= 12:
        width, height = (int(side) for side in np.frombuffer(content, "<i4", 2, 4))
        if 0 < width <= 1 << 14 and 0 < height <= 1 << 14 and len(content) == 12 + 8 * width * height:
            return np.frombuffer(content, "<f4", -1, 12).reshape(height, width, 2).astype(np.float32)
    raise InputError(f"{path} is no .flo file of a flow; copy it again")
