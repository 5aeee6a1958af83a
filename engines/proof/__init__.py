"""Everything about the GPU proved or broken in one command: ``apexengine prove``, ``python -m engines.proof``.

Importing this takes the standard library alone, so that it starts on a bare CUDA machine; what a check needs and
does not find there is named, and the check skipped.
"""

from engines.proof.command import prove

__all__ = ["prove"]
