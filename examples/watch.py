"""Print what happens before a camera, as it happens: python watch.py [SOURCE]."""

import sys

import apexcam

source = sys.argv[1] if len(sys.argv) > 1 else "0"
for event in apexcam.live(source, early=True):
    print(
        f"{event.stage:<11}  {event.kind}  {event.label or '-'}  {event.latency_ms['total']:.0f} ms after the apex"
    )
