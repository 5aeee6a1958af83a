"""``apexcam analyze``: the stages of a live run over a recording, in one process, and the report."""
