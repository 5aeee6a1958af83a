"""Whether the packages beside this one are apexcam's own: ``realtime`` and ``engines`` are names on PyPI too.

Imports none of them, since another distribution's code would run.
"""

import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("engines", "realtime", "offline")
COMMANDS: Final = ("apexcam", "apexbench", "apexengine")
_HOME: Final = Path(__file__).resolve().parents[1]
_AGAIN: Final = "pip install --force-reinstall --no-deps apexcam"
_APART: Final = "and give apexcam an environment of its own (pipx, uv tool)"


def check() -> None:
    """Raises ImportError where a package is not apexcam's; one of our commands ends with the line, exit status 2."""
    if not (line := problem()):
        return
    command = Path(sys.argv[0]).stem.removesuffix("-script") if sys.argv else ""
    if command in COMMANDS:
        print(f"{command}: {line}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(line)


def problem() -> str:
    """What is wrong with the packages, and the remedy, in one line; empty where nothing is."""
    return next(filter(None, map(_problem_of, PACKAGES)), "")


def version() -> str:
    """Of this distribution; ``0+unknown`` where it runs from its sources."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("apexcam")
    except PackageNotFoundError:
        return "0+unknown"


def _problem_of(name: str) -> str:
    try:
        spec = find_spec(name)
    except ValueError:  # whoever put it into sys.modules did not say where from
        spec = None
    if spec is None or spec.loader is None or spec.origin is None:
        return (
            f"apexcam's package {name} is not whole, as after the removal of a distribution over it: {_AGAIN}"
        )
    if _is_ours(spec, spec.origin):
        return ""
    place = Path(spec.origin)
    other = _distribution(name)
    if place.resolve().is_relative_to(_HOME / name):
        remedy = f"pip uninstall {other.partition(' ')[0]}, then {_AGAIN}" if other else _AGAIN
        who = f"another distribution ({other})" if other else "another distribution"
        return f"{who} has overwritten apexcam's package {name}: {remedy}, {_APART}"
    folder = place.parent if place.stem == "__init__" else place
    remedy = f"pip uninstall {other.partition(' ')[0]}" if other else "rename it, or start elsewhere"
    return f"another {name}, {folder}, is found before apexcam's: {remedy}, {_APART}"


def _is_ours(spec: ModuleSpec, file: str) -> bool:
    """Whether the package's first file speaks of apexcam; one that cannot be read is not judged."""
    read = getattr(spec.loader, "get_data", None)
    try:
        return read is None or b"apexcam" in read(file)
    except OSError:
        return True


def _distribution(name: str) -> str:
    """The other distribution that has a package of this name, with its version; empty where none is known."""
    from importlib.metadata import PackageNotFoundError, packages_distributions
    from importlib.metadata import version as installed

    for other in packages_distributions().get(name, ()):
        if other != "apexcam":
            with suppress(PackageNotFoundError):
                return f"{other} {installed(other)}"
            return other
    return ""
