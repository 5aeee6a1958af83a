"""Diagnosis and load tests of this machine: ``apexcam doctor`` and ``apexcam bench``."""
