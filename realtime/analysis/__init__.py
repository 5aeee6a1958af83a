"""``apexcam analyze``: a recording through the stages of a live run, in one process, and its report."""
