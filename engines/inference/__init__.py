"""An exported network, checked, compiled for this machine and run; torch is never imported.

>>> classify = open_classifier()                     # the shipped network
>>> probabilities = classify(maps)                   # float32 (N, 3, 28, 28) in 0..1 → float32 (N, classes)
"""

from engines.inference.classifier import FallingClassifier, open_classifier, open_classifier_of
from engines.inference.registry import RUNTIMES, every_runtime, runtimes
from engines.inference.runtime import Classifier, Runtime

__all__ = [
    "RUNTIMES",
    "Classifier",
    "FallingClassifier",
    "Runtime",
    "every_runtime",
    "open_classifier",
    "open_classifier_of",
    "runtimes",
]
