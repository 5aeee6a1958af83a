"""What came of the checks: as JSON, as a table."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from engines import cuda
from engines.proof.check import Result
from engines.proof.running import counted

SCHEMA: Final = "apexcam.proof/1"
# What the figures depend on; cupy and onnxruntime go by several names.
_PACKAGES: Final = (
    "numpy", "numba", "torch", "cuda-core", "cuda-bindings", "cupy-cuda12x", "cupy-cuda13x", "onnxruntime",
    "onnxruntime-gpu", "tensorrt", "tensorrt-rtx", "opencv-contrib-python", "opencv-python-headless",
)  # fmt: skip


def as_data(results: Sequence[Result], seconds: float, *, quick: bool) -> dict[str, Any]:
    """Everything as JSON has it."""
    return {
        "schema": SCHEMA,
        "machine": _machine(),
        "quick": quick,
        "seconds": round(seconds, 1),
        **{state: counted(results, state) for state in ("ok", "failed", "skipped")},
        "checks": [_row(result) for result in results],
    }


def _row(result: Result) -> dict[str, Any]:
    goals = [
        {"figure": goal.figure, "goal": goal.words, "value": value, "met": goal.met(value)}
        for goal, value in result.goals()
    ]
    return {
        "group": result.check.group,
        "name": result.check.name,
        "state": result.state,
        "reason": result.reason,
        "figures": dict(result.figures),
        "goals": goals,
        "seconds": round(result.seconds, 2),
    }


def _machine() -> dict[str, Any]:
    missing = cuda.missing()
    driver = cuda.driver_version()
    return {
        "gpu": "" if missing else str(_device().name),
        "no_gpu": missing,
        "cuda_driver": "" if driver is None else f"{driver[0]}.{driver[1]}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _device() -> Any:
    from cuda.core import Device

    return Device.get_all_devices()[0]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def line(result: Result) -> str:
    """A result in one line, for who watches."""
    check = result.check
    return f"{result.state:<8}{check.group}: {check.name}" + (f" ({result.reason})" if result.reason else "")


def show(made: dict[str, Any]) -> None:
    """Print a table: by rich where it is installed, in plain columns elsewhere."""
    rows = [(row["group"], row["name"], row["state"], _found(row)) for row in made["checks"]]
    machine = made["machine"]
    title = machine["gpu"] or f"no GPU: {machine['no_gpu']}"
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print(title)
        widths = [max(len(row[i]) for row in rows) for i in range(3)] if rows else [0, 0, 0]
        for *cells, found in rows:
            columns = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            print(f"{columns}  {found}".rstrip())
    else:
        table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
        for name in ("", "check", "", "figures or reason"):
            table.add_column(name)
        colours = {"ok": "green", "failed": "bold red", "skipped": "yellow"}
        for group, name, state, found in rows:
            table.add_row(group, name, f"[{colours[state]}]{state}[/]", found.replace("[", r"\["))
        Console().print(table)
    print(
        f"{made['ok']} ok, {made['failed']} failed, {made['skipped']} skipped, in {made['seconds']:.0f} s"
        + ("" if machine["gpu"] else "; nothing here is proof of a GPU")
    )


def _found(row: dict[str, Any]) -> str:
    figures = [f"{name} {_short(value)}" for name, value in row["figures"].items()]
    goals = [
        f"goal {each['figure']} {each['goal']} {'met' if each['met'] else 'missed'}" for each in row["goals"]
    ]
    return row["reason"] or ", ".join([*figures, *goals])


def _short(value: float | int | str) -> str:
    return (
        f"{value:.4g}"
        if isinstance(value, float) and abs(value) < 1e4
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )
