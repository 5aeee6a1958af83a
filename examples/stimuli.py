"""Mark stimuli in a running ``apexcam live``, as a PsychoPy script would after each flip: python stimuli.py TEXT..."""

import sys
import time

import apexcam

with apexcam.Marker() as marker:  # tcp://127.0.0.1:5557
    for text in sys.argv[1:]:
        # Here the picture is drawn, then: window.flip()
        marker.mark(text)
        time.sleep(2)
