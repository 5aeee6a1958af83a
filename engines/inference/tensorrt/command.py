"""An engine on purpose: for the GPU that is here, into the cache; for another, into a file."""

from pathlib import Path

from engines.errors import InputError
from engines.files import cache_folder, check_file, check_folder, write_bytes
from engines.inference.model_file import ModelFile, read_model
from engines.inference.registry import RUNTIMES
from engines.inference.runtime import PRECISIONS
from engines.inference.tensorrt.compiling import CURRENT, TensorRtError, check_targets, compile_engine
from engines.inference.tensorrt.graph import prepare
from engines.inference.tensorrt.library import MODULES, Library, installed, load


def installed_library() -> Library | None:
    """The TensorRT that is here, the one for desktop GPUs first; None without any."""
    for name in MODULES.values():
        if installed(name):
            return load(name)
    return None


def build(path: Path, target: str, precision: str, batch: int, out: Path | None) -> str:
    """Compile an exported network and say in one line what was made.

    For "current" it is tried and kept where `open_classifier` finds it, and ``out`` and ``batch`` do not
    apply; for any other target ``out`` is written, whole or not at all; by default a file in the cache folder, named
    after network, target, precision and batch, which the line says.

    Raises InputError for a file that is not ours, an unknown target or precision, ``out`` for "current", without
    TensorRT, where GPU or driver are missing or too old, and when the disk does not take the file.
    """
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
    if batch < 1:
        raise InputError(f"--batch {batch}: give at least 1")
    model = read_model(path)
    if target == CURRENT:
        if out is not None:
            raise InputError(
                f"--out {out}: an engine for this GPU goes into the cache; name a target, --target sm_89"
            )
    elif out is not None:
        check_file("--out", out)
    else:
        # Two networks of one name are two files.
        name = f"{path.stem}.{model.sha256[:12]}.{target}.{precision}.{batch}.engine"
        out = cache_folder("built") / name
        check_folder("APEXCAM_CACHE", out.parent)
    try:
        library = installed_library()
        if library is None:
            raise InputError("no TensorRT is installed: pip install 'apexcam[gpu]'")
        check_targets(library, [target])
        if target == CURRENT:
            return _into_cache(model, precision)
        graph = prepare(model.content, batch, precision, turing=target == "sm_75")
        plan = compile_engine(library, graph, [target])
    except (TensorRtError, ImportError, OSError) as error:
        raise InputError(f"{path}: {error}") from None
    assert out is not None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, plan)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None
    made = f"{model.name}, {library.name} {library.version}, {target}, {precision}, {batch} maps"
    return f"{out}: {made}, {len(plan)} bytes"


def _into_cache(model: ModelFile, precision: str) -> str:
    reasons = {runtime: RUNTIMES[runtime].missing() for runtime in MODULES}
    ready = [runtime for runtime, reason in reasons.items() if not reason]
    if not ready:
        runtime, reason = next(
            (runtime, reason) for runtime, reason in reasons.items() if installed(MODULES[runtime])
        )
        raise InputError(
            f"{runtime} cannot compile for this machine: {reason}; name a target, --target sm_89"
        )
    lines: list[str] = []
    try:
        classifier = RUNTIMES[ready[0]].open(model, precision, lines.append)
    except Exception as error:
        raise InputError(f"{ready[0]} does not run {model.where}: {error}") from None
    if lines:
        raise InputError(lines[0])
    return f"{model.where}: {classifier.name} compiled by {ready[0]} for this GPU, {precision}, and kept"
