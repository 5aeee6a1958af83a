"""Serves the page alone: ``serve_dashboard.py ENDPOINT PORT [TOKEN]``. Prints its address."""

import sys

from realtime import config
from realtime.dashboard import address, process
from realtime.dashboard.feed import Feed

if __name__ == "__main__":
    settings = config.Dashboard(port=int(sys.argv[2]), token=sys.argv[3] if len(sys.argv) > 3 else None)
    listener = address.bind(settings)
    feed = Feed()
    process.Server(feed, listener, settings.token)
    print(address.url(listener, settings.host), flush=True)
    process.BusReader(feed, config.Bus(), sys.argv[1]).join()
