"""A package of somebody else's, in a folder outside the tree: a module and the entry points it declares."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make_plugin(folder: Path, name: str, code: str, **groups: str) -> None:
    """A distribution ``name`` with one module of that name; ``groups``: registry="row = attribute of it, ..."."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, rows in groups.items():
        lines.append(f"[apexcam.{group}]")
        for row in rows.split(","):
            entry, attribute = row.split("=")
            lines.append(f"{entry.strip()} = {name}:{attribute.strip()}")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run_beside(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """A command of this tree (``python -m …``) in a process that finds the packages in ``folder`` too."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
