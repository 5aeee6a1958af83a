"""The compute stages of apexcam: face, spotting, flow, networks, inference, synthesis.

Knows no camera, socket or dataset: `realtime` and `offline` import it, it imports neither.
"""
