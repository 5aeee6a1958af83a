"""Sixteen pixels at once in numba: a float32 vector type with the arithmetic that the solver needs.

LLVM's own vectoriser gives up on the solver's loops (too many planes that might overlap), so the kernels say
what they
mean: ``load`` sixteen neighbours, calculate, ``store``. LLVM splits the sixteen into whatever the processor
has: one AVX-512 register, two of AVX2, four of SSE or NEON.

Every operation rounds as IEEE 754 says, but a product and a sum may be fused into one rounding.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin, models, register_model, type_callable

LANES: Final = 16
# A function of types that returns the resulting type and the generator of its code.
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = numba_intrinsic
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_INDEX = ir.IntType(32)
_FLAGS = ("contract", "nsz")


class Lanes(types.Type):  # type: ignore[misc]
    """The numba type of sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


_lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, fe_type: Any):
        super().__init__(manager, fe_type, _VECTOR)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    first = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(first, [index]), _VECTOR.as_pointer())


def read(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Generate the code of ``load``, for use in other intrinsics."""
    return builder.load(_address(context, builder, kind, array, index), align=4)


def write(context: Any, builder: Any, kind: Any, array: Any, index: Any, values: Any) -> None:
    """Generate the code of ``store``, for use in other intrinsics."""
    builder.store(values, _address(context, builder, kind, array, index), align=4)


@intrinsic
def load(_typing: Any, array: Any, index: Any) -> Any:
    """The sixteen values from ``index`` on of a one-dimensional float32 array; nothing is checked."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return read(context, builder, signature.args[0], *args)

    return _lanes(array, types.intp), generate


@intrinsic
def store(_typing: Any, array: Any, index: Any, _values: Any) -> Any:
    """Put sixteen values into a one-dimensional float32 array from ``index`` on; nothing is checked."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write(context, builder, signature.args[0], *args)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), generate


@intrinsic
def splat(_typing: Any, _value: Any) -> Any:
    """Sixteen times the same float32."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        empty = ir.Constant(_VECTOR, ir.Undefined)
        single = builder.insert_element(empty, args[0], _INDEX(0))
        return builder.shuffle_vector(single, empty, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES))

    return _lanes(types.float32), generate


def _arithmetic(symbol: Any, instruction: str) -> None:
    @type_callable(symbol)  # type: ignore[untyped-decorator]
    def typed(_context: Any) -> Any:
        def result(left: Any, right: Any) -> Any:
            return _lanes if isinstance(left, Lanes) and isinstance(right, Lanes) else None

        return result

    @lower_builtin(symbol, Lanes, Lanes)  # type: ignore[untyped-decorator]
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=_FLAGS)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_symbol, _instruction)


@intrinsic
def sqrt(_typing: Any, _values: Any) -> Any:
    """Square root of each lane."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        root = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f32")
        return builder.call(root, args)

    return _lanes(_lanes), generate


@intrinsic
def smaller(_typing: Any, _left: Any, _right: Any) -> Any:
    """The smaller of each two lanes."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return _lanes(_lanes, _lanes), generate


@intrinsic
def larger(_typing: Any, _left: Any, _right: Any) -> Any:
    """The larger of each two lanes."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return _lanes(_lanes, _lanes), generate


@intrinsic
def total(_typing: Any, _values: Any) -> Any:
    """The sum of the lanes, by halves."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        sums = [builder.extract_element(args[0], _INDEX(lane)) for lane in range(LANES)]
        while len(sums) > 1:
            half = len(sums) // 2
            sums = [builder.fadd(a, b) for a, b in zip(sums[:half], sums[half:], strict=True)]
        return sums[0]

    return types.float32(_lanes), generate


@intrinsic
def four_sums(_typing: Any, _values: Any) -> Any:
    """Of four groups of four lanes their sum: lane k + lane 4 + k + lane 8 + k + lane 12 + k, as four floats."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def part(values: Any, first: int, count: int) -> Any:
            mask = ir.Constant(ir.VectorType(_INDEX, count), list(range(first, first + count)))
            return builder.shuffle_vector(values, ir.Constant(values.type, ir.Undefined), mask)

        eight = builder.fadd(part(args[0], 0, 8), part(args[0], 8, 8))
        four = builder.fadd(part(eight, 0, 4), part(eight, 4, 4))
        sums = [builder.extract_element(four, _INDEX(lane)) for lane in range(4)]
        return context.make_tuple(builder, signature.return_type, sums)

    return types.UniTuple(types.float32, 4)(_lanes), generate
