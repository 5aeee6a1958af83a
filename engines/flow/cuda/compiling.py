"""kernels.cu through NVRTC, which needs no GPU and no toolkit, kept on disk by source and architecture."""

from pathlib import Path
from typing import Any, Final

from engines.notices import notify

SOURCE: Final = Path(__file__).with_name("kernels.cu")
KERNELS: Final = (
    "box",
    "detail",
    "deviation",
    "contrast",
    "resize",
    "clear",
    "derive",
    "warp",
    "median",
    "iterate",
    "finish",
    "smooth",
    "strain",
    "shrink_map",
    "benchmark",
)


def compile_kernels(architecture: str, cache: Path | None = None) -> Any:
    """Compile every kernel.

    ``architecture``: "sm_75" and up; ``cache``: folder to keep the result in; the key is made of source, options
    and compiler version. One that cannot be written is said in a line, and nothing is kept.

    Returns a ``cuda.core.ObjectCode`` with the machine code.
    """
    from cuda.core import Program, ProgramOptions
    from cuda.core.utils import FileStreamProgramCache

    program = Program(
        SOURCE.read_text(), "c++", ProgramOptions(name="apexcam_flow", arch=architecture, std="c++17")
    )
    if cache is None:
        return program.compile("cubin")
    try:
        with FileStreamProgramCache(cache) as kept:
            return program.compile("cubin", cache=kept)
    except OSError as error:
        notify(f"the compiled kernels are not kept: {cache}: {error.strerror or error}")
        return program.compile("cubin")
