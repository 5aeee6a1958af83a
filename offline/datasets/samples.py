"""What every dataset is read into and every protocol splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.labels import CLASSES
from offline.datasets.images import same_name
from offline.datasets.registry import whose_people


def without_motion(maps: NDArray[Any]) -> NDArray[np.bool_]:
    """Bool (N,): which of N maps have one value throughout, as motion has where nothing moves."""
    if maps.dtype.names is not None or len(maps) == 0:
        return np.zeros(len(maps), bool)
    flat = maps.reshape(len(maps), -1)
    return np.asarray((flat == flat[:, :1]).all(1))


@dataclass(frozen=True)
class Samples:
    """N labelled clips. Row i of every array is the same clip.

    ``maps`` (N, ...), what a recogniser reads of each clip: for flow maps float32 (N, 3, 28, 28) in 0..1, channels u,
    v, optical strain; for other inputs (offline.inputs) any shape and dtype, structured ones too.
    ``labels`` int64 (N,), indices into ``classes``; ``datasets``, ``subjects``, ``clips`` str (N,). A person is a
    (dataset, subject) pair. ``notes`` are lines for people: what is missing from the release, what was mended.
    ``class_map`` names how emotions became labels (offline.datasets.class_maps). ``rendered``: databases whose faces
    are drawn, nobody was recorded, each with what they were drawn from. ``measured``: what results.json says of how
    ``maps`` came about.
    """

    maps: NDArray[Any]
    labels: NDArray[Any]
    datasets: NDArray[Any]
    subjects: NDArray[Any]
    clips: NDArray[Any]
    classes: tuple[str, ...] = CLASSES
    notes: tuple[str, ...] = field(default=())
    class_map: str = "cde"
    rendered: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def people(self) -> NDArray[Any]:
        """Str (N,): "dataset/subject", what must never stand on both sides of a split."""
        return np.char.add(np.char.add(self.datasets.astype(str), "/"), self.subjects.astype(str))

    @property
    def identities(self) -> frozenset[str]:
        """Whose faces these are, the same person by the same name in every database that has them."""
        found = set()
        for person in np.unique(self.people):
            dataset, _, subject = str(person).partition("/")
            drawn = self.rendered.get(dataset, "")
            name = whose_people(dataset) + f" rendered from {drawn}" * bool(drawn)
            found.add(f"{name}/{same_name(subject)}")
        return frozenset(found)

    def rows(self, keep: NDArray[Any] | Sequence[int]) -> "Samples":
        """The samples at these indices, or where this boolean mask is true."""
        keep = np.asarray(keep)
        return Samples(
            self.maps[keep],
            self.labels[keep],
            self.datasets[keep],
            self.subjects[keep],
            self.clips[keep],
            self.classes,
            self.notes,
            self.class_map,
            self.rendered,
            self.measured,
        )
