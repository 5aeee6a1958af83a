"""``--version`` of the three commands."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Annotated

import typer

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def _show(asked: bool) -> None:
    if asked:
        try:
            print(f"apexcam {installed('apexcam')}")
        except PackageNotFoundError:
            print("apexcam, not installed: run from its sources")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", "-V", callback=_show, is_eager=True, help="Show the version and exit.")
]


def common(version: Version = False) -> None:
    """The options of every command; for `typer.Typer.callback`."""
