"""``apexcam live``: the main process of a run."""
