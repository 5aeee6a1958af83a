"""The registry of hand-made descriptors: each makes a vector of one length of a clip, for a support vector machine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

if TYPE_CHECKING:
    from offline.preparation.clip import PreparedClip

_TABLES_001: Final = "paper 001, tables II and III, polynomial SVM of degree 2, one against one"
_TABLES_002: Final = "paper 002, section 4.5; its SVM is not stated, linear here"


@dataclass(frozen=True)
class Descriptor:
    """One row: ``function`` "module:function" below this package, called with a clip and what is ``given``.

    ``title`` for people, ``source`` of the method and its settings, ``kernel`` of the SVM. ``edition`` changes with
    the function's code, so that nothing of the older one is taken from a cache.
    """

    name: str
    title: str
    source: str
    function: str
    kernel: str = "linear"
    given: Mapping[str, Any] = field(default_factory=dict)
    edition: int = 1
    needs: tuple[str, ...] = ()

    def make(self, clip: "PreparedClip") -> NDArray[Any]:
        """The vector of a clip, float32 (D,)."""
        module, _, attribute = self.function.partition(":")
        vector: NDArray[Any] = getattr(import_module(f"{__name__}.{module}"), attribute)(clip, **self.given)
        return vector

    @property
    def settings(self) -> str:
        """Everything that the vector depends on beside the clip."""
        return " ".join(
            [self.name, *(f"{key} {value}" for key, value in self.given.items()), f"{self.edition}"]
        )


def _rows() -> Iterator[Descriptor]:
    for r in (1, 3):
        for p in (4, 8):
            title = f"LBP-TOP, radius {r}, {p} points, + SVM"
            given = {"radius": r, "points": p}
            yield Descriptor(f"lbp-top-r{r}p{p}", title, _TABLES_002, "lbp_top:lbp_top", given=given)
    for r in (1, 3):
        title = f"LBP-SIP, radius {r}, + SVM"
        yield Descriptor(f"lbp-sip-r{r}", title, _TABLES_002, "lbp_sip:lbp_sip", given={"radius": r})
    for name, title, correlation in (
        ("lpq-top", "LPQ-TOP, window 5, decorrelation .1, + SVM", 0.1),
        ("lpq-top-plain", "LPQ-TOP, window 5, no decorrelation, + SVM", 0.0),
    ):
        yield Descriptor(name, title, _TABLES_002, "lpq_top:lpq_top", given={"correlation": correlation})
    for name in ("hog", "higo"):
        for p in (4, 8):
            title = f"{name.upper()}-TOP, {p} bins, + SVM"
            yield Descriptor(f"{name}-top-p{p}", title, _TABLES_002, f"hog_top:{name}_top", given={"bins": p})
    for count in (10, 64):
        for p in (4, 8):
            yield Descriptor(
                f"lbp-top-p{p}-tim{count}",
                f"LBP-TOP, radius 3, {p} points, {count} frames, + SVM",
                _TABLES_001,
                "lbp_top:lbp_top",
                "pairwise",
                {"radius": 3, "points": p, "count": count},
            )
    for count in (10, 64):
        for n in (4, 8):
            title = f"HOOF, {n} bins, {count} frames, + SVM"
            given = {"bins": n, "count": count}
            yield Descriptor(
                f"hoof-n{n}-tim{count}", title, _TABLES_001, "hoof:hoof", "pairwise", given, needs=("flow",)
            )
    yield Descriptor(
        "bi-woof",
        "Bi-WOOF, onset to apex, + SVM",
        "papers 000 (table 4) and 002 (table 2)",
        "bi_woof:bi_woof",
        needs=("apex", "flow"),
    )
    yield Descriptor(
        "mdmo",
        "MDMO, 36 regions, + polynomial SVM",
        "papers 000, 002, 003",
        "mdmo:mdmo",
        "poly",
        needs=("flow",),
    )
    yield Descriptor(
        "fdm",
        "FDM, principal directions of cuboids, + SVM",
        "papers 000, 002, 003, 004",
        "fdm:fdm",
        needs=("flow",),
    )


DESCRIPTORS: Final = {row.name: row for row in _rows()}
