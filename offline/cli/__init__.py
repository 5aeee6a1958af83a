"""apexbench: the benchmark. Every figure is scored at the last epoch and can be recomputed from what is
written.
"""

import sys

import typer

from engines.command import Commands, begin
from engines.version import HELP_NAMES, common
from offline.cli import cache, listing, pretrain, render, run, speed, spot, spot_train, table, train, verify
from offline.cli.output import say

app = typer.Typer(
    name="apexbench",
    cls=Commands,
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP_NAMES,
)
app.callback()(common)
app.command()(run.run)
app.command()(pretrain.pretrain)
app.command()(train.train)
app.command()(spot.spot)
app.command(name="spot-train")(spot_train.spot_train)
app.command()(render.render)
app.command()(table.table)
app.command()(verify.verify)
app.command()(speed.speed)
app.command()(cache.cache)
app.command(name="list")(listing.list_all)

# What a base install does not have.
_TRAIN = (
    "torch",
    "safetensors",
    "sklearn",
    "joblib",
    "onnx",
    "onnxscript",
    "pandas",
    "openpyxl",
    "matplotlib",
)


def main() -> None:
    """The console command."""
    begin()
    try:
        app()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _TRAIN:
            raise
        say(f"apexbench: {error.name} is not installed: pip install 'apexcam[train]'")
        sys.exit(2)
