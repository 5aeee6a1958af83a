"""Parts from other packages: a row more in a registry, declared as an entry point of the group ``apexcam.<registry>``.

Nothing is imported before its name is asked for, so that a broken plugin harms only those who use it.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from engines.errors import InputError

Row = TypeVar("Row")


@cache
def _declared(registry: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"apexcam.{registry}")}


def names(registry: str) -> tuple[str, ...]:
    """What other packages add to ``registry`` (sources, networks, datasets, sinks, flow), sorted."""
    return tuple(sorted(_declared(registry)))


def row(registry: str, name: str, kind: type[Row]) -> Row:
    """The row ``name`` of another package. Raises InputError where it cannot be imported or is no ``kind``."""
    point = _declared(registry)[name]
    package = point.dist.name if point.dist is not None else point.module
    try:
        found = point.load()
    except Exception as error:  # whatever a stranger's module raises
        why = f"{type(error).__name__}: {error}"
        raise InputError(f"{name}: the plugin {package} cannot be loaded: {why}") from None
    if not isinstance(found, kind):
        raise InputError(
            f"{name}: the plugin {package} gives a {type(found).__name__}, not a {kind.__name__}"
        )
    return found
