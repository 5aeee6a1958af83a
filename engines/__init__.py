"""The compute stages of apexcam: face, spotting, flow, networks, inference, synthesis.

Knows no camera, socket or dataset: `realtime` and `offline` import it, it imports neither.
"""

import os

# ONNX Runtime reports to its maker unless that is switched off before it is loaded; a call afterwards comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
