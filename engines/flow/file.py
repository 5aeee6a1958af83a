"""Flow from two image files into a file."""

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import stills
from engines.errors import InputError
from engines.files import check_file, write_bytes
from engines.flow.colour_wheel import picture
from engines.flow.maps import strain
from engines.flow.solver import Flow, open_solver
from engines.series import FORMATS


def measure(onset: Path, apex: Path, out: Path, backend: str = "auto", preset: str = "precise") -> str:
    """Measure the flow from the image ``onset`` to the image ``apex`` and write it to ``out``.

    ``out`` ending in .npz holds ``u``, ``v`` and ``strain``, float32 (H, W); in .png the colour-wheel
    picture. Returns one line that says what was measured.

    Raises InputError for a file that is no image, images that do not match, another ending, and a folder that is
    not there.
    """
    if out.suffix.lower() not in (".npz", ".png"):
        raise InputError(f"--out {out}: end it in .npz for the numbers or .png for a picture")
    check_file("--out", out)
    for name, path in (("ONSET", onset), ("APEX", apex)):
        if not path.is_file():
            raise InputError(f"{name} {path}: no such file")
    depth = stills.depth_of([onset, apex])
    found = open_solver(backend, preset)(_read("ONSET", onset, depth), _read("APEX", apex, depth))
    _write(found, out)
    longest = float(np.hypot(found.u, found.v).max())
    said = f"; {depth.said}" if depth.said else ""
    return f"{out}: {found.backend}, {found.preset}, longest displacement {longest:.2f} px{said}"


def _read(name: str, path: Path, depth: stills.Depth) -> NDArray[np.uint8]:
    try:
        image = stills.read(path, depth, grey=True)
    except OSError as error:
        raise InputError(f"{name} {path}: cannot be read: {error.strerror}") from None
    if image is None:
        raise InputError(f"{name} {path}: not an image that can be read; give a {FORMATS} file")
    return image


def _write(found: Flow, out: Path) -> None:
    if out.suffix.lower() == ".npz":
        packed = io.BytesIO()
        np.savez_compressed(packed, u=found.u, v=found.v, strain=strain(found.u, found.v))
        content = packed.getvalue()
    else:
        content = cv2.imencode(".png", picture(found.u, found.v))[1].tobytes()
    write_bytes(out, content)
