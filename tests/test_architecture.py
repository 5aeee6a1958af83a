"""How the house hangs together: who imports whom, and how long a file may be."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("engines", "realtime", "offline", "apexcam")
# realtime → engines ← offline, and nothing else; apexcam is the door to all three.
FORBIDDEN = {
    "engines": ("realtime", "offline", "apexcam"),
    "realtime": ("offline", "apexcam"),
    "offline": ("realtime", "apexcam"),
    "apexcam": (),
}

LONGEST = {"engines": 500, "realtime": 300, "offline": 500, "apexcam": 300}


def _parsed() -> dict[str, tuple[Path, ast.Module]]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = (path, ast.parse(path.read_text(encoding="utf-8")))
    return found


MODULES = _parsed()


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _when_imported(body: list[ast.stmt]):
    """The import statements that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef) and not _is_type_checking(node):
            for field in ("body", "orelse", "finalbody"):
                yield from _when_imported(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _when_imported(handler.body)


def _targets(node: ast.stmt):
    """(module, name or None) of what a statement imports from the three packages."""
    if isinstance(node, ast.Import):
        pairs = [(alias.name, None) for alias in node.names]
    else:
        assert not node.level, "imports are absolute"
        pairs = [(node.module, alias.name) for alias in node.names]
    for module, name in pairs:
        if module.partition(".")[0] in PACKAGES:
            below = f"{module}.{name}"
            yield (below, None) if below in MODULES else (module, name)


@cache
def _imports(name: str) -> frozenset[str]:
    statements = _when_imported(MODULES[name][1].body)
    return frozenset(module for node in statements for module, _ in _targets(node))


def _circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected parts of more than one node (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def _rooms(package: str) -> dict[str, set[str]]:
    """Who imports whom among the sub-packages and modules right below a package."""
    rooms: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        if name.startswith(f"{package}."):
            room = _room(name)
            rooms[room] |= {_room(other) for other in _imports(name) if other.startswith(f"{package}.")} - {
                room
            }
    return rooms


def _room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _every_import(name: str):
    """What a module imports anywhere, in its functions too."""
    for node in ast.walk(MODULES[name][1]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _targets(node)


def test_no_module_imports_itself_over_others():
    assert not _circles({name: set(_imports(name)) for name in MODULES})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_room_imports_itself_over_others(package):
    assert not _circles(_rooms(package))


def test_a_circle_would_be_found():
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    assert not _circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("package", PACKAGES)
def test_dependence_runs_from_realtime_and_offline_to_engines_alone(package):
    wrong = {
        (name, module)
        for name in MODULES
        if name.partition(".")[0] == package
        for module, _ in _every_import(name)
        if module.partition(".")[0] in FORBIDDEN[package]
    }
    assert not wrong


def test_private_names_stay_in_their_module():
    found = {
        (name, f"{module}.{imported}" if imported else module)
        for name in MODULES
        for module, imported in _every_import(name)
        if (imported or module.rpartition(".")[2]).startswith("_")
        and not (imported or module.rpartition(".")[2]).startswith("__")
    }
    assert not found


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_too_long(package):
    long = {
        name
        for name, (path, _) in MODULES.items()
        if name.partition(".")[0] == package
        and len(path.read_text(encoding="utf-8").splitlines()) > LONGEST[package]
    }
    assert not long
