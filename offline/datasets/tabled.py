"""Finding the table that belongs to a folder of clips, and its clips."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engines.errors import InputError
from offline.datasets.clips import Clip, once
from offline.datasets.sheets import Row, records, tables


def find_records(
    root: Path,
    given: Path,
    columns: Mapping[str, tuple[str, ...]],
    optional: tuple[str, ...],
    looked_for: str,
) -> list[Row]:
    """The rows of the table with these columns: in ``root``, the folder of the images, above it, or in the folder that
    was ``given`` and around it. The nearest is taken: other databases' tables may have the same columns.

    Raises InputError where no table has them: it names what the likeliest table lacks.
    """
    places = list(dict.fromkeys((root, root.parent, given, given.parent)))
    problems = []
    for place in places:
        depth = 1 if place == given else 0
        for table in tables(place, depth):
            try:
                return records(table, columns, optional)
            except InputError as error:
                problems.append(str(error))
    if problems:
        raise InputError(f"{min(problems, key=len)}; looked for {looked_for}")
    raise InputError(f"{given} holds images but no .xlsx or .csv table; looked for {looked_for}")


def clips_of(
    rows: Sequence[Row], read: Callable[[Row], Sequence[Clip]], *, several: bool = False
) -> tuple[list[Clip], list[str]]:
    """The clips that ``read`` makes of the rows, each once, and lines about rows that are none and clips listed twice.

    ``read`` raises InputError for a row that is no clip; ``several``: see `once`. Raises InputError, with the first
    reason, where no row can be used.
    """
    clips: list[Clip] = []
    none = []
    for row in rows:
        try:
            clips += read(row)
        except InputError as error:
            none.append(str(error))
    reasons = [clip.fault for clip in clips if clip.fault.startswith(clip.row)]
    if len(reasons) == len(clips) and (reasons or none):
        raise InputError((reasons or none)[0])
    kept, twice = once(clips, several=several)
    return kept, [*(f"{reason}: left out" for reason in none), *twice]
