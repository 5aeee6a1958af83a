"""The command ``apexcam`` and what its subcommands share: options, tables, lines about long work."""

import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engines.command import Commands
from engines.errors import InputError
from engines.version import HELP_NAMES, common

app = typer.Typer(
    name="apexcam",
    help="Sees micro-expressions as they happen. Start with: apexcam live demo",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_NAMES,
)
app.callback()(common)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML that names what differs from configs/live.yaml."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="One setting, for example source.fps=60; repeat it."),
]
Endpoint = Annotated[str, typer.Option(help="Where the program publishes.")]
ClientKeys = Annotated[
    Path | None, typer.Option("--keys", metavar="FILE", help="This client's secret CURVE certificate.")
]
ServerKey = Annotated[
    Path | None, typer.Option("--server", metavar="FILE", help="The server's public CURVE certificate.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def check_finite(**given: float | None) -> None:
    """Raises InputError for a number that is none, or has no end."""
    for name, value in given.items():
        if value is not None and not math.isfinite(value):
            raise InputError(f"--{name} {value}: must be a number")


def print_json(value: Any) -> None:
    """Anything msgspec can encode, indented."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def say(text: str) -> None:
    """A line about long work, for a person at a terminal only."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def table(*names: str) -> Any:
    """An empty table; columns of milliseconds are set right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, justify="right" if name.startswith("ms ") else "left", overflow="fold")
    return table


def print_table(table: Any) -> None:
    """As wide as the terminal, or unbroken into a file or a pipe."""
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    # In a file or a pipe there is no edge to wrap at.
    console = Console(highlight=False, width=400)
    with console.capture() as taken:
        console.print(table)
    print("\n".join(line.rstrip() for line in taken.get().splitlines() if line.strip()))
