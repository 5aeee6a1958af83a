"""What the second start of a program is spared: each start a process of its own, over one cache folder."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engines.proof import running
from engines.proof.check import Figures, expect


def kernels_kept(architecture: str, *, quick: bool) -> Figures:
    """The second start finds the compiled kernels of the first; this needs no GPU."""
    return _twice("kernels", architecture, "cuda")


def flow_kept(*, quick: bool) -> Figures:
    """The seconds to the first flow on the GPU, with nothing kept and with the kernels kept."""
    return _twice("flow", "", "cuda")


def network_kept(runtime: str, *, quick: bool) -> Figures:
    """The seconds to the first answer of a compiled network, and that the second start compiles nothing."""
    from engines.proof.paths import check_supported

    check_supported(runtime)
    return _twice("network", runtime, "engines")


def _twice(what: str, given: str, kept_in: str) -> Figures:
    with tempfile.TemporaryDirectory(prefix="apexcam-proof-") as folder:
        cache = Path(folder)
        first, made = _start(what, given, cache), _files(cache / kept_in)
        expect(made, "the first start kept nothing")
        again, then = _start(what, given, cache), _files(cache / kept_in)
    expect(first["answer"] == again["answer"], "the second start answers otherwise than the first")
    written = [name for name, state in then.items() if made.get(name) != state]
    expect(not written, f"the second start wrote {len(written)} of the kept files again")
    return {"first_s": first["seconds"], "second_s": again["seconds"], "files": len(made)}


def _start(what: str, given: str, cache: Path) -> dict[str, Any]:
    done = running.start(["engines.proof.starts", what, given], cache, 60)
    expect(done.returncode == 0, running.ended(done))
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    # Of compiled code alone: what a cache keeps beside it, such as a lock, may well be touched.
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 1000]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def _answer(what: str, given: str) -> str:
    """Some work whose first time is slow; its answer as text, the same at every start."""
    import hashlib

    if what == "kernels":
        from engines.files import cache_folder
        from engines.flow.cuda.compiling import compile_kernels

        return hashlib.sha256(bytes(compile_kernels(given, cache_folder("cuda")).code)).hexdigest()
    from engines.proof import samples

    if what == "flow":
        from engines.flow import open_solver

        onsets, apexes = samples.crops(1)
        return hashlib.sha256(open_solver("cuda")(onsets[0], apexes[0]).u.tobytes()).hexdigest()
    import numpy as np

    from engines.inference import open_classifier
    from engines.inference.model_file import MAP_SHAPE

    row = open_classifier(None, given)(np.full((1, *MAP_SHAPE), 0.5, np.float32))[0]
    return str(np.round(row, 3).tolist())


def main() -> None:
    """``python -m engines.proof.starts WHAT GIVEN``: one start; prints its answer and seconds as JSON."""
    began = time.perf_counter()
    answer = _answer(*sys.argv[1:3])
    print(json.dumps({"answer": answer, "seconds": round(time.perf_counter() - began, 3)}))


if __name__ == "__main__":
    main()
