"""Hand-made descriptors of a clip, by name: each a vector of one length, classified by a support vector machine."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from numpy.typing import NDArray

from offline.descriptors.bi_woof import bi_woof
from offline.descriptors.fdm import fdm
from offline.descriptors.hog_top import higo_top, hog_top
from offline.descriptors.hoof import hoof
from offline.descriptors.lbp_sip import lbp_sip
from offline.descriptors.lbp_top import lbp_top
from offline.descriptors.lpq_top import lpq_top
from offline.descriptors.mdmo import mdmo
from offline.preparation.clip import PreparedClip

DESCRIPTORS: Final[dict[str, Callable[[PreparedClip], NDArray[Any]]]] = {
    **{f"lbp-top-r{r}p{p}": partial(lbp_top, radius=r, points=p) for r in (1, 3) for p in (4, 8)},
    **{
        f"lbp-top-p{p}-tim{count}": partial(lbp_top, radius=3, points=p, count=count)
        for count in (10, 64)
        for p in (4, 8)
    },
    **{f"lbp-sip-r{r}": partial(lbp_sip, radius=r) for r in (1, 3)},
    "lpq-top": partial(lpq_top, correlation=0.1),
    "lpq-top-plain": partial(lpq_top, correlation=0.0),
    **{f"hog-top-p{p}": partial(hog_top, bins=p) for p in (4, 8)},
    **{f"higo-top-p{p}": partial(higo_top, bins=p) for p in (4, 8)},
    **{f"hoof-n{n}-tim{count}": partial(hoof, bins=n, count=count) for count in (10, 64) for n in (4, 8)},
    "bi-woof": bi_woof,
    "mdmo": mdmo,
    "fdm": fdm,
}


def settings_of(name: str) -> str:
    """What a descriptor's result depends on, for the cache's key; the number at its end changes with its code."""
    described = DESCRIPTORS[name]
    given = described.keywords if isinstance(described, partial) else {}
    return " ".join([name, *(f"{key} {value}" for key, value in given.items()), "1"])
