"""One line a recording: python summarise.py VIDEO..."""

import sys

import apexcam

for video in sys.argv[1:]:
    analysis = apexcam.analyze(video)
    micro = [event for event in analysis.events if event.kind == "micro"]
    names = ", ".join(event.label or "not named" for event in micro)
    print(
        f"{video}: {len(micro)} micro-expressions ({names}){'; ' + analysis.problem if analysis.problem else ''}"
    )
