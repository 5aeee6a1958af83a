"""A compiled network with its buffers, which puts its work on a stream."""

import math

from engines.cuda.machine import Machine, Memory
from engines.inference.model_file import INPUT, MAP_SHAPE, OUTPUT, ModelFile
from engines.inference.tensorrt import cache
from engines.inference.tensorrt.compiling import CURRENT, TensorRtError, compile_engine, targets
from engines.inference.tensorrt.graph import prepare
from engines.inference.tensorrt.library import Library
from engines.notices import OnNotice


class Engine:
    """``batch`` maps, float32 (batch, 3, 28, 28) at ``maps``, to float32 (batch, classes) at ``probabilities``.

    Raises TensorRtError for a plan that does not load here or is not of such a network.
    """

    def __init__(
        self,
        library: Library,
        machine: Machine,
        plan: bytes,
        batch: int,
        classes: int,
        maps: Memory | None = None,
        kernels: bytes = b"",
    ) -> None:
        trt = library.module
        library.complaints.clear()
        self._library = library
        self._runtime = trt.Runtime(library.logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise TensorRtError(f"{library.name}: {library.complaint('the plan does not load')}")
        wanted = {INPUT: (batch, *MAP_SHAPE), OUTPUT: (batch, classes)}
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        found = {name: tuple(self._engine.get_tensor_shape(name)) for name in names}
        if found != wanted:
            raise TensorRtError(f"{library.name}: the plan has {found}, not {wanted}")
        self._compiled, self._context = self._make_context(kernels)
        self.batch, self.classes = batch, classes
        self.maps = maps or machine.reserve(batch * math.prod(MAP_SHAPE))
        self.probabilities = machine.reserve(batch * classes)
        for name, memory in ((INPUT, self.maps), (OUTPUT, self.probabilities)):
            if not self._context.set_tensor_address(name, memory.address):
                raise TensorRtError(f"{library.name}: {library.complaint(f'{name} takes no address')}")

    def enqueue(self, stream: int) -> None:
        """Put one inference on the stream with this handle, captured or not. Raises TensorRtError."""
        if not self._context.execute_async_v3(stream):
            raise TensorRtError(
                f"{self._library.name}: {self._library.complaint('the network does not run')}"
            )

    @property
    def kernels(self) -> bytes:
        """What TensorRT-RTX compiled for this GPU while it ran, to spare the next start; else empty."""
        return bytes(memoryview(self._compiled.serialize())) if self._compiled is not None else b""

    def _make_context(self, kernels: bytes):  # type: ignore[no-untyped-def]  # objects of whichever module this is
        compiled, context = None, None
        if hasattr(self._library.module, "IRuntimeCache"):
            settings = self._engine.create_runtime_config()
            compiled = settings.create_runtime_cache()
            if kernels:
                compiled.deserialize(kernels)
            settings.set_runtime_cache(compiled)
            context = self._engine.create_execution_context(settings)
        else:
            context = self._engine.create_execution_context()
        if context is None:
            raise TensorRtError(f"{self._library.name}: {self._library.complaint('no room to run the plan')}")
        return compiled, context


def open_engine(
    model: ModelFile,
    library: Library,
    machine: Machine,
    precision: str,
    batch: int,
    on_notice: OnNotice,
    maps: Memory | None = None,
) -> Engine:
    """The engine for this machine, from the cache or compiled now, and run once."""
    key = cache.key(model.sha256, library.name, library.version, machine.identity, precision, batch)
    kernels = cache.read(key.of("kernels"), on_notice) or b""

    def opened(plan: bytes) -> Engine:
        engine = Engine(library, machine, plan, batch, len(model.classes), maps, kernels)
        # TensorRT allocates and compiles at the first run, which must not happen while a graph is captured.
        machine.record([], [engine.enqueue], [])()
        if not kernels and (compiled_now := engine.kernels):
            cache.keep(key.of("kernels"), compiled_now, on_notice)
        return engine

    if (kept := cache.read(key, on_notice)) is not None:
        try:
            return opened(kept)
        except TensorRtError as error:
            on_notice(f"compiled network {key.path}: {error}; compiling it again")
    target = f"sm_{key.capability.replace('.', '')}"
    graph = prepare(model.content, batch, precision, turing=target == "sm_75")
    plan = compile_engine(library, graph, [target if target in targets(library) else CURRENT])
    engine = opened(plan)
    cache.keep(key, plan, on_notice)
    return engine
