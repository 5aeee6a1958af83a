"""``serve_recogniser.py ENDPOINT [SECRET CLIENTS]``: a stand-in recogniser behind a socket, as `apexcam recognise`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "realtime"))

import live_fakes

from realtime import config
from realtime.stages import remote


def main(endpoint: str, secret: str | None = None, clients: str | None = None) -> None:
    settings = config.Bus(keys=secret, clients=clients)
    recogniser = live_fakes.FakeRecogniser(config.Recognise(), print)
    remote.serve(recogniser, endpoint, settings, lambda where: print(where, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
