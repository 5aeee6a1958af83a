"""What a broken installation looks like from inside, and what to do about it."""

import re

from engines.errors import InputError, first_line

# Debian's and Ubuntu's packages for the libraries that a small machine lacks.
_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
}
_LIBRARY = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
_AGAIN = (
    "pip uninstall opencv-python opencv-python-headless opencv-contrib-python, then install the last alone"
)
# One of each part of OpenCV that is used: a wheel over another leaves a module without them.
_USED = ("INTER_CUBIC", "VideoCapture", "DISOpticalFlow_create", "getLogLevel", "imdecode", "optflow")


def explained(error: BaseException) -> str:
    """What to do where an import failed, or gave half of OpenCV; empty for any other error."""
    text = str(error)
    if isinstance(error, ImportError) and (found := _LIBRARY.search(text)):
        package = _PACKAGES.get(found[1])
        where = f"apt install {package}" if package else "install the package that has it"
        return f"{found[1]} is not on this machine: {where}"
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "cv2":
        return f"OpenCV cannot be loaded ({first_line(error)}): {_AGAIN}"
    if isinstance(error, AttributeError) and "module 'cv2" in text:
        return f"OpenCV is incomplete ({text}), as after two of its wheels over each other: {_AGAIN}"
    return ""


def check_opencv() -> None:
    """Raises InputError where OpenCV cannot be used."""
    try:
        import cv2

        for name in _USED:
            getattr(cv2, name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            explained(error) or f"OpenCV cannot be loaded ({first_line(error)}): {_AGAIN}"
        ) from None
