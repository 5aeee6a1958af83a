"""Reading an exported network and making sure it is one of ours, whatever will run it."""

import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.errors import InputError

# Beside the variable set in `engines`, for builds on Windows that ask the operating system instead.
ort.disable_telemetry_events()

SCHEMA = "apexcam.model/1"
INPUT, OUTPUT = "maps", "probabilities"
MAP_SHAPE = (3, 28, 28)
SHIPPED = "ststnet.onnx"
# How ONNX writes that a tensor lies in another file.
_ELSEWHERE = b"\n\x08location\x12"


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file that passed the checks. ``session`` is ONNX Runtime's, one thread, ready to run."""

    where: str
    content: bytes
    sha256: str
    name: str
    classes: tuple[str, ...]
    session: ort.InferenceSession


def read_model(path: Path | None) -> ModelFile:
    """Read and check an ONNX file; None reads the shipped network from inside the package.

    Raises InputError when it is missing, unreadable, not ONNX, or not written by ``apexbench train``.
    """
    where = f"the shipped network ({SHIPPED})" if path is None else str(path)
    try:
        content = (resources.files("engines.weights") / SHIPPED if path is None else path).read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"no model file at {where}: give the path of an ONNX file made by apexbench train"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read the model file {where}: {error.strerror}") from None
    session = _open_session(content, where)
    name, classes = _describe(session, where)
    return ModelFile(where, content, hashlib.sha256(content).hexdigest(), name, classes, session)


def _open_session(content: bytes, where: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # its errors are raised and said in one line below
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common base class for what a bad file raises
        raise InputError(
            f"{where} {why_unusable(str(error), content)}, or export it again with apexbench train"
        ) from None


def why_unusable(reason: str, content: bytes) -> str:
    """Why ONNX Runtime does not open a file, and what to do."""
    if _ELSEWHERE in content:
        return "keeps its weights in another file: save it in one file (onnx.save with save_as_external_data=False)"
    ours = f"ONNX Runtime {ort.__version__}"
    newer = "pip install --upgrade onnxruntime"
    if found := re.search(r"IR version: (\d+), max supported IR version: (\d+)", reason):
        return f"is of ONNX's IR version {found[1]}, {ours} reads them up to {found[2]}: {newer}"
    if found := re.search(r"Opset (\d+) is under development.* domain (\S+) is till opset (\d+)", reason):
        return f"is of opset {found[1]} of {found[2]}, {ours} reads them up to {found[3]}: {newer}"
    if found := re.search(r"No Op registered for (\S+)|: (\S+?)\(-?\d+\) is not a registered", reason):
        return f"uses {found[1] or found[2]}, which {ours} does not know: {newer}"
    first = reason.splitlines()[0] if reason else "no reason given"
    return f"is not a usable ONNX file (damaged?): {first}; copy it again"


def _describe(session: ort.InferenceSession, where: str) -> tuple[str, tuple[str, ...]]:
    """Name and classes, once the interface is known to be ours."""
    try:
        metadata = session.get_modelmeta().custom_metadata_map
        inputs = [(i.name, i.type, tuple(i.shape[1:])) for i in session.get_inputs()]
        outputs = [(o.name, o.type, tuple(o.shape[1:])) for o in session.get_outputs()]
    except UnicodeDecodeError:  # ONNX Runtime opens a file whose texts are none
        raise InputError(
            f"{where} is damaged (names that are no UTF-8): export it again with apexbench train"
        ) from None
    if metadata.get("apexcam.schema") != SCHEMA:
        raise InputError(
            f"{where} is not an apexcam model (no {SCHEMA} in its metadata): use apexbench train"
        )
    try:
        classes = json.loads(metadata["apexcam.classes"])
        name = metadata["apexcam.name"]
    except (KeyError, ValueError, RecursionError):
        raise InputError(f"{where} does not name its classes: export it again with apexbench train") from None
    if not (
        isinstance(classes, list) and len(classes) > 1 and all(isinstance(word, str) for word in classes)
    ):
        raise InputError(f"{where} does not name its classes: export it again with apexbench train")
    wanted = ([(INPUT, "tensor(float)", MAP_SHAPE)], [(OUTPUT, "tensor(float)", (len(classes),))])
    if (inputs, outputs) != wanted:
        raise InputError(
            f"{where} has inputs {inputs} and outputs {outputs}, not float32 {INPUT} (N, 3, 28, 28) and "
            f"{OUTPUT} (N, {len(classes)}): export it with apexbench train"
        )
    try:
        (blank,) = session.run(None, {INPUT: np.zeros((1, *MAP_SHAPE), np.float32)})
    except Exception as error:  # as above: a graph can be well-formed and not fit its weights
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{where} does not run (damaged?): {reason}; export it again with apexbench train"
        ) from None
    if not (np.isfinite(blank).all() and abs(float(blank.sum()) - 1) < 1e-3):
        raise InputError(f"{where} does not give probabilities: export it again with apexbench train")
    return name, tuple(classes)


def check_maps(maps: NDArray[Any]) -> NDArray[Any]:
    """The maps as a contiguous float32 (N, 3, 28, 28) array; ValueError for any other shape or for NaN."""
    checked = np.ascontiguousarray(maps, np.float32)
    if checked.ndim != 4 or checked.shape[1:] != MAP_SHAPE:
        raise ValueError(f"flow maps of shape {checked.shape}, not (N, 3, 28, 28)")
    if not np.isfinite(checked).all():
        raise ValueError("flow maps with NaN or infinity")
    return checked
