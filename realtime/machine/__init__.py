"""What this machine can run: ``apexcam doctor`` and ``apexcam bench``."""
