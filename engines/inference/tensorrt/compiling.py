"""From an ONNX graph to the engine that TensorRT runs. Needs no GPU, except for the target "current"."""

from collections.abc import Sequence

from engines.errors import InputError
from engines.inference.tensorrt.library import Library

CURRENT = "current"


class TensorRtError(RuntimeError):
    """TensorRT or the driver refused; one line with what it said."""


def targets(library: Library) -> list[str]:
    """The architectures this TensorRT compiles for, "sm_75" and up, and "current" for the GPU that is here."""
    known = getattr(library.module, "ComputeCapability", None)
    names = [name for name in dir(known) if name.startswith("SM")] if known is not None else []
    return [*sorted((f"sm_{name[2:]}" for name in names), key=lambda name: int(name[3:])), CURRENT]


def check_targets(library: Library, wanted: Sequence[str]) -> None:
    """Raises InputError for a target that is not in the list."""
    for target in wanted:
        if target not in targets(library):
            raise InputError(
                f"unknown target {target!r} for {library.name} {library.version}: "
                f"choose one of {', '.join(targets(library))}"
            )


def compile_engine(library: Library, graph: bytes, wanted: Sequence[str]) -> bytes:
    """One engine for all the targets wanted.

    Raises InputError for an unknown target, TensorRtError when the graph cannot be compiled.
    """
    check_targets(library, wanted)
    trt = library.module
    library.complaints.clear()
    builder = trt.Builder(library.logger)
    # From version 11 on every network is strongly typed, said or not.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, library.logger)
    if not parser.parse(graph):
        said = parser.get_error(0).desc() if parser.num_errors else library.complaint("no reason given")
        raise TensorRtError(f"{library.name} cannot read the network: {' '.join(said.split())[:240]}")
    config = builder.create_builder_config()
    if hasattr(trt, "ComputeCapability"):
        config.num_compute_capabilities = len(wanted)
        for index, target in enumerate(wanted):
            member = getattr(trt.ComputeCapability, target.replace("sm_", "SM").replace(CURRENT, "CURRENT"))
            if not config.set_compute_capability(member, index):
                raise TensorRtError(
                    f"{library.name} cannot compile for {target}: {library.complaint('no reason given')}"
                )
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise TensorRtError(
            f"{library.name} cannot compile for {', '.join(wanted)}: {library.complaint('no reason given')}"
        )
    return bytes(memoryview(engine))
