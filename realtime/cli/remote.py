"""``apexcam recognise`` and ``apexcam keys``: work and subscribers on other machines."""

from pathlib import Path
from typing import Annotated

import typer

from engines.installation import check_opencv
from realtime.cli.app import ConfigFile, Settings


def recognise(
    endpoint: Annotated[str, typer.Option(help="Where it listens.")] = "tcp://127.0.0.1:5558",
    config: ConfigFile = None,
    set_: Settings = None,
) -> None:
    """Recognise for programs on other machines, which are given --set recognise.at=ENDPOINT; until Ctrl-C.

    Off loopback it wants bus.keys and bus.clients, see apexcam keys.

    Example: apexcam recognise --endpoint tcp://0.0.0.0:5558 --set bus.keys=server.key_secret --set bus.clients=clients
    """
    check_opencv()
    from realtime import config as configuration
    from realtime.stages import remote
    from realtime.stages.recogniser import Recogniser

    loaded = configuration.load(config, set_ or ())
    made = Recogniser(loaded.recognise)
    what = f"{made.flow.backend} {made.flow.preset}, {made.model.name} on {made.model.runtime}"
    remote.serve(
        made, endpoint, loaded.bus, lambda where: print(f"recognising at {where}: {what}", flush=True)
    )


def keys(
    client: Annotated[
        list[str] | None, typer.Argument(metavar="[CLIENT]...", help="A name for each client to be let in.")
    ] = None,
    dir_: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where the keys are kept; default your own.")
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option(metavar="CLIENT", help="Take a client off the list; it holds from the next start."),
    ] = None,
) -> None:
    """Make the keys with which a program publishes off its machine, encrypted, to the clients named and nobody else.

    Example: apexcam keys --dir keys desk-in-room-12
    """
    from realtime.bus import keys as certificates

    path = dir_ or certificates.default_folder()
    if remove is not None:
        certificates.remove(path, remove)
    folder = certificates.make(path, client or [])
    print(
        f"publish:  apexcam live 0 --set bus.endpoint=tcp://0.0.0.0:5557 --set bus.keys={folder.secret} "
        f"--set bus.clients={folder.clients}"
    )
    for name in client or []:
        print(f"{name}: move {folder.client(name)} to its machine, copy {folder.public} there, then")
        print(
            f"  apexcam subscribe --endpoint tcp://THIS-MACHINE:5557 --keys {name}.key_secret --server server.key"
        )
    print(f"allowed: {', '.join(folder.allowed()) or 'nobody yet: apexcam keys NAME'}")
