"""The 5x5 median, sixteen pixels at once, without a branch.

Columns are sorted once and shared by the five windows that hold them, neighbouring columns are merged once
and shared by two. Of the merging networks (Batcher's odd-even merge) LLVM keeps only what the median depends
on: about ninety minimum and maximum operations for sixteen pixels.
"""

from typing import Any

from numba import types

from engines.flow.cpu.compiled import Floats, compiled
from engines.flow.cpu.iterations import EDGE, PLANES
from engines.flow.cpu.lanes import LANES, intrinsic, load, read, store, write

# Rows of the scratch space: the sorted columns, then their merged pairs, then finished rows that wait.
_SORTED, _MERGED, _DONE = 0, 5, 15
SCRATCH_ROWS = 18


def _lower(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _upper(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), b, a)


def _merge(builder: Any, a: list[Any], b: list[Any]) -> list[Any]:
    """Merge two sorted lists of vectors, lane by lane (Batcher 1968, odd-even merge of any lengths)."""
    if not a or not b:
        return a or b
    if len(a) == len(b) == 1:
        return [_lower(builder, a[0], b[0]), _upper(builder, a[0], b[0])]
    even, odd = _merge(builder, a[0::2], b[0::2]), _merge(builder, a[1::2], b[1::2])
    merged = [even[0]]
    rest = even[1:]
    for e, o in zip(rest, odd, strict=False):
        merged += [_lower(builder, o, e), _upper(builder, o, e)]
    return merged + rest[len(odd) :] + odd[len(rest) :]


def _sort(builder: Any, values: list[Any]) -> list[Any]:
    half = len(values) // 2
    if not half:
        return values
    return _merge(builder, _sort(builder, values[:half]), _sort(builder, values[half:]))


def _rank(builder: Any, a: list[Any], b: list[Any], rank: int) -> Any:
    """The value of the given rank, from 1, of two sorted lists: the least of the greater ones of each split."""
    splits = []
    for i in range(max(0, rank - len(b)), min(rank, len(a)) + 1):
        ends = ([a[i - 1]] if i else []) + ([b[rank - i - 1]] if rank - i else [])
        splits.append(ends[0] if len(ends) == 1 else _upper(builder, *ends))
    least = splits[0]
    for split in splits[1:]:
        least = _lower(builder, least, split)
    return least


@intrinsic
def _sort_column(_typing: Any, array: Any, _rows: Any, scratch: Any, _at: Any, _span: Any) -> Any:
    """Sort five vectors, at the five indices ``rows`` of ``array``, into the rows of ``scratch`` from ``at``
    on.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first, rows, target, at, span = args
        kinds = signature.args
        indices = [builder.extract_value(rows, k) for k in range(5)]
        column = _sort(builder, [read(context, builder, kinds[0], first, i) for i in indices])
        for k, values in enumerate(column):
            to = builder.add(at, builder.mul(span, span.type(_SORTED + k)))
            write(context, builder, kinds[2], target, to, values)
        return context.get_dummy_value()

    kind = types.UniTuple(types.intp, 5)
    return types.void(array, kind, scratch, types.intp, types.intp), generate


@intrinsic
def _merge_columns(_typing: Any, scratch: Any, _at: Any, _span: Any) -> Any:
    """Merge the sorted column at ``at`` with the one to its right."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array, at, span = args
        kind = signature.args[0]

        def row(k: int, shift: int) -> Any:
            return builder.add(builder.add(at, at.type(shift)), builder.mul(span, span.type(k)))

        left, right = (
            [read(context, builder, kind, array, row(_SORTED + k, shift)) for k in range(5)]
            for shift in (0, 1)
        )
        for k, values in enumerate(_merge(builder, left, right)):
            write(context, builder, kind, array, row(_MERGED + k, 0), values)
        return context.get_dummy_value()

    return types.void(scratch, types.intp, types.intp), generate


@intrinsic
def _pick_median(_typing: Any, scratch: Any, _at: Any, _span: Any, _to: Any) -> Any:
    """The median of the window around ``at``, written to the index ``to``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array, at, span, to = args
        kind = signature.args[0]

        def rows(first: int, count: int, shift: int) -> list[Any]:
            start = builder.add(at, at.type(shift))
            return [
                read(
                    context, builder, kind, array, builder.add(start, builder.mul(span, span.type(first + k)))
                )
                for k in range(count)
            ]

        pairs = _merge(builder, rows(_MERGED, 10, -2), rows(_MERGED, 10, 0))
        # With five more values the 13th of all is among the 8th to 13th of these.
        median = _rank(builder, pairs[7:13], rows(_SORTED, 5, 2), 6)
        write(context, builder, kind, array, to, median)
        return context.get_dummy_value()

    return types.void(scratch, types.intp, types.intp, types.intp), generate


@compiled
def median(state: Floats, plane: int, span: int, height: int, width: int, scratch: Floats) -> None:
    """Replace one plane of the solver's state by its 5x5 median, edges repeated.

    ``state`` as in ``iterations``; ``scratch`` float32, flat, SCRATCH_ROWS * span.
    """
    row = PLANES * span
    first = row + plane * span + EDGE
    for y in range(height):
        above_2, above = first + max(y - 2, 0) * row, first + max(y - 1, 0) * row
        here = first + y * row
        below, below_2 = first + min(y + 1, height - 1) * row, first + min(y + 2, height - 1) * row
        for x in range(0, width, LANES):
            rows = (above_2 + x, above + x, here + x, below + x, below_2 + x)
            _sort_column(state, rows, scratch, EDGE + x, span)
        for k in range(_SORTED, _SORTED + 5):
            left, right = k * span + EDGE, k * span + EDGE + width - 1
            scratch[left - 1] = scratch[left - 2] = scratch[left]
            scratch[right + 1] = scratch[right + 2] = scratch[right]
        for x in range(EDGE - LANES + 1, EDGE + width + 1, LANES):
            _merge_columns(scratch, x, span)
        ready = (_DONE + y % 3) * span + EDGE
        for x in range(0, width, LANES):
            _pick_median(scratch, EDGE + x, span, ready + x)
        # A row is needed by the windows of the two below it, so it is replaced two rows later.
        if y >= 2:
            _put(state, first + (y - 2) * row, scratch, (_DONE + (y - 2) % 3) * span + EDGE, width)
    for y in range(height - 2, height):
        _put(state, first + y * row, scratch, (_DONE + y % 3) * span + EDGE, width)


@compiled
def _put(state: Floats, to: int, scratch: Floats, at: int, width: int) -> None:
    for x in range(0, width, LANES):
        store(state, to + x, load(scratch, at + x))
