"""Serves the page alone: ``serve_dashboard.py ENDPOINT PORT``. Prints its address."""

import sys

from realtime import config
from realtime.dashboard import address, process
from realtime.dashboard.feed import Feed

if __name__ == "__main__":
    settings = config.Dashboard(port=int(sys.argv[2]))
    listener = address.bind(settings)
    feed = Feed()
    process.Server(feed, listener, settings.token)
    print(address.url(listener, settings.host), flush=True)
    process.Listening(feed, config.Bus(), sys.argv[1]).join()
