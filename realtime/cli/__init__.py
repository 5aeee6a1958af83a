"""The command ``apexcam``: one module a subcommand, in the order of its help."""

from engines.command import begin
from realtime.cli.analyze import analyze
from realtime.cli.app import app
from realtime.cli.bench import bench
from realtime.cli.cameras import cameras
from realtime.cli.doctor import doctor
from realtime.cli.live import live
from realtime.cli.mark import mark
from realtime.cli.remote import keys, recognise
from realtime.cli.subscribe import subscribe

for _command in (live, subscribe, mark, recognise, keys, analyze, cameras, doctor, bench):
    app.command()(_command)


def main() -> None:
    """The console command."""
    from realtime.redaction import hide_arguments

    begin()
    hide_arguments()
    app()
