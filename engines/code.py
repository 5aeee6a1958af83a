"""Which code a result depends on: part of the key of whatever is kept, so that another version makes it anew."""

import ast
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

# Data beside the modules of a package that they read.
_DATA: Final = frozenset({".onnx", ".npz", ".cu"})


@cache
def code_digest(*modules: str) -> str:
    """Twelve hexadecimal digits that change with what `code_files` do; comments and docstrings do not count."""
    digest = sha256()
    for name, file in code_files(*modules).items():
        content = _meaning(file) if file.suffix == ".py" else file.read_bytes()
        digest.update(f"{name} ".encode() + sha256(content).digest())
    return digest.hexdigest()[:12]


def code_files(*modules: str) -> dict[str, Path]:
    """The files of these modules and of all they import from their own package and ours, however deep, by name.

    Imports within functions count; data files (networks, tables, kernels) count with the package they lie in. Nothing
    is imported. Raises ModuleNotFoundError for a module that is not there.
    """
    roots = {
        name: _folder_of(name) for name in {*(module.partition(".")[0] for module in modules), "engines"}
    }
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        root, *parts = name.split(".")
        if name in found or root not in roots:
            continue
        place = roots[root].joinpath(*parts)
        file = next((f for f in (place / "__init__.py", place.with_suffix(".py")) if f.is_file()), None)
        if file is not None:
            found[name] = file
            waiting += [*_imported(file), name.rpartition(".")[0]]
        elif name in modules:
            raise ModuleNotFoundError(name)
    for folder in {file.parent for file in found.values()}:
        found |= {f"{folder.name}/{f.name}": f for f in folder.iterdir() if f.suffix in _DATA}
    return dict(sorted(found.items()))


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return Path(spec.submodule_search_locations[0])


def _meaning(file: Path) -> bytes:
    """The program of a file, without its comments, docstrings and layout."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return ast.dump(tree).encode()


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
